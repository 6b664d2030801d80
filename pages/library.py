"""The case library: find, read, propose and publish what teaches."""

from pages.kit.guard import enter
from qa.policy import Right

page = enter(Right.VIEW_CASES)

from pages.screens import library  # noqa: E402  (the guard runs before anything else)

library.show(page)
