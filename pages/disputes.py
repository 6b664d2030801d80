"""Disputes: those to settle first, each with its case as one story, and the figures."""

from pages.kit.guard import enter
from pages.screens.disputes import screen
from qa.policy import Right

screen.show(enter(Right.VIEW_RESULTS, Right.VIEW_TEAM))
