"""Admin: users and roles, who is signed in, the audit trail, health, backup."""

from pages.kit import administration
from pages.kit.guard import enter
from qa.policy import Right

administration.draw(enter(Right.MANAGE_USERS, Right.VIEW_AUDIT, Right.MAINTAIN))
