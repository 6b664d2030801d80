"""Keeping the installation safe: audit trail, backup and health."""
