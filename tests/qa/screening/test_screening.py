"""Screening: incremental equals full, a killed run goes on, changed rules alone, each hit once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from qa import screening
from qa.archive import empty
from qa.archive.ranges import RowRange, cut
from qa.cli.screen import interruptible
from qa.errors import Cancelled, Conflict, Denied, Unavailable
from qa.policy import SYSTEM
from qa.rules import versions as rule_service
from qa.tables import RuleVersion
from qa.workbench import Workbench
from scoring.redline import Screener
from tests.world.redlines import AGENT, INSPECTOR, LEAD, Line, chats, put_chats
from tests.world.rules import publish, rule

RULES = (rule("T01", "滚"), rule("T02", "不开发票", "没有发票"), rule("T03", "私下转账"))
CLEAN: list[Line] = [("customer", "在吗"), ("agent", "您好，请问有什么可以帮您"), ("customer", "好的")]


def talk(number: int) -> list[Line]:
    """A chat whose sins follow from its number."""
    said = list(CLEAN)
    if number % 3 == 0:
        said.append(("agent", f"滚{number}"))
    if number % 5 == 0:
        said += [("customer", "发票呢"), ("agent", "我们不开发票，就是不开发票")]
    if number % 7 == 0:
        said.append(("customer", "可以私下转账吗"))
    return said


def many(first: int, last: int) -> list[tuple[str, str, list[Line]]]:
    return [(f"shop:{n:04d}", f"a{n % 3}", talk(n)) for n in range(first, last)]


def hits(bench: Workbench) -> list[dict[str, Any]]:
    frame = bench.archive.at().scan("hits").collect()
    return frame.sort("conversation_key", "seq", "rule_id", "start").to_dicts()


def expected(bench: Workbench, *rules: Any) -> list[tuple[Any, ...]]:
    """What the engine finds in the whole archive in one go."""
    snapshot = bench.archive.at()
    found = Screener(rules).screen(snapshot.scan("messages").collect(), snapshot.scan("conversations").collect())
    return sorted(found.select("conversation_key", "seq", "rule_id", "start", "end", "matched").iter_rows())


def got(bench: Workbench) -> list[tuple[Any, ...]]:
    frame = (
        bench.archive.at()
        .scan("hits")
        .select("conversation_key", "seq", "rule_id", "start", "end", "matched")
        .collect()
    )
    return sorted(frame.iter_rows())


def run(bench: Workbench, now: datetime, **options: Any) -> screening.Screened:
    return screening.screen(bench, SYSTEM, now=now, **options)


@pytest.fixture
def shop(bench: Workbench) -> Workbench:
    publish(bench, *RULES)
    put_chats(bench, many(0, 60))
    return bench


def test_hits_and_signals_of_a_first_run(shop: Workbench, now: datetime) -> None:
    done = run(shop, now)
    assert got(shop) == expected(shop, *RULES)
    assert (done.conversations, done.hits) == (60, len(got(shop)))
    assert {hit["agent_id"] for hit in hits(shop)} == {"a0", "a1", "a2"}
    signals = shop.archive.at().scan("signals").sort("conversation_key").collect()
    assert signals.height == 60
    counted = {}
    for hit in hits(shop):
        counted[hit["conversation_key"]] = counted.get(hit["conversation_key"], 0) + 1
    assert dict(signals.select("conversation_key", "hit_count").iter_rows()) == {
        f"shop:{n:04d}": counted.get(f"shop:{n:04d}", 0) for n in range(60)
    }
    assert signals["first_reply_s"].drop_nulls().to_list() == [20.0] * 60


def test_a_second_run_has_nothing_to_do(shop: Workbench, now: datetime) -> None:
    run(shop, now)
    version = shop.archive.version()
    again = run(shop, now)
    assert (again.messages, again.hits, again.rules) == (0, 0, ())
    assert shop.archive.version() == version
    assert screening.waiting(shop, LEAD) == screening.Unscreened(0, ())


def test_small_ranges_give_the_same(shop: Workbench, now: datetime) -> None:
    seen: list[float] = []
    run(shop, now, batch=7, progress=lambda share, what: seen.append(share))
    assert got(shop) == expected(shop, *RULES)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert len(seen) > 20


def test_new_and_changed_imports_only(shop: Workbench, now: datetime) -> None:
    run(shop, now)
    put_chats(shop, many(60, 80), import_id=2)
    put_chats(
        shop, [("shop:0000", "a1", [("customer", "在吗"), ("agent", "在的"), ("agent", "请私下转账")])], import_id=3
    )
    assert screening.waiting(shop, LEAD).conversations == 21
    done = run(shop, now)
    assert done.conversations == 21
    assert got(shop) == expected(shop, *RULES)
    signals = shop.archive.at().scan("signals").collect()
    assert signals["conversation_key"].n_unique() == signals.height == 80


def test_a_chat_that_became_clean_loses_its_hits(shop: Workbench, now: datetime) -> None:
    run(shop, now)
    put_chats(shop, [("shop:0000", "a0", CLEAN)], import_id=2)
    run(shop, now)
    assert not [hit for hit in hits(shop) if hit["conversation_key"] == "shop:0000"]
    assert got(shop) == expected(shop, *RULES)


def test_a_changed_rule_screens_only_itself(shop: Workbench, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    run(shop, now)
    before = [hit for hit in hits(shop) if hit["rule_id"] != "T01"]
    changed = rule("T01", "您好", version=2)
    with shop.db.write() as session:
        for row in session.query(RuleVersion).filter_by(rule_id="T01"):
            row.state = "retired"
    publish(shop, changed)
    assert screening.waiting(shop, LEAD) == screening.Unscreened(0, ("T01",))
    asked: list[tuple[str, ...]] = []
    real = screening.screen_range
    monkeypatch.setattr(
        screening,
        "screen_range",
        lambda job, piece: (asked.append(tuple(r.id for r in job.rules)), real(job, piece))[1],
    )
    done = run(shop, now, batch=50)
    assert set(asked) == {("T01",)}
    assert done.rules == ("T01",)
    assert [hit for hit in hits(shop) if hit["rule_id"] != "T01"] == before
    assert got(shop) == expected(shop, changed, *RULES[1:])
    adjusted = shop.archive.at().scan("signals").sort("conversation_key").collect()
    with shop.archive.change("forget", now) as change:
        for table in ("hits", "signals", "screened_rules"):
            change.replace(table, empty(table))
    run(shop, now)
    assert_frame_equal(adjusted, shop.archive.at().scan("signals").sort("conversation_key").collect())


def test_a_retired_rule_and_a_new_one_and_a_new_import_at_once(shop: Workbench, now: datetime) -> None:
    run(shop, now)
    rule_service.retire(shop, LEAD, now=now, rule_id="T02", since=None)
    publish(shop, rule("T04", "有什么"))
    put_chats(shop, many(60, 70), import_id=2)
    run(shop, now, batch=40)
    assert got(shop) == expected(shop, RULES[0], RULES[2], rule("T04", "有什么"))


def test_rules_changed_only_leaves_new_imports(shop: Workbench, now: datetime) -> None:
    run(shop, now)
    publish(shop, rule("T04", "有什么"))
    put_chats(shop, many(60, 70), import_id=2)
    run(shop, now, rules_changed_only=True)
    keys = {hit["conversation_key"] for hit in hits(shop) if hit["rule_id"] == "T04"}
    assert len(keys) == 60
    assert screening.waiting(shop, LEAD).conversations == 10
    run(shop, now)
    assert got(shop) == expected(shop, *RULES, rule("T04", "有什么"))


def test_stopping_keeps_what_is_finished(shop: Workbench, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = iter([False, False, True])
    with pytest.raises(Cancelled):
        run(shop, now, batch=40, cancel=lambda: next(asked))
    assert got(shop) == []
    ranges: list[int] = []
    real = screening.screen_range
    monkeypatch.setattr(screening, "screen_range", lambda job, piece: (ranges.append(piece.rows), real(job, piece))[1])
    done = run(shop, now, batch=40)
    total = shop.archive.at().count("messages")
    assert 0 < sum(ranges) < total
    assert done.messages == total
    assert got(shop) == expected(shop, *RULES)


def test_an_import_while_a_run_was_stopped(shop: Workbench, now: datetime) -> None:
    asked = iter([False, True])
    with pytest.raises(Cancelled):
        run(shop, now, batch=40, cancel=lambda: next(asked))
    put_chats(shop, [("shop:0003", "a0", CLEAN), ("shop:0099", "a0", talk(15))], import_id=2)
    run(shop, now, batch=40)
    assert got(shop) == expected(shop, *RULES)
    signals = shop.archive.at().scan("signals").collect()
    assert signals["conversation_key"].n_unique() == signals.height == 61


def test_a_rule_changed_while_a_run_was_stopped(shop: Workbench, now: datetime) -> None:
    asked = iter([False, True])
    with pytest.raises(Cancelled):
        run(shop, now, batch=40, cancel=lambda: next(asked))
    publish(shop, rule("T04", "有什么"))
    run(shop, now, batch=40)
    assert got(shop) == expected(shop, *RULES, rule("T04", "有什么"))


def test_chats_without_messages_and_without_import_are_done_once(bench: Workbench, now: datetime) -> None:
    publish(bench, *RULES)
    heads, lines = chats(many(0, 4))
    with bench.archive.change("import", now) as change:
        change.append("conversations", heads.with_columns(import_id=pl.lit(None, dtype=pl.Int64)))
        change.append(
            "messages",
            lines.filter(pl.col("conversation_key") != "shop:0003").with_columns(
                import_id=pl.lit(None, dtype=pl.Int64)
            ),
        )
    assert run(bench, now).conversations == 4
    assert run(bench, now).conversations == 0


def test_scattered_messages_are_put_together(bench: Workbench, now: datetime) -> None:
    publish(bench, *RULES)
    heads, lines = chats(many(0, 40))
    with bench.archive.change("import", now) as change:
        change.append("conversations", heads)
        for part in range(5):
            change.append("messages", lines.filter(pl.int_range(pl.len()) % 5 == part))
    run(bench, now, batch=10)
    assert got(bench) == expected(bench, *RULES)
    signals = bench.archive.at().scan("signals").collect()
    assert signals["conversation_key"].n_unique() == signals.height == 40


def test_the_shipped_rules_are_installed_when_there_are_none(bench: Workbench, now: datetime) -> None:
    put_chats(bench, [("shop:1", "a1", [("customer", "好评有奖励吗"), ("agent", "亲，五星好评返现5元哦")])])
    run(bench, now)
    assert {hit["rule_id"] for hit in hits(bench)} - {"R13"} == {"R04"}  # R13 marks what reads like any violation


def test_who_may_and_one_at_a_time(shop: Workbench, now: datetime) -> None:
    for actor in (INSPECTOR, AGENT):
        with pytest.raises(Denied):
            screening.screen(shop, actor, now=now)

    def again(share: float, what: str) -> None:
        with pytest.raises(Conflict, match="running already"):
            run(shop, now)

    run(shop, now, progress=again)


def test_a_cluster_that_does_not_answer(shop: Workbench, now: datetime) -> None:
    with pytest.raises(Unavailable):
        run(shop, now, batch=20, cluster="tcp://127.0.0.1:9")


KILLED = """
import sys, os, signal
from datetime import datetime, UTC
from pathlib import Path
from types import ModuleType
from qa.config import Config
from qa.workbench import Workbench
from qa.policy import SYSTEM
from qa import screening
from qa.archive import empty
from qa.screening import publishing
bench = Workbench.open(Config(home=Path(sys.argv[1]), database_url=sys.argv[2]))
where = sys.argv[3]
def stop():
    os.kill(os.getpid(), signal.SIGKILL)
count = 0
if where == "ranges":
    real = screening.screen_range
    def some(job, piece):
        global count
        count += 1
        if count == 4: stop()
        return real(job, piece)
    screening.screen_range = some
elif where == "publish":
    real_note = publishing._note_rules
    publishing._note_rules = lambda *a: stop()
elif where == "after":
    from qa.screening.staging import Staging
    real_discard = Staging.discard
    def last(self):
        if self.done(): stop()
        real_discard(self)
    Staging.discard = last
screening.screen(bench, SYSTEM, now=datetime(2026, 3, 2, tzinfo=UTC), batch=30)
"""


@pytest.mark.parametrize("where", ["ranges", "publish", "after"])
def test_killed_and_resumed_the_hits_are_the_same_each_once(
    shop: Workbench, now: datetime, where: str, tmp_path: Path
) -> None:
    put_chats(shop, many(60, 90), import_id=2)
    root = Path(__file__).parents[3]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(shop.config.home), shop.config.database_url, where],
        cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert bool(got(shop)) is (where == "after")
    run(shop, now, batch=30)
    assert got(shop) == expected(shop, *RULES)
    signals = shop.archive.at().scan("signals").collect()
    assert signals["conversation_key"].n_unique() == signals.height == 90
    assert run(shop, now).messages == 0


@settings(max_examples=60, deadline=None)
@given(layout=st.lists(st.lists(st.integers(0, 8), max_size=12), min_size=1, max_size=5), batch=st.integers(1, 20))
def test_ranges_cover_everything_and_tear_no_conversation(
    tmp_path_factory: pytest.TempPathFactory, layout: list[list[int]], batch: int
) -> None:
    """However conversations are interleaved: every message once, each conversation whole, in order and in one range,
    and no window above the batch by more than one run."""
    folder = tmp_path_factory.mktemp("ranges")
    files, said = [], [(f"k{key}", (number, n)) for number, keys in enumerate(layout) for n, key in enumerate(keys)]
    for number, keys in enumerate(layout):
        path = folder / f"{number}.parquet"
        pl.DataFrame(
            {"conversation_key": [f"k{key}" for key in keys], "file": number, "n": range(len(keys))},
            schema_overrides={"conversation_key": pl.String, "n": pl.Int64},
        ).write_parquet(path)
        if keys:
            files.append(RowRange(str(path), 0, len(keys)))
    ranges = cut(files, batch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("qa.archive.ranges.TOGETHER", 7)  # keys are compared in several parts
        assert cut(files, batch) == ranges
    read = [[(key, (file, n)) for key, file, n in piece.scan().collect().iter_rows()] for piece in ranges]
    assert sorted(row for part in read for row in part) == sorted(said)
    assert sum(piece.rows for piece in ranges) == len(said)
    assert all(piece.rows <= max(batch, 12 * 5) for piece in ranges)
    seen: set[str] = set()
    for part in read:
        here = {key for key, _ in part}
        assert not seen & here
        seen |= here
        for key in here:
            assert [at for k, at in part if k == key] == [at for k, at in said if k == key]


def test_a_busy_shop_is_screened_in_parts(tmp_path: Path) -> None:
    """Somebody is always in the middle of a conversation: no row where all have ended, and yet memory is bounded."""
    path = tmp_path / "busy.parquet"
    keys = [f"c{(n // 2) - (n % 2):04d}" for n in range(2_000)]  # each begins before the one before has ended
    pl.DataFrame({"conversation_key": keys}).write_parquet(path)
    ranges = cut([RowRange(str(path), 0, len(keys))], 100)
    assert len(ranges) == 20
    assert max(piece.scan().collect().height for piece in ranges) <= 102


def test_ctrl_c_lets_the_part_under_way_finish_and_twice_stops_at_once() -> None:
    before = signal.getsignal(signal.SIGINT)
    with interruptible() as interrupted:
        assert not interrupted()
        signal.raise_signal(signal.SIGINT)
        assert interrupted()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def promises(bench: Workbench) -> list[tuple[Any, ...]]:
    frame = bench.archive.at().scan("promises").sort("conversation_key", "seq").collect()
    return frame.select("conversation_key", "seq", "kind", "agent_id").rows()


def test_promises_follow_the_content_of_a_chat(shop: Workbench, now: datetime) -> None:
    promised: list[Line] = [("customer", "今天一定给我发货"), ("agent", "今天一定给您发货")]
    put_chats(shop, [("shop:p", "a1", promised)], import_id=2)
    run(shop, now)
    assert promises(shop) == [("shop:p", 1, "ship", "a1")]
    put_chats(shop, [("shop:p", "a1", [*CLEAN, ("agent", "24小时内给您退款"), ("agent", "明天给您回电")])], import_id=3)
    run(shop, now)
    assert promises(shop) == [("shop:p", 3, "refund", "a1"), ("shop:p", 4, "call_back", "a1")]


def test_promises_are_found_in_what_was_screened_before_they_were_known(shop: Workbench, now: datetime) -> None:
    put_chats(shop, [("shop:p", "a1", [("agent", "今天一定给您发货")])], import_id=2)
    run(shop, now)
    before, found = promises(shop), hits(shop)
    with shop.archive.change("as an older version left it", now) as change:
        change.replace("promises", empty("promises"))
        rules = change.before.scan("screened_rules").filter(pl.col("rule_id") != "promises").collect()
        change.replace("screened_rules", rules)
    assert screening.waiting(shop, LEAD).rules == ("promises",)
    assert run(shop, now).rules == ()
    assert (promises(shop), hits(shop)) == (before, found)
