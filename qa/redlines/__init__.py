"""Red-line violations: the board, one file in full, decisions, repeats and how well rules work."""
