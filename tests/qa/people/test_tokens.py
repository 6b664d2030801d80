"""Tokens: checked, shown once, one's own or by whoever manages users."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from qa.errors import Denied, Invalid, NotFound
from qa.people import accounts, tokens
from qa.policy import SYSTEM, Role
from qa.workbench import Workbench

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)


def test_a_token_is_made_used_listed_and_ended(any_bench: Workbench) -> None:
    bench = any_bench
    lead, other = (
        accounts.create_user(bench, SYSTEM, now=NOW, login=name, role=Role.LEAD, display_name=name).actor
        for name in ("lead", "other")
    )
    made = tokens.create(bench, lead, now=NOW, user_id=lead.user_id, name=" BI ", scopes=["results"], days=30)
    assert made.secret.startswith(made.view.hint)
    assert (made.view.name, made.view.used_at) == ("BI", None)
    account, _view = tokens.opened(bench, made.secret, now=NOW + timedelta(hours=1)) or (None, None)
    assert account is not None
    assert account.login == "lead"
    assert tokens.opened(bench, made.secret + "x", now=NOW) is None
    assert tokens.opened(bench, made.secret, now=NOW + timedelta(days=30)) is None
    [listed] = tokens.tokens(bench, lead, lead.user_id)
    assert listed.used_at == NOW + timedelta(hours=1)
    with pytest.raises(Denied):
        tokens.create(bench, other, now=NOW, user_id=lead.user_id, name="x", scopes=["results"], days=30)
    with pytest.raises(Denied):
        tokens.tokens(bench, other)
    with pytest.raises(NotFound):
        tokens.revoke(bench, other, made.view.id, now=NOW)
    for _ in range(2):
        tokens.revoke(bench, lead, made.view.id, now=NOW)
    assert tokens.opened(bench, made.secret, now=NOW) is None
    for wrong in ({"name": " "}, {"scopes": []}, {"scopes": ["all"]}, {"days": 0}, {"days": 400}):
        with pytest.raises(Invalid):
            tokens.create(
                bench,
                lead,
                **{"now": NOW, "user_id": lead.user_id, "name": "x", "scopes": ["cases"], "days": 1, **wrong},
            )  # type: ignore[arg-type]
