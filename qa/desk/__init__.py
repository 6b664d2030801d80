"""The inspector's desk: queue, leases, drafts, submitting, and everything one sample shows."""
