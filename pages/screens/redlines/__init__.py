"""The two screens of the red lines: the board of case files and the rule bench."""
