"""Inspect: read the next sample, score it by keyboard, submit, next. `?assignment=ID` names one sample."""

from __future__ import annotations

from pages.kit.guard import enter
from pages.screens.desk import working
from qa.policy import Right

enter(Right.INSPECT)
working.show()
working.background()
