"""Conversations: the whole archive, searched and read."""

from pages.kit.guard import enter
from qa.policy import Right

page = enter(Right.VIEW_CONVERSATIONS)

from pages.screens.conversations import screen  # noqa: E402  (the guard runs before anything else)

screen.show(page)
