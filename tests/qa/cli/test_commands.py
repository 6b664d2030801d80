"""The command line: the same services, one JSON document, honest exit codes, both languages."""

from __future__ import annotations

import io
import json
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from qa.cli.main import main, parser
from qa.cli.output import Output, plain, width
from qa.config import Config
from qa.errors import Invalid
from qa.i18n import Translator
from qa.people import accounts, signins
from qa.policy import SYSTEM, Role
from qa.web import listening
from qa.workbench import Workbench


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("SPOTCHECK_HOME", "SPOTCHECK_DATABASE_URL", "SPOTCHECK_CONFIG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SPOTCHECK_LANGUAGE", "en")
    monkeypatch.chdir(tmp_path)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    """Exit code, the JSON document (or None), and standard error."""
    code = main(["--home", "home", "--json", *arguments])
    captured = capsys.readouterr()
    return code, json.loads(captured.out) if captured.out else None, captured.err


def test_setting_up_gives_a_link_that_works_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, document, _err = run(capsys, "init")
    assert code == 0
    bench = Workbench.open(Config(home=tmp_path / "home"))
    token = document["link"].split("token=")[1]
    assert signins.sign_in_by_link(bench, token, now=datetime.now(UTC)).account.role is Role.ADMIN
    bench.close()
    code, document, _err = run(capsys, "init")
    assert (code, document["link"]) == (0, None)


def test_the_first_admin_can_have_a_password_at_once(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("correct-horse-1\n"))
    code, document, _err = run(capsys, "init", "--password")
    assert (code, document["link"]) == (0, None)
    bench = Workbench.open(Config(home=tmp_path / "home"))
    opened = signins.sign_in(bench, "admin", "correct-horse-1", address="1", now=datetime.now(UTC))
    assert opened.account.role is Role.ADMIN
    bench.close()


def test_links_lead_to_the_server_that_runs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run(capsys, "init")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        listening.note(Config(home=tmp_path / "home", port=port))
        assert run(capsys, "user", "link", "admin")[1]["link"].startswith(f"http://127.0.0.1:{port}/login/link?")
    # a note of a server that was killed does not count
    assert run(capsys, "user", "link", "admin")[1]["link"].startswith("http://127.0.0.1:8501/")


def test_nothing_is_created_by_mistyping_the_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _document, err = run(capsys, "user", "list")
    assert (code, json.loads(err)["error"]) == (5, "conflict")
    assert not (tmp_path / "home").exists()


def test_accounts_from_the_command_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(capsys, "init")
    assert run(capsys, "user", "add", "lin", "--role", "agent")[0] == 2
    assert run(capsys, "user", "add", "lin", "--role", "agent", "--agent", "a-1", "--name", "林")[0] == 0
    assert run(capsys, "user", "add", "lin", "--role", "lead")[0] == 5
    assert run(capsys, "user", "disable", "nobody")[0] == 4
    assert run(capsys, "user", "disable", "admin")[0] == 5
    monkeypatch.setattr("sys.stdin", io.StringIO("correct-horse-1\n"))
    assert run(capsys, "user", "password", "lin")[0] == 0
    assert run(capsys, "user", "disable", "lin")[1]["active"] is False
    assert run(capsys, "user", "enable", "lin")[1]["active"] is True
    assert "token=" in run(capsys, "user", "link", "lin")[1]["link"]
    assert [account["login"] for account in run(capsys, "user", "list")[1]] == ["admin", "lin"]
    bench = Workbench.open(Config(home=tmp_path / "home"))
    assert signins.sign_in(bench, "lin", "correct-horse-1", address="1", now=datetime.now(UTC))
    assert accounts.find(bench, SYSTEM, login="lin").display_name == "林"
    bench.close()


def test_the_doctor_says_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    code, document, _err = run(capsys, "doctor")
    assert code == 1
    assert {"name": "Database", "state": "failed", "detail": "SQLite is empty: run “spotcheck init”"} in document
    run(capsys, "init")
    code, document, _err = run(capsys, "doctor")
    assert code == 0
    assert "failed" not in [finding["state"] for finding in document]


def test_backup_and_restore(capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "init")
    assert run(capsys, "backup", "copy")[0] == 0
    assert run(capsys, "backup", "copy", "--check")[0] == 0
    assert run(capsys, "backup", "copy")[0] == 5
    assert run(capsys, "restore", "copy")[0] == 5
    assert main(["--home", "other", "restore", "copy"]) == 0
    assert "1 account, archive version 0" in capsys.readouterr().out
    assert run(capsys, "restore", "nowhere")[0] == 4


def test_upgrading_twice_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    first = run(capsys, "upgrade")[1]
    assert first["before"] is None
    assert run(capsys, "upgrade")[1]["before"] == first["after"]


def test_a_wrong_setting_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOTCHECK_PORT", "many")
    code, _document, err = run(capsys, "doctor")
    assert code == 2
    assert "port" in json.loads(err)["message"]


def test_global_options_stand_before_or_after_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--home", "x", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["home"].endswith("x")
    assert main(["user", "list", "--json", "--home", "x"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["login"] == "admin"
    assert main(["--home", "x", "doctor"]) == 0
    assert "{" not in capsys.readouterr().out


def test_the_terminal_speaks_chinese(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPOTCHECK_LANGUAGE")
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert main(["--home", "x", "user", "list"]) == 5
    assert capsys.readouterr().err.startswith("错误：")
    assert "启动浏览器工作台" in parser().format_help()


def test_tables_align_wide_characters(capsys: pytest.CaptureFixture[str]) -> None:
    Output(Translator("en")).table(["a", "b"], [["质检", 1], ["x", None]])
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "质检  1"
    assert width("质检a") == 5


def test_errors_do_not_disturb_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    Output(Translator("en"), as_json=True).error(Invalid("x {n}", n=1))
    captured = capsys.readouterr()
    assert (captured.out, json.loads(captured.err)) == ("", {"error": "invalid", "message": "x 1", "facts": {"n": 1}})
    assert plain({"a": (Path("/x"), datetime(2026, 1, 1, tzinfo=UTC), Role.LEAD)}) == {
        "a": ["/x", "2026-01-01T00:00:00+00:00", "lead"]
    }


def test_a_seal_is_dated_in_business_time(capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "init")
    assert main(["--home", "home", "seal"]) == 0
    said = capsys.readouterr().out
    assert "+08:00" in said
    assert "+00:00" not in said


def test_what_a_file_says_does_not_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    out, text = Output(Translator("en")), "\x1b]0;owned\x07退款\x9b2J\r"
    out.say(text)
    out.note(text)
    out.table(["a"], [[text]])
    out.error(Invalid("x {n}", n=text))
    said = capsys.readouterr()
    assert not [char for char in said.out + said.err if char != "\n" and (char < " " or "\x7f" <= char <= "\x9f")]
    assert (said.out + said.err).count("退款") == 4
