"""People and the installation: users, sign-in, the agent roster, settings, audit."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from qa.tables.base import Base


class User(Base):
    """Somebody who can sign in. `agent_id` joins an agent's account to the roster; `home_team` is what a team leader
    leads."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint("role IN ('inspector', 'lead', 'team_leader', 'agent', 'admin')", name="role"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(String(100), unique=True)
    display_name: Mapped[str] = mapped_column(String(100))
    password_hash: Mapped[str | None] = mapped_column(String(300))
    role: Mapped[str] = mapped_column(String(20))
    agent_id: Mapped[str | None] = mapped_column(String(200))
    home_team: Mapped[str | None] = mapped_column(String(200))
    language: Mapped[str | None] = mapped_column(String(10))
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]


class SignIn(Base):
    """One signed-in browser: only the hash of its token is kept."""

    __tablename__ = "sign_ins"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class LoginLink(Base):
    """A one-time sign-in link (demo mode, or a new user's first visit)."""

    __tablename__ = "login_links"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class LoginFailure(Base):
    """A failed sign-in, counted for rate limiting."""

    __tablename__ = "login_failures"
    __table_args__ = (Index(None, "subject", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime]


class Agent(Base):
    """A row of the roster: the person who is inspected."""

    __tablename__ = "agents"

    agent_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    team: Mapped[str] = mapped_column(String(200), default="", index=True)
    shop: Mapped[str] = mapped_column(String(200), default="")
    stage: Mapped[str] = mapped_column(String(20), default="")
    """`presale`, `aftersale` or empty."""
    grade: Mapped[str] = mapped_column(String(20), default="")
    hired_on: Mapped[date | None]
    left_on: Mapped[date | None]
    updated_at: Mapped[datetime]


class TeamMembership(Base):
    """Team, shop and stage of an agent from a day of the business time zone on, until the next row of that agent. An
    agent without rows has always been what the roster says; the row of the newest day is what the roster says."""

    __tablename__ = "team_memberships"
    __table_args__ = (UniqueConstraint("agent_id", "from_day"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[str] = mapped_column(String(200))
    from_day: Mapped[date]
    team: Mapped[str] = mapped_column(String(200))
    shop: Mapped[str] = mapped_column(String(200))
    stage: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime]


class AgentAlias(Base):
    """Another account of the same person: what `account` says from `from_day` to `until` (days of the business time
    zone, both included; null: open) is said by `agent_id`."""

    __tablename__ = "agent_aliases"
    __table_args__ = (UniqueConstraint("account", "from_day"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    account: Mapped[str] = mapped_column(String(200))
    agent_id: Mapped[str] = mapped_column(String(200), index=True)
    from_day: Mapped[date]
    until: Mapped[date | None]
    created_at: Mapped[datetime]


class Setting(Base):
    """A setting changed in the workbench (not in the configuration file)."""

    __tablename__ = "settings"

    key: Mapped[str] = mapped_column(String(100), primary_key=True)
    value: Mapped[dict[str, Any]]
    updated_at: Mapped[datetime]


class AuditEntry(Base):
    """Who did what, when, to what. Append-only."""

    __tablename__ = "audit"
    __table_args__ = (Index(None, "entity", "entity_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    actor_id: Mapped[int | None] = mapped_column(index=True)
    actor_name: Mapped[str] = mapped_column(String(100))
    action: Mapped[str] = mapped_column(String(60), index=True)
    entity: Mapped[str] = mapped_column(String(40))
    entity_id: Mapped[str] = mapped_column(String(300))
    facts: Mapped[dict[str, Any]]
    mac: Mapped[str | None] = mapped_column(String(80))
    """A random part and a signature over everything above; null in entries older than signatures."""
