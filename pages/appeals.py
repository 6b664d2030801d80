"""Appeals: agents object to results and case files; somebody who did not decide them rules."""

from pages.kit.guard import enter
from qa.policy import Right

page = enter(Right.RULE_APPEAL, Right.ANSWER)

from pages.screens.verdicts import appeals  # noqa: E402  (the guard runs before anything else)

appeals.show(page)
