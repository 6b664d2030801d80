"""Importing chats, disputes, ratings and the roster from what shops really export."""

from qa.ingest.chat_reading import ReadAhead
from qa.ingest.detecting import Detected, completed, detect
from qa.ingest.fields import FIELDS, KINDS, Field
from qa.ingest.files.decoding import ENCODINGS
from qa.ingest.files.shape import ReadOptions
from qa.ingest.frames import commit_frames
from qa.ingest.mapping import Mapping
from qa.ingest.presets import PRESETS, Preset
from qa.ingest.problems import RowProblem
from qa.ingest.profile_files import read as read_profile
from qa.ingest.profile_files import write as write_profile
from qa.ingest.profiles import Profile, load_profile, profiles, save_profile
from qa.ingest.requests import ImportCounts
from qa.ingest.reverting import TakeBack, can_take_back, take_back, take_back_preview
from qa.ingest.runs import Changed, ImportResult, state_of
from qa.ingest.same_person import Merge, merge, merge_preview, merges, undo_merge
from qa.ingest.sampling import SampleChat, sample_chat
from qa.ingest.service import (
    Cancel,
    FileToImport,
    ImportPreview,
    Progress,
    commit,
    history,
    preview,
    problem_list,
    reading_ahead,
    source_of,
)
from qa.ingest.sources import SourceChoice, silence_of, suggest_source
from qa.ingest.templates import template

__all__ = [
    "ENCODINGS",
    "FIELDS",
    "KINDS",
    "PRESETS",
    "Cancel",
    "Changed",
    "Detected",
    "Field",
    "FileToImport",
    "ImportCounts",
    "ImportPreview",
    "ImportResult",
    "Mapping",
    "Merge",
    "Preset",
    "Profile",
    "Progress",
    "ReadAhead",
    "ReadOptions",
    "RowProblem",
    "SampleChat",
    "SourceChoice",
    "TakeBack",
    "can_take_back",
    "commit",
    "commit_frames",
    "completed",
    "detect",
    "history",
    "load_profile",
    "merge",
    "merge_preview",
    "merges",
    "preview",
    "problem_list",
    "profiles",
    "read_profile",
    "reading_ahead",
    "sample_chat",
    "save_profile",
    "silence_of",
    "source_of",
    "state_of",
    "suggest_source",
    "take_back",
    "take_back_preview",
    "template",
    "undo_merge",
    "write_profile",
]
