"""Assessment: the month's sheets, the indicators they rest on, and the schemes."""

from pages.kit.guard import enter
from pages.screens.assessment import screen
from qa.policy import Right

screen.show(enter(Right.ASSESS, Right.VIEW_TEAM, Right.VIEW_OWN_RESULTS))
