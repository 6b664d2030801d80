"""Accounts on both databases: creating, changing, disabling, passwords, links, sign-ins, and the trail they leave."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from qa.errors import Conflict, Denied, Invalid, NotFound
from qa.people import accounts, guessing, signins
from qa.policy import SYSTEM, Actor, Role
from qa.tables import AuditEntry, LoginFailure, User
from qa.workbench import Workbench

PASSWORD = "correct-horse-1"
LATER = timedelta(seconds=1)


@pytest.fixture
def admin(any_bench: Workbench, now: datetime) -> accounts.Account:
    return accounts.create_user(any_bench, SYSTEM, now=now, login="Root", role=Role.ADMIN, password=PASSWORD)


def actions(bench: Workbench) -> list[str]:
    with bench.db.read() as session:
        return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def test_names_are_folded_so_that_one_person_is_one_account(
    any_bench: Workbench, admin: accounts.Account, now: datetime
) -> None:
    assert admin.login == "root"
    assert signins.sign_in(any_bench, " ROOT ", PASSWORD, address="1", now=now).account == admin
    with pytest.raises(Conflict):
        accounts.create_user(any_bench, SYSTEM, now=now, login="rOOt", role=Role.LEAD)


@pytest.mark.parametrize("login", ["", "a b", "a/b", "<x>", 'a"b', "x" * 101, "a\nb"])
def test_impossible_names_are_refused(bench: Workbench, now: datetime, login: str) -> None:
    with pytest.raises(Invalid):
        accounts.create_user(bench, SYSTEM, now=now, login=login, role=Role.LEAD)


@pytest.mark.parametrize("password", ["short", "x" * 1001, "longenough"])
def test_poor_passwords_are_refused(bench: Workbench, now: datetime, password: str) -> None:
    with pytest.raises(Invalid):
        accounts.create_user(bench, SYSTEM, now=now, login="longenough", role=Role.LEAD, password=password)


def test_passwords_are_kept_as_argon2_only(bench: Workbench, now: datetime) -> None:
    accounts.create_user(bench, SYSTEM, now=now, login="x", role=Role.LEAD, password=PASSWORD)
    with bench.db.read() as session:
        stored = session.scalars(select(User.password_hash)).one()
    assert stored is not None
    assert stored.startswith("$argon2id$")
    assert PASSWORD not in stored


def test_an_agents_account_needs_the_agent(bench: Workbench, now: datetime) -> None:
    with pytest.raises(Invalid):
        accounts.create_user(bench, SYSTEM, now=now, login="x", role=Role.AGENT, agent_id=" ")


Call = Callable[[Workbench, Actor, int, datetime], object]
MANAGING: dict[str, Call] = {
    "create": lambda b, a, i, n: accounts.create_user(b, a, now=n, login="new", role=Role.ADMIN),
    "change": lambda b, a, i, n: accounts.change_user(b, a, i, now=n, display_name="x", role=Role.ADMIN),
    "disable": lambda b, a, i, n: accounts.disable_user(b, a, i, now=n),
    "enable": lambda b, a, i, n: accounts.enable_user(b, a, i, now=n),
    "password": lambda b, a, i, n: accounts.set_password(b, a, i, PASSWORD, now=n),
    "link": lambda b, a, i, n: signins.new_link(b, a, i, now=n),
    "list": lambda b, a, i, n: accounts.users(b, a),
    "find": lambda b, a, i, n: accounts.find(b, a, login="root"),
    "sign-ins": lambda b, a, i, n: signins.open_sign_ins(b, a, now=n),
    "revoke": lambda b, a, i, n: signins.revoke_sign_ins(b, a, i, now=n),
}


@pytest.mark.parametrize("role", [Role.INSPECTOR, Role.LEAD, Role.AGENT])
@pytest.mark.parametrize("call", MANAGING.values(), ids=MANAGING.keys())
def test_only_admins_manage_accounts(bench: Workbench, now: datetime, role: Role, call: Call) -> None:
    admin = accounts.create_user(bench, SYSTEM, now=now, login="root", role=Role.ADMIN)
    with pytest.raises(Denied):
        call(bench, Actor(999, role, "x", "a-1"), admin.id, now)
    assert actions(bench) == ["user.created"]


def test_the_last_active_admin_stays(any_bench: Workbench, admin: accounts.Account, now: datetime) -> None:
    with pytest.raises(Conflict):
        accounts.disable_user(any_bench, SYSTEM, admin.id, now=now)
    with pytest.raises(Conflict):
        accounts.change_user(any_bench, SYSTEM, admin.id, now=now, display_name="Root", role=Role.LEAD)
    second = accounts.create_user(any_bench, SYSTEM, now=now, login="second", role=Role.ADMIN)
    assert not accounts.disable_user(any_bench, SYSTEM, admin.id, now=now).active
    with pytest.raises(Conflict):
        accounts.disable_user(any_bench, SYSTEM, second.id, now=now)


def test_two_admins_cannot_disable_each_other_at_once(
    any_bench: Workbench, admin: accounts.Account, now: datetime
) -> None:
    second = accounts.create_user(any_bench, SYSTEM, now=now, login="second", role=Role.ADMIN)
    start, refused = threading.Barrier(2), []

    def disable(user_id: int) -> None:
        start.wait()
        try:
            accounts.disable_user(any_bench, SYSTEM, user_id, now=now)
        except Conflict as problem:
            refused.append(problem)

    threads = [threading.Thread(target=disable, args=(user,)) for user in (admin.id, second.id)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert sum(user.active for user in accounts.users(any_bench, SYSTEM)) == 1


def test_a_sign_in_is_known_by_its_mark_until_it_ends(
    any_bench: Workbench, admin: accounts.Account, now: datetime
) -> None:
    opened = signins.sign_in(any_bench, "root", PASSWORD, address="1", now=now)
    mark = signins.session_mark(any_bench, opened.token, now=now)
    assert mark is not None
    assert opened.token not in mark
    assert signins.signed_in(any_bench, mark, now=now) == admin
    assert signins.signed_in(any_bench, mark, now=opened.expires_at) is None
    signins.sign_out(any_bench, opened.token, now=now)
    assert signins.signed_in(any_bench, mark, now=now) is None
    signins.sign_out(any_bench, opened.token, now=now)
    assert actions(any_bench) == ["user.created", "user.signed_in", "user.signed_out"]


@pytest.mark.parametrize(
    "mark",
    ["", ".", "1", "1.", "1.00000000000000000000000000000000", "99999999999999999999.x", "-1.x", "１.x", "1.x; DROP"],
)
def test_guessed_marks_are_nobody(bench: Workbench, now: datetime, mark: str) -> None:
    accounts.create_user(bench, SYSTEM, now=now, login="root", role=Role.ADMIN, password=PASSWORD)
    signins.sign_in(bench, "root", PASSWORD, address="1", now=now)
    assert signins.signed_in(bench, mark, now=now) is None


def test_a_role_change_counts_at_once(any_bench: Workbench, admin: accounts.Account, now: datetime) -> None:
    lead = accounts.create_user(any_bench, SYSTEM, now=now, login="lead", role=Role.LEAD, password=PASSWORD)
    mark = signins.session_mark(
        any_bench, signins.sign_in(any_bench, "lead", PASSWORD, address="1", now=now).token, now=now
    )
    accounts.change_user(
        any_bench, admin.actor, lead.id, now=now, display_name="L", role=Role.INSPECTOR, agent_id="a-9"
    )
    found = signins.signed_in(any_bench, mark or "", now=now)
    assert found is not None
    assert (found.role, found.agent_id, found.display_name) == (Role.INSPECTOR, "a-9", "L")


def test_changing_the_password_keeps_this_browser_and_ends_the_others(
    any_bench: Workbench, admin: accounts.Account, now: datetime
) -> None:
    here, there = (signins.sign_in(any_bench, "root", PASSWORD, address="1", now=now) for _ in range(2))
    mark = signins.session_mark(any_bench, here.token, now=now) or ""
    with pytest.raises(Denied):
        accounts.change_password(any_bench, admin.actor, old="wrong", new="another-horse-2", mark=mark, now=now)
    accounts.change_password(any_bench, admin.actor, old=PASSWORD, new="another-horse-2", mark=mark, now=now)
    assert signins.session_mark(any_bench, here.token, now=now) == mark
    assert signins.session_mark(any_bench, there.token, now=now) is None
    with pytest.raises(Denied):
        signins.sign_in(any_bench, "root", PASSWORD, address="1", now=now)
    signins.sign_in(any_bench, "root", "another-horse-2", address="1", now=now)


def test_failures_are_forgotten_after_a_while_and_by_success(
    any_bench: Workbench, admin: accounts.Account, now: datetime
) -> None:
    for _ in range(guessing.FAILURES_PER_BROWSER):
        with pytest.raises(Denied, match="wrong"):
            signins.sign_in(any_bench, "root", "guess", address="1", now=now)
    with pytest.raises(Denied, match="Too many"):
        signins.sign_in(any_bench, "root", PASSWORD, address="1", now=now + LATER)
    signins.sign_in(any_bench, "root", PASSWORD, address="2", now=now)  # the owner, from elsewhere
    signins.sign_in(any_bench, "root", PASSWORD, address="1", now=now + guessing.FAILURE_WINDOW + LATER)
    with pytest.raises(Denied, match="wrong"):
        signins.sign_in(any_bench, "root", "guess", address="1", now=now + 5 * guessing.FAILURE_WINDOW)
    with any_bench.db.read() as session:
        assert len(session.scalars(select(LoginFailure.id)).all()) == 3  # old ones were cleaned away


def test_one_address_cannot_try_one_password_on_many_accounts(bench: Workbench, now: datetime) -> None:
    for number in range(guessing.FAILURES_PER_ADDRESS):
        with pytest.raises(Denied, match="wrong"):
            signins.sign_in(bench, f"user{number}", "Spring2026!", address="6.6.6.6", now=now)
    with pytest.raises(Denied, match="Too many"):
        signins.sign_in(bench, "another", "Spring2026!", address="6.6.6.6", now=now)


def test_a_link_works_once_even_when_clicked_twice_at_once(
    any_bench: Workbench, admin: accounts.Account, now: datetime
) -> None:
    token = signins.new_link(any_bench, SYSTEM, admin.id, now=now)
    start, outcomes = threading.Barrier(2), []

    def use() -> None:
        start.wait()
        try:
            outcomes.append(signins.sign_in_by_link(any_bench, token, now=now))
        except Denied as problem:
            outcomes.append(problem)

    threads = [threading.Thread(target=use) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Denied", "SignedIn"]


def test_disabling_ends_sign_ins_and_links(any_bench: Workbench, admin: accounts.Account, now: datetime) -> None:
    lead = accounts.create_user(any_bench, SYSTEM, now=now, login="lead", role=Role.LEAD, password=PASSWORD)
    opened = signins.sign_in(any_bench, "lead", PASSWORD, address="1", now=now)
    token = signins.new_link(any_bench, SYSTEM, lead.id, now=now)
    accounts.disable_user(any_bench, admin.actor, lead.id, now=now)
    assert signins.session_mark(any_bench, opened.token, now=now) is None
    accounts.enable_user(any_bench, admin.actor, lead.id, now=now)
    assert signins.session_mark(any_bench, opened.token, now=now) is None
    with pytest.raises(Denied):
        signins.sign_in_by_link(any_bench, token, now=now)
    with pytest.raises(NotFound):
        accounts.disable_user(any_bench, admin.actor, 12345, now=now)


def test_ones_own_sign_ins_may_be_ended(bench: Workbench, now: datetime) -> None:
    lead = accounts.create_user(bench, SYSTEM, now=now, login="lead", role=Role.LEAD, password=PASSWORD)
    signins.sign_in(bench, "lead", PASSWORD, address="1", now=now)
    assert signins.revoke_sign_ins(bench, lead.actor, lead.id, now=now) == 1
    assert signins.open_sign_ins(bench, SYSTEM, now=now) == []


def test_the_chosen_language_is_remembered(bench: Workbench, now: datetime) -> None:
    lead = accounts.create_user(bench, SYSTEM, now=now, login="lead", role=Role.LEAD)
    accounts.choose_language(bench, lead.actor, "en", now=now)
    assert accounts.find(bench, SYSTEM, login="lead").language == "en"
    with pytest.raises(Invalid):
        accounts.choose_language(bench, lead.actor, "fr", now=now)
