"""One agent's results; an agent sees their own."""

from pages.kit.guard import enter
from pages.screens.reports import agent
from qa.policy import Right

agent.show(enter(Right.VIEW_RESULTS, Right.VIEW_TEAM, Right.VIEW_OWN_RESULTS))
