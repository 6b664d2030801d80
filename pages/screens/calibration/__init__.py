"""The calibration page: rounds, doubles that disagree, agreement and severity, gold and pace."""
