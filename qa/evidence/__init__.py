"""Evidence that cannot be bent: facts are sealed soon after they were written, and every change by hand is named."""

from qa.evidence.checking import EvidenceReport, Forgery, check
from qa.evidence.sealing import Sealed, begin_anew, seal, standing

__all__ = ["EvidenceReport", "Forgery", "Sealed", "begin_anew", "check", "seal", "standing"]
