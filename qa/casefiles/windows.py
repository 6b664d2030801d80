"""How long an agent may object: one setting, read by whoever files an appeal and whoever shows that it can still be
filed."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from qa.tables import Setting

SETTING = "appeals"
WINDOW_DAYS = 7


def window_days(session: Session) -> int:
    """Days an agent has to object, counted from the verdict or the ruling."""
    found = session.get(Setting, SETTING)
    return int(found.value.get("window_days", WINDOW_DAYS)) if found else WINDOW_DAYS


def closes(session: Session, since: datetime) -> datetime:
    """The last moment for an objection to what was decided at `since`."""
    return since + timedelta(days=window_days(session))
