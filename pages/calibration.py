"""Inspectors compared on the same conversations: rounds, doubles, agreement, severity, gold and pace."""

from pages.kit.calibration import screen
from pages.kit.guard import enter
from qa.policy import Right

screen.show(enter(Right.CALIBRATE, Right.INSPECT))
