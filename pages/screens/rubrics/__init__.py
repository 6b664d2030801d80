"""The rubric page: reading a scorecard, editing its draft, comparing versions."""
