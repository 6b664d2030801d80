"""The rule bench: red-line rules, their drafts, and what an edit would change."""

from pages.kit.guard import enter
from pages.screens.rules import screen
from qa.policy import Right

screen.draw(enter(Right.EDIT_RULES))
