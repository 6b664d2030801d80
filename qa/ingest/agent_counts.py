"""Who spoke for the shop in a conversation: how many messages of which agent, as small numbers a run of messages."""

from __future__ import annotations

import numpy as np
import polars as pl

from qa.ingest.tally import Groups

SCHEMA = {"c": pl.UInt32, "a": pl.UInt32, "n": pl.Int64, "seq": pl.Int32}


class AgentCounts:
    """Adds up messages per conversation code (`c`) and agent; hands out who spoke most and who spoke at all."""

    def __init__(self) -> None:
        self._names = pl.Categorical(pl.Categories.random())
        self._alive = pl.Series([""], dtype=self._names)  # keeps the codes of the names for our lifetime
        self._parts: list[pl.DataFrame] = []

    def note(self, frame: pl.DataFrame, groups: Groups) -> None:
        """Count the messages of a piece with `c`, `agent_id` and `seq`: a row for every run of one agent."""
        agents = frame["agent_id"].cast(self._names).to_physical()
        order = groups.order[agents.is_not_null().to_numpy()[groups.order]]
        if not len(order):
            return
        codes, names, seq = (
            frame["c"].to_numpy()[order],
            agents.fill_null(0).to_numpy()[order],
            frame["seq"].to_numpy()[order],
        )
        starts = np.flatnonzero(np.concatenate([[True], (codes[1:] != codes[:-1]) | (names[1:] != names[:-1])]))
        counts = {
            "c": codes[starts],
            "a": names[starts],
            "n": np.diff(np.append(starts, len(order))),
            "seq": np.minimum.reduceat(seq, starts),
        }
        self._parts.append(pl.DataFrame(counts, schema=SCHEMA))

    def forget(self, chosen: pl.DataFrame) -> None:
        """Drop the counts of the conversations in `chosen` (`c`), which will be counted again."""
        self._parts = [part.join(chosen, on="c", how="anti") for part in self._parts]

    def all(self) -> pl.DataFrame:
        """Every count, sorted by `c`."""
        counts = pl.concat(self._parts) if self._parts else pl.DataFrame(schema=SCHEMA)
        codes = counts["c"].to_numpy()
        return counts if (codes[1:] >= codes[:-1]).all() else counts.sort("c", maintain_order=True)

    def speakers(self, counts: pl.DataFrame) -> pl.DataFrame:
        """Of counts of whole conversations: `c`, `speaker` (most messages, first on a tie), `speakers` (in order of
        appearance)."""
        if counts.is_empty():
            return pl.DataFrame(schema={"c": pl.UInt32, "speaker": pl.String, "speakers": pl.List(pl.String)})
        names = pl.Series(range(int(counts["a"].max()) + 1), dtype=pl.UInt32).cat.to(self._names).cast(pl.String)  # type: ignore[arg-type]
        repeated = counts["c"].is_duplicated()
        one = counts.filter(~repeated)
        agent = names.gather(one["a"])
        alone = pl.DataFrame({"c": one["c"], "speaker": agent, "speakers": agent.reshape((-1, 1)).arr.to_list()})
        if alone.height == counts.height:
            return alone
        several = counts.filter(repeated).group_by("c", "a").agg(pl.col("n").sum(), pl.col("seq").min())
        several = several.with_columns(names.gather(several["a"]).alias("name"))
        top = (
            several.sort(["c", "n", "seq"], descending=[False, True, False])
            .group_by("c", maintain_order=True)
            .agg(speaker=pl.col("name").first())
        )
        spoken = several.sort("c", "seq").group_by("c", maintain_order=True).agg(speakers="name")
        return pl.concat([alone, top.join(spoken, on="c", how="left")])


def between(counts: pl.DataFrame, low: int, high: int) -> pl.DataFrame:
    """The rows of `counts`, sorted by `c`, with low ≤ c < high."""
    begin, end = np.searchsorted(counts["c"].to_numpy(), [low, high])
    return counts.slice(int(begin), int(end - begin))
