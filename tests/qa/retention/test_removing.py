"""Text that is removed is nowhere any more; scores, draws and what vouches for them stay; whoever is killed goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import select

from qa import draws, evidence, retention
from qa.casefiles import record
from qa.conversations import index
from qa.draws import kept_frames
from qa.errors import Denied, Invalid, NotFound
from qa.ingest import opaque_names
from qa.policy import SYSTEM, Actor, Role
from qa.retention import Matter
from qa.tables import Case, ImportRun, Transcript, Verdict, Violation
from qa.workbench import Workbench
from tests.world.judged import judge

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
LEAD = Actor(1, Role.LEAD, "Lead")
CUSTOMER = "c3"
SAID = "会话里说的话"


@pytest.fixture
def shop(any_bench: Workbench) -> Workbench:
    """A judged draw of February in which everybody said something that can be looked for."""
    judge(any_bench, LEAD, NOW)
    with any_bench.archive.change("words", NOW) as change:
        said = change.before.scan("messages").collect()
        change.replace("messages", said.with_columns(text=pl.lit(SAID) + pl.col("conversation_key")))
    with any_bench.db.write() as session:
        hit = (record.Evidence(1, 0, 2, "said-here"),)
        record.open_files(session, [record.Finding("shop:amy-003", "amy", "R03", 1, "critical", NOW, hit)], NOW)
        session.add(
            ImportRun(
                file_name="f.csv", sha256="0", kind="messages", source="shop", mapping={}, state="done", counts={},
                problems=[], started_at=NOW,
            )
        )  # fmt: skip
        session.add(
            Case(
                title="t", lesson="l", kind="counter", state="published", tags=[], excerpt=[{"text": "said-here"}],
                violation_id=1, language="zh_CN", search_text="said-here", proposed_at=NOW, changed_at=NOW,
            )
        )  # fmt: skip
    return any_bench


def everywhere(bench: Workbench) -> bytes:
    """Every byte of the archive's tables, old versions too."""
    files = [*Path(bench.archive.root).rglob("*.parquet"), *Path(bench.archive.root).rglob("*.json")]
    return b"".join(
        str(pl.read_parquet(f).to_dicts()).encode() if f.suffix == ".parquet" else f.read_bytes() for f in files
    )


def in_pages(bench: Workbench, text: str) -> bool:
    """Whether a text stands anywhere in the files of SQLite, also where no row has it any more."""
    file = str(bench.db.url.database)
    return any(text.encode() in one.read_bytes() for one in (Path(file), Path(file + "-wal")) if one.exists())


def test_one_customer_is_forgotten_and_everything_else_stays(shop: Workbench) -> None:
    evidence.seal(shop, NOW)
    index.update(shop)
    matter = Matter("shop", customer=CUSTOMER)
    before = shop.archive.at()
    gone = (
        before.scan("conversations").filter(pl.col("customer_id") == CUSTOMER).collect()["conversation_key"].to_list()
    )
    found = retention.preview(shop, SYSTEM, matter)
    assert (found.conversations, found.messages) == (4, 8)
    assert (found.case_files, found.cases) == (1, 1)
    draw = draws.list_draws(shop, LEAD)[0]
    with shop.db.read() as session:
        scores = session.execute(select(Verdict.id, Verdict.total).order_by(Verdict.id)).all()
        texts = dict(session.execute(select(Transcript.unit_id, Transcript.id)).all())
    assert not shop.db.is_sqlite or in_pages(shop, "said-here")
    number = retention.begin(shop, SYSTEM, now=NOW, matter=matter, reason="customer asked")
    done = retention.run(shop, SYSTEM, number, now=NOW + timedelta(seconds=5))
    assert done.transcripts == found.transcripts == sum(unit in gone for unit in texts)
    held = everywhere(shop)
    assert not any(f"{SAID}{key}".encode() in held for key in gone)
    assert f"{SAID}shop:amy-004".encode() in held
    newest = shop.archive.at()
    assert newest.count("conversations") == 120 - len(gone)
    again = index.update(shop)
    assert (again.removed, again.messages) == (0, newest.count("messages"))
    with shop.db.read() as session:
        assert session.execute(select(Verdict.id, Verdict.total).order_by(Verdict.id)).all() == scores
        for unit, content, at in session.execute(
            select(Transcript.unit_id, Transcript.content, Transcript.redacted_at)
        ):
            assert (content["messages"] == []) == (unit in gone) == (at is not None), unit
        assert [hit["matched"] for hit in session.get_one(Violation, 1).evidence] == [""]
        assert session.scalars(select(Case.excerpt)).all() == [[]]
    told = draws.verify(shop, LEAD, draw_id=draw.id)
    assert told.equal
    assert told.removed == done.transcripts
    evidence.seal(shop, NOW + timedelta(seconds=9))
    assert evidence.check(shop).forgeries == ()
    assert shop.archive.check().damaged == ()
    assert retention.preview(shop, SYSTEM, matter).nothing
    if shop.db.is_sqlite:  # the pages it no longer needs, and its log, while the server goes on
        assert not in_pages(shop, "said-here")


def test_old_text_goes_by_the_policy_of_its_source_and_draws_are_made_again(shop: Workbench) -> None:
    later = NOW + timedelta(days=20)
    retention.set_policy(shop, SYSTEM, now=NOW, source="shop", days=30)
    assert [(one.source, one.days) for one in retention.policies(shop, SYSTEM)] == [("shop", 30)]
    draw = draws.list_draws(shop, LEAD)[0]
    (done,) = retention.apply_policies(shop, SYSTEM, now=later, reason="policy")
    assert done.units > 0
    oldest = shop.archive.at().scan("conversations").select(pl.col("started_at").min()).collect().item()
    assert oldest >= later - timedelta(days=30)
    assert draws.verify(shop, LEAD, draw_id=draw.id).equal
    assert retention.apply_policies(shop, SYSTEM, now=later, reason="policy") == ()
    file = kept_frames.path_of(shop, draws.receipt_of(shop, LEAD, draw.id)["frame_hash"])
    pl.read_parquet(file).head(5).write_parquet(file)  # a kept frame that was bent
    assert not draws.verify(shop, LEAD, draw_id=draw.id).equal


STEPS = ("keep_all", "_from_archive", "_from_index", "_from_transcripts", "_from_disk", "_from_records")


@pytest.mark.parametrize("step", STEPS)
def test_whoever_is_interrupted_goes_on(shop: Workbench, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted right after each step; the same removal again ends as if nothing had been."""
    from qa.retention import removing

    owner = kept_frames if step == "keep_all" else removing
    real = getattr(owner, step)

    def killed(*args: object) -> None:
        real(*args)
        raise KeyboardInterrupt

    with shop.archive.change("again", NOW) as change:  # an older version, whose files go
        change.replace("messages", change.before.scan("messages").collect())
    matter = Matter("shop", before=NOW + timedelta(days=1))
    found = retention.preview(shop, SYSTEM, matter)
    number = retention.begin(shop, SYSTEM, now=NOW, matter=matter, reason="asked")
    monkeypatch.setattr(owner, step, killed)
    with pytest.raises(KeyboardInterrupt):
        retention.run(shop, SYSTEM, number, now=NOW)
    monkeypatch.setattr(owner, step, real)
    assert [one.removal_id for one in retention.unfinished(shop, SYSTEM)] == [number]
    (done,) = retention.apply_policies(shop, SYSTEM, now=NOW, reason="goes on")
    assert done.removal_id == number
    assert done.transcripts == found.transcripts > 0, "emptied before the interruption counts, too"
    assert retention.history(shop, SYSTEM)[0].counts["transcripts"] == found.transcripts
    assert done.files > 0, "and so do files"
    assert draws.verify(shop, LEAD, draw_id=1).removed == found.transcripts
    assert retention.preview(shop, SYSTEM, matter).nothing
    assert retention.unfinished(shop, SYSTEM) == ()
    assert shop.archive.check().damaged == ()
    assert draws.verify(shop, LEAD, draw_id=1).equal
    evidence.seal(shop, NOW)
    assert evidence.check(shop).forgeries == ()


def test_who_is_imported_again_is_found_again(shop: Workbench) -> None:
    gone = shop.archive.at().scan("conversations").filter(pl.col("customer_id") == CUSTOMER).collect()
    number = retention.begin(shop, SYSTEM, now=NOW, matter=Matter("shop", customer=CUSTOMER), reason="asked")
    retention.run(shop, SYSTEM, number, now=NOW)
    with shop.archive.change("again", NOW) as change:
        change.append("conversations", gone)
    (done,) = retention.apply_policies(shop, SYSTEM, now=NOW, reason="asked before")
    assert done.units >= gone.height
    assert retention.preview(shop, SYSTEM, Matter("shop", customer=CUSTOMER)).nothing


def test_what_makes_no_sense_is_refused(shop: Workbench) -> None:
    for matter in (Matter("shop"), Matter("shop", before=NOW, customer="x"), Matter("shop", customer=" ")):
        with pytest.raises(Invalid):
            retention.preview(shop, SYSTEM, matter)
    with pytest.raises(Invalid):
        retention.begin(shop, SYSTEM, now=NOW, matter=Matter("shop", customer="x"), reason=" ")
    with pytest.raises(Invalid):
        retention.set_policy(shop, SYSTEM, now=NOW, source="shop", days=3)
    with pytest.raises(NotFound):
        retention.set_policy(shop, SYSTEM, now=NOW, source="nowhere", days=90)
    for ask in (retention.policies, retention.unfinished):
        with pytest.raises(Denied):
            ask(shop, LEAD)


def test_names_that_tell_agent_and_customer_are_hidden(shop: Workbench) -> None:
    """Chats as 0.1.0 named them: free ones get the name an import would give them, drawn ones keep theirs."""
    with shop.archive.change("as 0.1.0 wrote it", NOW) as change:
        for table in ("conversations", "messages"):
            rows = change.before.scan(table).filter(pl.col("conversation_key").str.ends_with("-005")).collect()
            fresh = rows.with_columns(pl.concat_str(pl.col("conversation_key"), pl.lit("|tb 5|2026-02-03")))
            if table == "conversations":
                fresh = fresh.with_columns(
                    conversation_id=pl.col("conversation_key").str.replace("shop:", ""), customer_id=pl.lit("tb 5")
                )
            change.append(table, fresh)
    before = shop.archive.at()
    old = before.scan("conversations").filter(pl.col("conversation_id").str.contains("|", literal=True)).collect()
    evidence.seal(shop, NOW)
    done = opaque_names.hide_names(shop, SYSTEM, now=NOW)
    assert (done.renamed, done.kept) == (old.height, 0)
    now_ = shop.archive.at()
    names = now_.scan("conversations").select("conversation_key", "conversation_id").collect()
    assert not names.filter(pl.col("conversation_id").str.contains("|", literal=True)).height
    assert (names["conversation_id"].str.starts_with("auto-")).sum() == old.height
    assert now_.count("messages") == before.count("messages")
    assert set(now_.scan("messages").collect()["conversation_key"]) == set(names["conversation_key"])
    assert draws.verify(shop, LEAD, draw_id=1).equal
    again = opaque_names.hide_names(shop, SYSTEM, now=NOW)
    assert (again.renamed, again.kept) == (0, 0)
    evidence.seal(shop, NOW)
    assert evidence.check(shop).forgeries == ()
