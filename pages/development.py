"""Development: exams from the case library, newcomers, grades, recognition."""

from pages.kit.guard import enter
from pages.screens.development import screen
from qa.policy import Right

screen.show(enter(Right.ASSESS, Right.VIEW_CASES))
