"""The inspection desk: one component that shows a conversation and, where somebody inspects, the scorecard beside it."""

from pages.kit.desk.reading import TranscriptView, transcript
from pages.kit.desk.working import courier, show

__all__ = ["TranscriptView", "courier", "show", "transcript"]
