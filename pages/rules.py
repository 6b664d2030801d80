"""The rule bench: red-line rules, their drafts, and what an edit would change."""

from pages.kit.guard import enter
from pages.kit.redlines import rulebench
from qa.policy import Right

rulebench.draw(enter(Right.EDIT_RULES))
