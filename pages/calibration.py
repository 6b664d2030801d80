"""Inspectors compared on the same conversations: rounds, doubles, agreement, severity, gold and pace."""

from pages.kit.guard import enter
from pages.screens.calibration import screen
from qa.policy import Right

screen.show(enter(Right.CALIBRATE, Right.INSPECT))
