"""Operations: what is done every night without anybody, when, and what came of it."""

from pages.kit.guard import enter
from pages.screens.operations import screen
from qa.policy import Right

screen.draw(enter(Right.MAINTAIN))
