"""The schema of the workbench database, as SQLAlchemy models by area."""

from qa.tables.base import Base
from qa.tables.evidence import RecordSeal, Seal, SealBatch
from qa.tables.jobs import Job
from qa.tables.people import Agent, AuditEntry, LoginFailure, LoginLink, Setting, SignIn, TeamMembership, User
from qa.tables.programme import (
    Draw,
    ImportRun,
    MappingProfile,
    Measure,
    Plan,
    RiskModelVersion,
    RubricVersion,
    RuleVersion,
    Sample,
    Transcript,
)
from qa.tables.work import (
    Acknowledgement,
    Appeal,
    Assignment,
    CalibrationRound,
    Case,
    Correction,
    Draft,
    Inspection,
    Verdict,
    Violation,
    ViolationEvent,
)

__all__ = [
    "Acknowledgement",
    "Agent",
    "Appeal",
    "Assignment",
    "AuditEntry",
    "Base",
    "CalibrationRound",
    "Case",
    "Correction",
    "Draft",
    "Draw",
    "ImportRun",
    "Inspection",
    "Job",
    "LoginFailure",
    "LoginLink",
    "MappingProfile",
    "Measure",
    "Plan",
    "RecordSeal",
    "RiskModelVersion",
    "RubricVersion",
    "RuleVersion",
    "Sample",
    "Seal",
    "SealBatch",
    "Setting",
    "SignIn",
    "TeamMembership",
    "Transcript",
    "User",
    "Verdict",
    "Violation",
    "ViolationEvent",
]
