"""Inspectors compared: rounds and gold, blind doubles, agreement and severity."""
