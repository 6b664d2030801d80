"""The draw: known answers, order invariance, fixed sizes, honest probabilities, replacements, receipts."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import replace as changed
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring import draw
from scoring.draw.strata import blocks

SEED = "2025-11|demo-seed"
SCRIPT = Path(draw.__file__).parent / "verify_receipt.py"


def population(agents: int = 6, each: int = 50, salt: str = "pop") -> pl.DataFrame:
    ids = [f"C{k:05d}" for k in range(agents * each)]
    u = draw.uniforms(salt, len(ids))
    return pl.DataFrame(
        {"unit_id": ids, "agent_id": [f"A{k % agents:02d}" for k in range(len(ids))], "source": "chat", "p": 0.4 * u**6}
    )


def chat(per_agent: float | None, share: float = 0.0, **rest: object) -> draw.Design:
    return draw.Design((draw.Quota("chat", per_agent, share),), **rest)  # type: ignore[arg-type]


def test_a_source_nobody_has_units_of_is_left_out() -> None:
    both = draw.Design((draw.Quota("chat", 5.0), draw.Quota("dispute", None)))
    with_none = draw.plan(population(), both)
    assert with_none.frame.equals(draw.plan(population(), chat(5.0)).frame)


@pytest.mark.parametrize(
    ("unit", "u"),
    [("C0000001", 0.356920335459374), ("C0000002", 0.177580068386080), ("工单-42", 0.225289825366656)],
)
def test_permanent_numbers_known_answers(unit: str, u: float) -> None:
    assert draw.permanent_numbers(SEED, [unit])[0] == pytest.approx(u, abs=1e-12)


def test_permanent_numbers_follow_hmac_for_keys_longer_than_a_block() -> None:
    import hashlib
    import hmac

    seed, unit = "s" * 200, "x"
    digest = hmac.new(seed.encode(), unit.encode(), hashlib.sha256).digest()
    expected = (int.from_bytes(digest[:7], "big") + 0.5) / 2**56
    assert draw.permanent_numbers(seed, pl.Series([unit]))[0] == expected


def test_frame_hash_ignores_order_and_sees_every_id() -> None:
    ids = ["b", "a", "工单-42"]
    assert draw.frame_hash(ids) == draw.frame_hash(ids[::-1])
    assert draw.frame_hash(ids) != draw.frame_hash([*ids, "c"])


@settings(max_examples=40, deadline=None)
@given(
    agents=st.integers(1, 7),
    each=st.integers(1, 60),
    per_agent=st.integers(0, 25),
    share=st.sampled_from([0.0, 0.2, 0.4]),
    shuffle=st.integers(0, 10_000),
)
def test_design_holds_for_any_population(agents: int, each: int, per_agent: int, share: float, shuffle: int) -> None:
    frame = population(agents, each, f"s{shuffle}")
    if share and agents > agents * per_agent - round(share * agents * per_agent):
        share = 0.0  # a pool that would leave agents without a chance is refused
    planned = draw.plan(frame, chat(per_agent, share))
    pi = planned.frame.group_by("agent_id").agg(pl.col("pi").filter(pl.col("role") != "pool").sum())
    for agent, total in pi.iter_rows():
        base = planned.sizes.filter(pl.col("agent_id") == agent)["base"][0]
        assert total == pytest.approx(base, abs=1e-9)
    drawn = draw.select(planned, SEED)
    again = draw.select(planned.frame.sample(fraction=1.0, shuffle=True, seed=shuffle), SEED)
    assert drawn.equals(again)
    assert draw.plan(frame.reverse(), chat(per_agent, share)).frame.equals(planned.frame)
    assert drawn["picked"].sum() == planned.sizes["base"].sum() + planned.sizes["pool"].sum()
    wanted = planned.sizes["wanted"].sum() + planned.sizes["pool"].sum()
    assert wanted == agents * per_agent or planned.shortages or share > 0
    base_sizes = planned.sizes["wanted"]
    assert base_sizes.max() - base_sizes.min() <= 1
    capped = planned.frame.filter(pl.col("role") == "base").join(planned.sizes, on=["source", "agent_id"])
    uniform = (pl.col("frame") - pl.col("pool")) / pl.col("base")
    assert (
        capped.filter(pl.col("base") > 0).select((1 / pl.col("pi") <= 3.3 * uniform * (1 + 1e-9)).all()).item()
        is not False
    )


def test_pool_takes_the_riskiest_of_the_team_and_the_total_stays() -> None:
    frame = population(10, 100)
    planned = draw.plan(frame, chat(8, 0.25))
    pool = planned.frame.filter(pl.col("role") == "pool")
    assert pool.height == 20
    assert pool["p"].min() >= planned.frame.filter(pl.col("role") != "pool")["p"].max()
    assert draw.select(planned, SEED)["picked"].sum() == 80
    preview = draw.preview(planned)
    assert preview.reviews == 80
    assert preview.lift is not None
    assert preview.lift > 1.5
    assert preview.expected_found == pytest.approx((planned.frame["pi"] * planned.frame["p"]).sum())


def test_probability_rises_with_the_predicted_spread() -> None:
    planned = draw.plan(population(2, 200), chat(10)).frame.filter(pl.col("agent_id") == "A00").sort("p")
    assert planned["pi"].is_sorted()
    assert planned["pi"].max() > 1.5 * planned["pi"].min()


@pytest.mark.parametrize(
    ("level", "expected"),
    [("newcomer", 10), ("tightened", 10), ("normal", 5), ("reduced", 2), ("all", 50)],
)
def test_intensity_multiplies_the_quota(level: str, expected: int) -> None:
    history = pl.DataFrame({"agent_id": ["A00"], "intensity": [level]})
    sizes = draw.plan(population().drop("p"), chat(5), history).sizes
    found = sizes.filter(pl.col("agent_id") == "A00")["base"][0]
    assert abs(found - expected) <= (1 if level == "reduced" else 0)
    assert set(sizes.filter(pl.col("agent_id") != "A00")["base"]) <= {5, 6}


def test_no_agent_is_left_without_a_chance_unless_the_total_is_too_small() -> None:
    history = pl.DataFrame({"agent_id": ["A00", "A01"], "intensity": ["reduced", "reduced"]})
    planned = draw.plan(population(), chat(0.9), history)
    assert planned.sizes["base"].sum() == 5
    assert len(draw.preview(planned).uncovered) == 1
    planned = draw.plan(population(), chat(1.5), history)
    assert planned.sizes["base"].min() == 1
    assert draw.preview(planned).uncovered == ()


def test_intensity_from_past_results() -> None:
    history = pl.DataFrame(
        {
            "agent_id": ["A00", "A01", "A02", "A03"],
            "tenure_weeks": [2.0, 90.0, 90.0, 90.0],
            "below_team": [False, True, False, False],
            "clean_periods": [0, 0, 6, 5],
        }
    )
    levels = draw.intensities(population()["agent_id"].unique(), chat(5), history)
    assert [levels[f"A0{k}"].value for k in range(5)] == ["newcomer", "tightened", "reduced", "normal", "normal"]


def test_small_agents_are_taken_completely_and_the_shortage_is_shown() -> None:
    frame = pl.concat(
        [population(2, 30), pl.DataFrame({"unit_id": ["X1"], "agent_id": ["new"], "source": "chat", "p": 0.01})]
    )
    planned = draw.plan(frame, chat(5))
    assert planned.shortages == (draw.Shortage("chat", "new", 5, 1),)
    drawn = draw.select(planned, SEED)
    assert drawn.filter(pl.col("agent_id") == "new").select("reason", "pi", "picked").rows() == [
        ("take_all", 1.0, True)
    ]


def test_sources_are_frames_of_their_own() -> None:
    frame = pl.concat(
        [population(3, 40), population(3, 2).with_columns(pl.col("unit_id") + "-d", source=pl.lit("dispute"))]
    )
    design = draw.Design((draw.Quota("chat", 4), draw.Quota("dispute", None)))
    drawn = draw.picks(draw.select(draw.plan(frame, design), SEED))
    assert dict(drawn["source"].value_counts().iter_rows()) == {"chat": 12, "dispute": 6}
    assert set(drawn.filter(pl.col("source") == "dispute")["reason"]) == {"take_all"}


def test_claimed_probability_is_the_frequency() -> None:
    planned = draw.plan(population(3, 40), chat(8, 0.1))
    pi, draws = planned.frame["pi"].to_numpy(), 800
    hits = sum(draw.select(planned, f"seed-{k}")["picked"].to_numpy().astype(int) for k in range(draws))
    random = (pi > 0) & (pi < 1)
    z = (hits[random] - draws * pi[random]) / np.sqrt(draws * pi[random] * (1 - pi[random]))
    assert np.abs(z).max() < 4.5
    assert 0.8 < np.std(z) < 1.2
    assert (hits[pi == 1] == draws).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(1, 6), st.integers(0, 10**6))
def test_ranks_follow_their_definition_in_ties_too(units: int, agents: int, shuffle: int) -> None:
    rng = np.random.default_rng(shuffle)
    pi = rng.choice([0.0, 0.5, 1.0], units)
    who = rng.integers(0, agents, units)
    for agent in range(agents):  # halves come in pairs, so that sizes are whole
        halves = np.flatnonzero((who == agent) & (pi == 0.5))
        pi[halves[: len(halves) % 2]] = 1.0
    u = pl.Series(rng.choice([0.2, 0.4, 0.6], units))
    frame = pl.DataFrame(
        {"unit_id": [f"C{k:02d}" for k in rng.permutation(units)], "agent_id": [f"A{k}" for k in who], "pi": pi}
    )
    found = {row["unit_id"]: row for row in draw.select(frame, "s", numbers=u).iter_rows(named=True)}
    for agent in frame["agent_id"].unique():
        rows = frame.with_columns(u=u).filter(pl.col("agent_id") == agent).rows(named=True)
        order = sorted(
            rows,
            key=lambda r: (
                r["pi"] == 0,
                r["u"] * (1 - r["pi"]) / (1 - r["u"]) / r["pi"] if r["pi"] else 0,
                r["u"],
                r["unit_id"],
            ),
        )
        assert [found[r["unit_id"]]["rank"] for r in order] == list(range(1, len(rows) + 1))
        take = round(sum(r["pi"] for r in rows))
        assert [found[r["unit_id"]]["picked"] for r in order] == [k < take and r["pi"] > 0 for k, r in enumerate(order)]


def test_blocks_are_whole_strata_in_the_order_given() -> None:
    stratum = np.random.default_rng(3).integers(0, 9, 500)
    stratum[stratum == 4] = 5  # one without units
    parts = list(blocks(stratum, 9, 120))
    assert len(parts) > 3
    assert [k for part, _ in parts for k in range(part.start, part.stop)] == list(range(9))
    assert [row for _, rows in parts for row in rows] == [row for k in range(9) for row in np.flatnonzero(stratum == k)]


def test_late_rows_hardly_disturb_the_draw() -> None:
    early, late = population(5, 200), population(5, 200).with_columns(pl.col("unit_id") + "-late").head(20)
    before = set(draw.picks(draw.select(draw.plan(early, chat(10)), SEED))["unit_id"])
    after = set(draw.picks(draw.select(draw.plan(pl.concat([early, late]), chat(10)), SEED))["unit_id"])
    assert len(before & after) >= 45


def test_replacement_takes_the_next_rank_once_and_refuses_nonsense() -> None:
    drawn = draw.select(draw.plan(population(2, 20), chat(3)), SEED)
    ranks = drawn.filter(pl.col("agent_id") == "A00").sort("rank")["unit_id"].to_list()
    drawn, first = draw.replace(drawn, ranks[1], "recording is empty")
    assert first == draw.Replacement(ranks[1], ranks[3], "recording is empty")
    drawn, second = draw.replace(drawn, ranks[3], "wrong agent")
    assert second.substitute == ranks[4]
    assert set(draw.picks(drawn).filter(pl.col("agent_id") == "A00")["unit_id"]) == {ranks[0], ranks[2], ranks[4]}
    assert drawn.filter(pl.col("unit_id") == ranks[4])["reason"][0] == "replacement"
    with pytest.raises(draw.DrawError, match="to be a pick"):
        draw.replace(drawn, ranks[1], "again")
    with pytest.raises(draw.DrawError, match="reason"):
        draw.replace(drawn, ranks[0], " ")


def test_a_pool_unit_has_no_substitute() -> None:
    drawn = draw.select(draw.plan(population(2, 20), chat(4, 0.25)), SEED)
    unit = drawn.filter(pl.col("reason") == "certainty")["unit_id"][0]
    assert draw.replace(drawn, unit, "deleted by the customer")[1].substitute is None


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (pl.DataFrame({"unit_id": ["a", "a"], "agent_id": ["x", "x"]}), "repeated_id"),
        (pl.DataFrame({"unit_id": ["a", None], "agent_id": ["x", "x"]}), "missing_id"),
        (pl.DataFrame({"unit_id": ["a"]}), "columns"),
        (pl.DataFrame({"unit_id": ["a"], "agent_id": ["x"], "p": [1.5]}), "p_range"),
        (pl.DataFrame({"unit_id": [], "agent_id": []}), "empty_frame"),
    ],
)
def test_bad_frames_are_refused(frame: pl.DataFrame, code: str) -> None:
    with pytest.raises(draw.DrawError) as error:
        draw.plan(frame, chat(1))
    assert error.value.code == code


def test_probabilities_that_do_not_add_up_are_refused() -> None:
    frame = pl.DataFrame({"unit_id": ["a", "b"], "agent_id": ["x", "x"], "pi": [0.5, 0.2]})
    with pytest.raises(draw.DrawError, match="whole number"):
        draw.select(frame, SEED)


def _receipt(share: float = 0.2) -> tuple[pl.DataFrame, draw.Receipt]:
    planned = draw.plan(population(4, 30), chat(5, share))
    drawn, made = draw.select(planned, SEED), []
    for _ in range(2):
        unit = draw.picks(drawn).filter(pl.col("reason") != "certainty")["unit_id"][0]
        drawn, step = draw.replace(drawn, unit, "空会话")
        made.append(step)
    return planned.frame, draw.make_receipt(drawn, SEED, archive_version="7", model_version="rule", replacements=made)


def test_receipt_round_trip_and_verification() -> None:
    frame, receipt = _receipt()
    assert draw.Receipt.from_json(receipt.to_json()) == receipt
    assert draw.verify(receipt, frame.reverse()) == ()
    forged = changed(receipt.picks[3], unit_id="C99999")
    differences = draw.verify(changed(receipt, picks=(*receipt.picks[:3], forged, *receipt.picks[4:])), frame)
    assert {d.what for d in differences} == {"pick"}
    assert {d.what for d in draw.verify(receipt, frame.head(100))} >= {"frame_hash", "units"}
    other_seed = changed(receipt, seed="other", replacements=())
    assert {d.what for d in draw.verify(other_seed, frame)} >= {"commitment", "pick"}


@pytest.mark.parametrize("with_pi", [True, False])
def test_the_script_redraws_with_the_standard_library_alone(tmp_path: Path, with_pi: bool) -> None:
    if with_pi:
        frame, receipt = _receipt()
    else:
        planned = draw.plan(population(4, 30).drop("p"), chat(5))
        frame = planned.frame.select("unit_id", "agent_id", "source")
        receipt = draw.make_receipt(draw.select(planned, SEED), SEED, archive_version="7")
    (tmp_path / "receipt.json").write_text(receipt.to_json(), encoding="utf-8")
    with (tmp_path / "frame.csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, frame.columns)
        writer.writeheader()
        writer.writerows(frame.iter_rows(named=True))

    def run() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-S", str(SCRIPT), "receipt.json", "frame.csv"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    good = run()
    assert (good.returncode, good.stdout[:6]) == (0, "equal:"), good.stdout + good.stderr
    data = json.loads(receipt.to_json())
    data["picks"][0]["unit_id"] = "C99999"
    (tmp_path / "receipt.json").write_text(json.dumps(data), encoding="utf-8")
    bad = run()
    assert bad.returncode == 1
    assert "C99999" in bad.stdout


def test_the_script_is_short() -> None:
    assert len(SCRIPT.read_text(encoding="utf-8").splitlines()) <= 60


def test_ties_of_the_pool_favour_nobody() -> None:
    """Before anything is known all risks are equal: the pool must not be the same few agents in every period."""
    frame = pl.DataFrame(
        {"unit_id": [f"C{k:05d}" for k in range(2000)], "agent_id": [f"A{k // 50:02d}" for k in range(2000)], "p": 0.02}
    )
    pools = [
        set(draw.plan(frame, chat(5, 0.2, period=f"2025-{m:02d}")).frame.filter(pl.col("role") == "pool")["unit_id"])
        for m in range(1, 7)
    ]
    assert [len(pool) for pool in pools] == [40] * 6
    for pool in pools:
        agents = frame.filter(pl.col("unit_id").is_in(list(pool)))["agent_id"]
        assert agents.n_unique() >= 20
        assert agents.value_counts()["count"].max() <= 6
    assert len(set.union(*pools)) > 200
    old = draw.plan(frame, chat(5, 0.2, period="x", planning=1)).frame.filter(pl.col("role") == "pool")
    assert old["unit_id"].max() == "C00039"  # as draws published before were made
    risky = frame.with_columns(p=pl.when(pl.col("unit_id") == "C01999").then(0.9).otherwise("p"))
    assert "C01999" in draw.plan(risky, chat(5, 0.2)).frame.filter(pl.col("role") == "pool")["unit_id"].to_list()


@pytest.mark.parametrize("per_agent", [1, 2, 3])
def test_every_agent_keeps_a_chance_beside_the_pool(per_agent: int) -> None:
    frame = population(40, 50).with_columns(f=90 - 45 * pl.col("p"))
    record = draw.ModelRecord(0.9, 2000, 100)
    share = draw.automatic_share(frame, chat(per_agent, None), record)
    planned = draw.plan(frame, chat(per_agent, share))
    assert planned.frame["pi"].min() > 0
    assert draw.preview(planned).uncovered == ()
    with pytest.raises(draw.DrawError, match="keep a chance") as refused:
        draw.plan(frame, chat(per_agent, 0.9))
    assert refused.value.code == "no_base_chance"
    assert refused.value.facts["agents"] == 40


def test_the_share_counts_only_on_predictions_that_the_estimate_will_use() -> None:
    """Without a history λ is tuned on the reviews, and a hundred of them are too few: what f explains is then not
    gained."""
    frame = population(20, 200).with_columns(f=90 - 45 * pl.col("p"))
    record = draw.ModelRecord(0.9, 2000, 100)
    few, frozen = chat(4, None), chat(4, None, lam=1.0)
    assert draw.automatic_share(frame, few, record) < draw.automatic_share(frame, frozen, record)


def test_the_preview_says_what_one_source_gives_and_what_a_month_will() -> None:
    chats = population(12, 80)
    disputes = population(12, 3).with_columns(pl.col("unit_id") + "-d", source=pl.lit("dispute"))
    design = draw.Design((draw.Quota("chat", 4), draw.Quota("dispute", None)))
    alone = draw.preview(draw.plan(chats, chat(4)), days=7)
    both = draw.preview(draw.plan(pl.concat([chats, disputes]), design), days=7)
    assert [source.source for source in both.sources] == ["chat", "dispute"]
    assert both.agent_width == pytest.approx(alone.agent_width)
    week, dispute = both.sources
    assert dispute.agent_width == pytest.approx(0.0)
    assert week.agent_width > week.month_width > week.quarter_width
    assert week.month_width == pytest.approx(week.agent_width / np.sqrt(30.4375 / 7), rel=0.15)
