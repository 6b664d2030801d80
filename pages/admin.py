"""Admin: users and roles, who is signed in, the audit trail, health, backup."""

from pages.kit.guard import enter
from pages.screens import upkeep
from qa.policy import Right

upkeep.draw(enter(Right.MANAGE_USERS, Right.VIEW_AUDIT, Right.MAINTAIN))
