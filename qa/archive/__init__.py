"""The archive: everything imported, as versioned Delta tables that other engines can read too."""

from qa.archive.schema import KEYS, MESSAGE_KINDS, PROVENANCE, ROLES, TABLES, conform, empty
from qa.archive.store import Archive, Change, Snapshot, Writer, stage

__all__ = ["KEYS", "MESSAGE_KINDS", "PROVENANCE", "ROLES", "TABLES", "Archive", "Change", "Snapshot", "Writer", "conform", "empty", "stage"]
