"""Trends: scores over time with intervals, signals, measures and the inspections behind every point."""

from pages.kit.guard import enter
from pages.screens.reports import trends
from qa.policy import Right

trends.show(enter(Right.VIEW_RESULTS, Right.VIEW_TEAM))
