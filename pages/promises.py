"""Promises: what agents promised customers, due today and broken first."""

from pages.kit.guard import enter
from pages.screens.promises import screen
from qa.policy import Right

screen.show(enter(Right.VIEW_RESULTS, Right.VIEW_TEAM))
