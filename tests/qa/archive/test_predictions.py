"""Several predictions of each conversation: read per predictor, exchanged per predictor, and taken over from 0.1.0."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from deltalake import write_deltalake

from qa.archive import Archive, predictions
from qa.archive.predictions import RISK, RULES

NOW = datetime(2026, 3, 2, tzinfo=UTC)
KEYS = ["a", "b", "c", "d"]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """Four screened conversations with a rule score."""
    made = Archive(str(tmp_path / "archive"))
    with made.change("screened", NOW) as change:
        change.append("signals", pl.DataFrame({"conversation_key": KEYS, "import_id": [1, 1, 1, None]}))
        predictions.put(change, RULES, said(KEYS, "rules", 0.1, imports=[1, 1, 1, None]))
    return made


def said(keys: list[str], version: str, p: float, *, imports: list[int | None] | None = None) -> pl.DataFrame:
    columns = {"conversation_key": keys, "import_id": imports or [1] * len(keys), "version": [version] * len(keys)}
    return pl.DataFrame(columns).with_columns(pl.col("import_id").cast(pl.Int64), p=p + pl.int_range(pl.len()) / 100)


def chances(archive: Archive, predictor: str, barred: tuple[str, ...] = ()) -> dict[str, float | None]:
    units = pl.LazyFrame({"conversation_key": [*KEYS, "unknown"]})
    found = predictions.predicted(units, archive.at(), predictor, barred).collect()
    return {key: None if p is None else round(p, 2) for key, p in found.select("conversation_key", "p").iter_rows()}


def test_predictors_speak_side_by_side_and_the_rule_score_where_one_is_silent(archive: Archive) -> None:
    with archive.change("model", NOW) as change:
        assert predictions.put(change, RISK, said(["a", "b"], "m1", 0.5)) == 2
        assert predictions.put(change, "scores", said(["c"], "v7", 0.9)) == 1
    rules = {"a": 0.1, "b": 0.11, "c": 0.12, "d": 0.13, "unknown": None}
    assert chances(archive, RULES) == rules
    assert chances(archive, RISK) == rules | {"a": 0.5, "b": 0.51}
    assert chances(archive, "scores") == rules | {"c": 0.9}
    assert chances(archive, RISK, ("m1",)) == rules | {"a": None, "b": None}, "what knows the answers is not used"
    chats = pl.LazyFrame({"conversation_key": KEYS})
    assert predictions.versions(chats, archive.at(), RISK) == ["m1", "rules"]
    assert predictions.versions(chats.head(1), archive.at(), RISK) == ["m1"]
    assert predictions.predictors(archive.at()) == [RISK, RULES, "scores"]


def test_a_predictor_exchanges_what_it_said_and_nothing_else(archive: Archive) -> None:
    with archive.change("first", NOW) as change:
        predictions.put(change, RISK, said(["a", "b"], "m1", 0.5))
        rule = said(["a"], "o1", 0.7).with_columns(about=pl.lit("R03"))
        predictions.put(change, "odds", rule)
    with archive.change("second", NOW) as change:
        assert predictions.put(change, RISK, said(["b"], "m2", 0.6)) == 1
        assert predictions.put(change, RISK, said(["b"], "m3", 0.8, imports=[2])) == 0, "of content that has gone"
    rows = predictions.scan(archive.at()).filter(pl.col("predictor") == RISK).sort("conversation_key").collect()
    assert list(rows.select("conversation_key", "version").iter_rows()) == [("a", "m1"), ("b", "m2")]
    assert predictions.predictors(archive.at()) == [RISK, RULES], (
        "one that speaks of single rules says nothing of chats"
    )
    with archive.change("third", NOW) as change:
        predictions.withdraw(change, RISK)
    assert predictions.scan(archive.at()).collect()["predictor"].unique().sort().to_list() == ["odds", RULES]


@pytest.fixture
def old(tmp_path: Path) -> Archive:
    """An archive as 0.1.0 left it: the prediction in use stands in `signals`."""
    root = tmp_path / "archive"
    signals = pl.DataFrame(
        {
            "conversation_key": KEYS,
            "hit_count": [0, 1, 0, 0],
            "risk": [0.5, 0.2, 0.3, None],
            "predicted_loss": [900.0, None, None, None],
            "model_version": ["m1", "rules", "rules", None],
            "import_id": [1, 1, 1, 1],
        },
        schema_overrides={"hit_count": pl.Int32},
    )
    write_deltalake(str(root / "signals"), signals.to_arrow(compat_level=pl.CompatLevel.oldest()))
    catalogue = pl.DataFrame({"version": [1], "at": [NOW], "what": ["screening"], "signals": [0]})
    write_deltalake(str(root / "catalogue"), catalogue.to_arrow(compat_level=pl.CompatLevel.oldest()))
    return Archive(str(root))


BEFORE = {"a": 0.5, "b": 0.2, "c": 0.3, "d": None, "unknown": None}


def test_an_old_archive_is_read_as_it_was_and_its_predictions_are_taken_along(old: Archive) -> None:
    assert chances(old, RISK) == BEFORE
    assert chances(old, RISK, ("m1",)) == BEFORE | {"a": None}
    assert predictions.versions(pl.LazyFrame({"conversation_key": KEYS}), old.at()) == ["rules", "m1"]
    with old.change("new scores", NOW) as change:
        predictions.put(change, RULES, said(["a", "b"], "rules", 0.1))
        change.replace("signals", change.before.scan("signals").with_columns(hit_count=pl.lit(2)).collect())
    assert chances(old, RISK) == BEFORE | {"b": 0.11}
    assert chances(old, RULES)["a"] == 0.1
    with old.change("no model", NOW) as change:
        predictions.withdraw(change, RISK)
    assert chances(old, RISK) == BEFORE | {"a": 0.1, "b": 0.11}
    assert "risk" not in old.at().scan("signals").collect_schema()
    units = pl.LazyFrame({"conversation_key": ["a"]})
    pinned = predictions.predicted(units, old.at(1)).collect()
    assert pinned.row(0) == ("a", 0.5, 900.0), "a version that a draw has pinned never changes"


def test_what_a_killed_writer_left_does_not_hide_old_predictions(old: Archive) -> None:
    frame = predictions.scan(old.at()).head(1).collect()
    write_deltalake(old.root + "/predictions", frame.to_arrow(compat_level=pl.CompatLevel.oldest()))
    with old.change("import", NOW) as change:  # takes back what is not catalogued
        change.remove("predictions", pl.Series(["b"]))
        change.remove("signals", pl.Series(["b"]))
    assert chances(old, RISK) == BEFORE | {"b": None}
    with old.change("scores", NOW) as change:
        predictions.put(change, RULES, said(["a"], "rules", 0.1))
    assert chances(old, RISK) == BEFORE | {"b": None}
