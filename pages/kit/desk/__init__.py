"""The inspection desk: one component that shows a conversation and, where somebody inspects, the scorecard beside
it."""

from pages.kit.desk.reading import TranscriptView, transcript

__all__ = ["TranscriptView", "transcript"]
