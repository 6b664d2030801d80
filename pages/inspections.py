"""My inspections: what one has scored, what was changed since, how strict one is, and correcting a result."""

from pages.kit.guard import enter
from qa.policy import Right

page = enter(Right.INSPECT)

from pages.screens.desk import history  # noqa: E402  (the guard runs before anything else)

history.show(page)
