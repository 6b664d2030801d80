"""Machine scores: what machine scorers say of conversations, corrected by the reviewed sample."""

from pages.kit.guard import enter
from pages.screens.scorer import screen
from qa.policy import Right

screen.show(enter(Right.VIEW_RESULTS))
