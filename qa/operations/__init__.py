"""The night shift: what is done every night without anybody, when, and in which order."""

from qa.operations.nights import NightTurn, next_at, turns
from qa.operations.notes import StepDone, StepNote
from qa.operations.schedules import StepSchedule, change, known, pause, resume, schedules
from qa.operations.steps import BY_NAME, STEPS, NightWork, ShiftStep

__all__ = [
    "BY_NAME",
    "STEPS",
    "NightTurn",
    "NightWork",
    "ShiftStep",
    "StepDone",
    "StepNote",
    "StepSchedule",
    "change",
    "known",
    "next_at",
    "pause",
    "resume",
    "schedules",
    "turns",
]
