"""Red lines: suspected and confirmed violations, and what becomes of them."""

from pages.kit.guard import enter
from pages.screens.redlines import board
from qa.policy import Right

board.draw(enter(Right.VIEW_VIOLATIONS, Right.VIEW_TEAM))
