"""The archive: everything imported, as versioned Delta tables that other engines can read too."""

from qa.archive.change import ArchiveChange
from qa.archive.parts import stage
from qa.archive.schema import KEYS, MESSAGE_KINDS, PROVENANCE, ROLES, TABLES, conform, empty
from qa.archive.snapshot import Snapshot, among
from qa.archive.store import Archive, Writer

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
    "among",
    "conform",
    "empty",
    "stage",
]
