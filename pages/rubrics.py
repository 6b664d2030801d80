"""The scorecard: what is judged and what it costs, its versions, and the lead's draft of the next."""

from pages.kit.guard import enter
from pages.screens.rubrics import screen
from qa.policy import Right

screen.show(enter(Right.VIEW_RUBRIC))
