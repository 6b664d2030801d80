"""The admin page: accounts, sign-ins, audit, health, backup, as an admin uses them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.kit import dialogs
from qa import ingest, jobs, retention
from qa.jobs import Worker
from qa.people import accounts, signins
from qa.policy import SYSTEM, Role
from qa.upkeep import backup
from qa.workbench import Workbench
from tests.qa.ingest.files import CHATS, write_csv

OpenPage = Callable[..., AppTest]
ROOT = Path(__file__).parents[2]


def _fill(at: AppTest, **values: str) -> None:
    at.button(key="open_new_account").click().run()
    for key, value in values.items():
        at.text_input(key=f"new_{key}").set_value(value)


def test_a_new_account_gets_a_link_that_works(open_page: OpenPage, page_bench: Workbench) -> None:
    at = open_page("admin", "admin.py")
    _fill(at, login="Wang.Fang", name="王芳 <b>", agent="a-7")
    at.selectbox(key="new_role").set_value(Role.AGENT)
    next(button for button in at.button if button.label.startswith("Create")).click().run()
    assert not at.exception
    assert not [field for field in at.text_input if field.key == "new_login"]  # success closes the dialog
    token = at.code[0].value.split("token=")[1]
    account = signins.sign_in_by_link(page_bench, token, now=datetime.now(UTC)).account
    assert (account.login, account.display_name, account.role, account.agent_id) == (
        "wang.fang",
        "王芳 <b>",
        Role.AGENT,
        "a-7",
    )


def test_a_mistake_is_explained_and_nothing_is_created(open_page: OpenPage, page_bench: Workbench) -> None:
    at = open_page("admin", "admin.py")
    _fill(at, login="admin")
    next(button for button in at.button if button.label.startswith("Create")).click().run()
    assert "already an account" in at.warning[0].value
    assert at.text_input(key="new_login").value == "admin"  # what was typed stays
    assert len(accounts.users(page_bench, SYSTEM)) == 1


@pytest.mark.parametrize(
    "section", ["users", "roster", "signins", "audit", "health", "backup", "retention", "files", "nonsense"]
)
@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_every_section_has_an_address(open_page: OpenPage, section: str, language: str) -> None:
    at = open_page("admin", "admin.py", language=language, query={"section": section})
    assert not at.exception
    assert at.segmented_control(key="pick_section").value == (section if section != "nonsense" else "users")
    assert at.query_params.get("section") == (section if section not in ("users", "nonsense") else None)


def test_the_audit_trail_is_searched_and_paged(open_page: OpenPage, page_bench: Workbench) -> None:
    for number in range(60):
        accounts.create_user(page_bench, SYSTEM, now=datetime.now(UTC), login=f"person{number:02}", role=Role.INSPECTOR)
    at = open_page("admin", "admin.py", query={"section": "audit"})
    assert len(at.dataframe[0].value) == 50
    at.button(key="audit_older").click().run()
    assert len(at.dataframe[0].value) == 12
    at.text_input(key="q").set_value("person07 created").run()
    assert len(at.dataframe[0].value) == 1
    at.text_input(key="q").set_value("100%_nothing").run()
    assert len(at.dataframe) == 0


def test_the_trail_is_read_and_searched_in_words(open_page: OpenPage, page_bench: Workbench) -> None:
    accounts.create_user(page_bench, SYSTEM, now=datetime.now(UTC), login="lin", role=Role.INSPECTOR)
    at = open_page("admin", "admin.py", language="zh_CN", query={"section": "audit"})
    at.text_input(key="q").set_value("新建账号 lin").run()
    [row] = at.dataframe[0].value.to_dict("records")
    told = " ".join(map(str, row.values()))
    assert "账号：lin" in told
    assert "角色：质检员" in told
    assert "user.created" not in told
    assert "null" not in told


def test_a_backup_is_made_and_listed(open_page: OpenPage, page_bench: Workbench) -> None:
    at = open_page("admin", "admin.py", query={"section": "backup"})
    at.button(key="make_backup").click().run()
    assert not at.exception
    assert "You may close this page" in " ".join(caption.value for caption in at.caption)
    assert Worker(page_bench).run_waiting() == 1
    at = open_page("admin", "admin.py", query={"section": "backup"})  # whoever comes back finds it
    assert "verified" in at.success[0].value
    [(name, _manifest)] = backup.listing(page_bench, SYSTEM)
    backup.verify(backup.own_folder(page_bench) / name)
    at.button(key="backup_dismiss").click().run()
    assert not at.success


def test_jobs_are_listed_and_stopped(open_page: OpenPage, page_bench: Workbench) -> None:
    at = open_page("admin", "admin.py", query={"section": "jobs"})
    assert "No jobs yet." in "".join(block.proto.body for block in at.get("html"))
    jobs.ask(page_bench, SYSTEM, jobs.SCREENING, jobs.Screen(), now=datetime.now(UTC))
    at = open_page("admin", "admin.py", query={"section": "jobs"})
    [row] = at.dataframe[0].value.to_dict("records")
    assert (row["Job"], row["State"], row["Asked for by"]) == ("Screening", "waiting", "system")
    assert at.button(key="stop_job").disabled
    at.session_state["jobs_chosen"] = 0
    at.run()
    at.button(key="stop_job").click().run()
    assert not at.exception
    assert [view.state for view in jobs.recent(page_bench, SYSTEM)] == ["cancelled"]


def test_a_customer_is_forgotten_on_request(open_page: OpenPage, page_bench: Workbench, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    path = write_csv(tmp_path / "a.csv", CHATS)
    found = ingest.detect(path)
    ingest.commit(page_bench, SYSTEM, now=now, path=path, mapping=found.mapping, kind=found.kind, source="shop")
    at = open_page("admin", "admin.py", query={"section": "retention"})
    assert not at.exception
    at.number_input(key="policy_days_shop").set_value(365).run()
    at.button(key="save_policy").click().run()
    assert [(p.source, p.days) for p in retention.policies(page_bench, SYSTEM)] == [("shop", 365)]
    at.radio(key="removal_kind").set_value("request").run()
    at.text_input(key="removal_customer").set_value("tb1002").run()
    at.button(key="look_at_removal").click().run()
    counted = next(d.value for d in at.dataframe if "Number" in d.value.columns)
    assert dict(zip(counted["What"], counted["Number"], strict=True))["Messages"] == "2"
    at.text_input(key="removal_reason").set_value("asked by mail").run()
    at.button(key="remove_text").click().run()
    assert not at.exception
    assert Worker(page_bench).run_waiting() >= 1
    at.run()
    assert "1" in at.success[0].value
    left = page_bench.archive.at().scan("conversations").collect()
    assert left["customer_id"].to_list() == ["tb1001"]
    assert [one.reason for one in retention.history(page_bench, SYSTEM)] == ["asked by mail"]


def test_an_account_is_changed_in_its_dialog_and_the_trail_says_from_what(
    open_page: OpenPage, page_bench: Workbench
) -> None:
    lin = accounts.create_user(page_bench, SYSTEM, now=datetime.now(UTC), login="lin", role=Role.INSPECTOR)
    at = open_page("admin", "admin.py")
    at.session_state[dialogs._OPEN], at.session_state[dialogs._BESIDE] = "account", lin.id
    at.run()
    at.button(key="change_account").click().run()
    at.text_input(key="change_name").set_value("")
    next(button for button in at.button if button.label == "Save").click().run()
    assert "name is empty" in at.warning[0].value  # told beside what was typed
    at.text_input(key="change_name").set_value("林")
    next(button for button in at.button if button.label == "Save").click().run()
    assert not at.exception
    assert accounts.find(page_bench, SYSTEM, login="lin").display_name == "林"
    at = open_page("admin", "admin.py", query={"section": "audit"})
    assert "name: lin → 林" in " ".join(at.dataframe[0].value["Facts"])


def test_a_backup_is_restored_only_by_its_name(open_page: OpenPage, page_bench: Workbench) -> None:
    backup.backup(page_bench, SYSTEM, backup.own_folder(page_bench) / "one", now=datetime.now(UTC))
    at = open_page("admin", "admin.py", query={"section": "backup"})
    assert at.button(key="ask_restore").disabled
    at.session_state["backups_chosen"] = 0
    at.run()
    at.button(key="ask_restore").click().run()
    assert at.button(key="restore_go").disabled
    at.text_input(key="restore_name").set_value("one").run()
    at.button(key="restore_go").click().run()
    assert not at.exception
    assert not at.warning
    assert "make_backup" not in {button.key for button in at.button}, "nothing else is begun meanwhile"
    assert Worker(page_bench).run_waiting() == 1
    assert accounts.users(page_bench, SYSTEM) == []  # as it was when the backup was made
    assert len(backup.listing(page_bench, SYSTEM)) == 2  # what was there before is kept beside it


def test_a_file_is_made_and_fetched(open_page: OpenPage, page_bench: Workbench) -> None:
    at = open_page("admin", "admin.py", query={"section": "files"})
    at.selectbox(key="export_what").set_value("audit")
    next(button for button in at.button if button.label == "Make the file").click().run()
    assert not at.exception
    assert Worker(page_bench).run_waiting() == 1
    at = open_page("admin", "admin.py", language="zh_CN", query={"section": "files"})
    assert not at.exception
    assert any("spotcheck-audit-" in node.value.replace("\\", "") for node in at.markdown)


def test_whoever_came_by_a_link_is_asked_once_for_a_password(open_page: OpenPage, page_bench: Workbench) -> None:
    now = datetime.now(UTC)
    lin = accounts.create_user(page_bench, SYSTEM, now=now, login="lin", role=Role.ADMIN, language="en")
    opened = signins.sign_in_by_link(page_bench, signins.new_link(page_bench, SYSTEM, lin.id, now=now), now=now)
    at = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    at.user = {"session": signins.session_mark(page_bench, opened.token, now=now)}
    at.run()
    assert not at.exception
    assert at.text_input(key="password_new").label == "New password"
    assert not [field for field in at.run().text_input if field.key == "password_new"]
    again = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    again.user, again.query_params["verdict"] = at.user, "1"  # an address may open a dialog of its own
    again.run()
    assert not again.exception
    assert not [field for field in again.text_input if field.key == "password_new"]
