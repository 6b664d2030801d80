"""Folders that exports are dropped into: what is there is imported by itself, or set aside with what is to be done."""

from qa.inbox.folders import Folder, add, change, find, folders, place, remove, set_aside, waiting
from qa.inbox.taking import STATES, FileAsks, TakenFile, take_in, unknown_folders

__all__ = [
    "STATES",
    "FileAsks",
    "Folder",
    "TakenFile",
    "add",
    "change",
    "find",
    "folders",
    "place",
    "remove",
    "set_aside",
    "take_in",
    "unknown_folders",
    "waiting",
]
