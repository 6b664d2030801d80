"""The case library: cases and how they are found."""
