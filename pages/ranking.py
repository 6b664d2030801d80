"""What may be said about agents compared with each other, and where points go."""

from pages.kit.guard import enter
from pages.screens.reports import ranking
from qa.policy import Right

ranking.show(enter(Right.VIEW_RESULTS, Right.VIEW_TEAM))
