"""Which driver speaks to the database is part of its address."""

from __future__ import annotations

import sys

import pytest

from qa.config import Config, load
from qa.errors import Invalid
from qa.i18n import Translator

ADDRESS = "postgresql+psycopg://qa@db/spotcheck"


def test_pg8000_is_the_default_and_psycopg_is_asked_for_by_name() -> None:
    assert Config(database_url="postgresql://qa@db/spotcheck").database == "postgresql+pg8000://qa@db/spotcheck"
    assert load({"SPOTCHECK_DATABASE_URL": ADDRESS}).database == ADDRESS


def test_a_driver_that_is_not_installed_is_named_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(Invalid) as refused:
        load({"SPOTCHECK_DATABASE_URL": ADDRESS})
    for language in ("en", "zh_CN"):
        said = Translator(language)(refused.value.msgid, **refused.value.facts)
        assert "database_url" in said
        assert "pip install 'spotcheck-qa[psycopg]'" in said
