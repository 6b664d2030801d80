"""The archive: everything imported, as versioned Delta tables that other engines can read too."""

from qa.archive.schema import KEYS, MESSAGE_KINDS, PROVENANCE, ROLES, TABLES, conform, empty
from qa.archive.store import Archive, ArchiveChange, Snapshot, Writer, stage

__all__ = [
    "KEYS",
    "MESSAGE_KINDS",
    "PROVENANCE",
    "ROLES",
    "TABLES",
    "Archive",
    "ArchiveChange",
    "Snapshot",
    "Writer",
    "conform",
    "empty",
    "stage",
]
