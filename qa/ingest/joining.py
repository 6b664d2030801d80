"""Which chat a dispute or a rating belongs to, and by what it was found. Nothing is joined by guess: where a customer's
name alone speaks for several chats, the dispute waits for a person.

Frames in, frames out.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

GIVEN, ORDER, CUSTOMER, SEVERAL, SETTLED = "given", "order", "customer", "several", "settled"
"""The file names the chat; same order; the only chat of the customer that can be meant; several can be meant and none
was taken; decided by a person, which no import changes."""
NEAR = timedelta(days=30)
"""How long before a dispute a chat may have begun for the customer alone to speak for it."""
CROWD = 200
"""A customer with more chats than this is a name that many share, such as “anonymous”."""
_NEEDED = ("conversation_key", "agent_id", "customer_id", "order_id", "shop", "started_at")


def given_chat(frame: pl.DataFrame, chats_: pl.LazyFrame, source: str) -> pl.DataFrame:
    """`conversation_key` from a given `conversation_id`: of the same source first, else of any."""
    if "conversation_key" in frame.columns:
        return frame
    if "conversation_id" not in frame.columns or frame["conversation_id"].null_count() == frame.height:
        return frame.with_columns(conversation_key=pl.lit(None, dtype=pl.String))
    ids = frame.lazy().select("conversation_id").drop_nulls().unique()
    keys = (
        chats_.join(ids, on="conversation_id", how="semi")
        .select("conversation_id", "conversation_key", "source")
        .collect()
    )
    keys = keys.sort(pl.col("source") != source, "conversation_key").unique(
        "conversation_id", keep="first", maintain_order=True
    )
    return frame.join(keys.drop("source"), on="conversation_id", how="left", maintain_order="left")


def relink(fresh: pl.DataFrame, chats_: pl.LazyFrame, source: str, moment: str, *, by_agent: bool) -> pl.DataFrame:
    """`given_chat` and `link` for records that the archive may know already (`old_…`): what a person settled stays, and
    a join that was there goes for a better one only."""
    if "old_joined_by" not in fresh.columns:
        fresh = fresh.with_columns(old_joined_by=pl.lit(None, dtype=pl.String))
    settled = pl.col("old_joined_by").eq_missing(SETTLED)
    rows = given_chat(fresh, chats_, source).with_columns(
        conversation_key=pl.when(settled).then("old_conversation_key").otherwise("conversation_key"),
        joined_by=pl.when(settled).then("old_joined_by"),
    )
    rows = link(rows, chats_, moment, by_agent)
    kept = pl.col("conversation_key").is_null() & pl.col("old_conversation_key").is_not_null()
    return rows.with_columns(
        joined_by=pl.when(kept).then("old_joined_by").otherwise("joined_by"),
        conversation_key=pl.coalesce("conversation_key", "old_conversation_key"),
    )


def link(frame: pl.DataFrame, chats_: pl.LazyFrame, moment: str, by_agent: bool) -> pl.DataFrame:
    """Fill `conversation_key` and `joined_by` (and `agent_id`, `shop`) from the chats that began before `moment`.

    Tried in this order: the given key, the last chat of the same order, the customer: with `by_agent` the last chat
    with the agent, otherwise the only chat that can be meant (`_by_customer`). What is settled stays. `chats_` needs
    conversation_key, agent_id, customer_id, order_id, shop, started_at.
    """
    chats = chats_.select(_NEEDED).drop_nulls("started_at")
    rows = frame.with_row_index("i")
    if "joined_by" not in rows.columns:
        rows = rows.with_columns(joined_by=pl.lit(None, dtype=pl.String))
    settled = pl.col("joined_by").eq_missing(SETTLED)
    waiting = rows.filter(pl.col("conversation_key").is_null() & ~settled & pl.col(moment).is_not_null())
    found = [_last(waiting, chats, moment, ["order_id"], ORDER)]
    left = waiting.join(found[0], on="i", how="anti")
    if by_agent:
        found.append(_last(left, chats, moment, ["customer_id", "agent_id"], CUSTOMER))
    else:
        found.append(_by_customer(left, chats, moment))
    rows = rows.join(pl.concat(found), on="i", how="left", maintain_order="left")
    given = pl.when(pl.col("conversation_key").is_not_null()).then(pl.coalesce("joined_by", pl.lit(GIVEN)))
    rows = rows.with_columns(
        joined_by=pl.when(settled).then("joined_by").otherwise(pl.coalesce(given, "why")),
        conversation_key=pl.coalesce("conversation_key", "linked"),
    )
    return _with_people(rows.drop("i", "linked", "why"), chats_)


def news(linked: pl.DataFrame, waiting: pl.DataFrame, key: str) -> pl.DataFrame:
    """Of records that waited for their chat, those of which `link` tells something else now."""
    if "joined_by" not in waiting.columns:
        return linked.filter(pl.col("conversation_key").is_not_null())
    old = waiting.select(key, was="joined_by")
    return linked.join(old, on=key, how="left").filter(pl.col("joined_by").ne_missing(pl.col("was"))).drop("was")


_FOUND = {"i": pl.get_index_type(), "linked": pl.String, "why": pl.String}


def _last(rows: pl.DataFrame, chats: pl.LazyFrame, moment: str, keys: list[str], why: str) -> pl.DataFrame:
    """The last chat with the same `keys` that began before `moment`: i, linked, why."""
    mine = rows.drop_nulls(keys).select("i", moment, *keys).sort(moment)
    if mine.is_empty():
        return pl.DataFrame(schema=_FOUND)
    theirs = chats.join(mine.lazy().select(keys).unique(), on=keys, how="semi")
    known = theirs.select(*keys, "started_at", linked="conversation_key").collect().sort("started_at")
    hit = mine.join_asof(
        known, left_on=moment, right_on="started_at", by=keys, strategy="backward", check_sortedness=False
    )
    return hit.drop_nulls("linked").select("i", "linked", why=pl.lit(why))


def _by_customer(rows: pl.DataFrame, chats: pl.LazyFrame, moment: str) -> pl.DataFrame:
    """The chat of the same customer in the days before, unless it is about another order or in another shop: i, linked
    (null where several can be meant), why."""
    mine = rows.drop_nulls("customer_id").select("i", moment, "customer_id", own_order="order_id", own_shop="shop")
    if mine.is_empty():
        return pl.DataFrame(schema=_FOUND)
    theirs = chats.join(mine.lazy().select("customer_id").unique(), on="customer_id", how="semi").collect()
    crowds = theirs.group_by("customer_id").len().filter(pl.col("len") > CROWD)
    shared = mine.join(crowds, on="customer_id", how="semi")
    pairs = mine.join(theirs.join(crowds, on="customer_id", how="anti"), on="customer_id").filter(
        pl.col("started_at").is_between(pl.col(moment) - NEAR, pl.col(moment)),
        pl.col("own_order").eq(pl.col("order_id")).fill_null(True),
        pl.col("own_shop").eq(pl.col("shop")).fill_null(True),
    )
    told = pairs.group_by("i", maintain_order=True).agg(pl.len().alias("n"), pl.col("conversation_key").first())
    one = pl.col("n") == 1
    single = told.select(
        "i",
        linked=pl.when(one).then("conversation_key"),
        why=pl.when(one).then(pl.lit(CUSTOMER)).otherwise(pl.lit(SEVERAL)),
    )
    many = shared.select("i", linked=pl.lit(None, dtype=pl.String), why=pl.lit(SEVERAL))
    return pl.concat([single, many])


def _with_people(rows: pl.DataFrame, chats_: pl.LazyFrame) -> pl.DataFrame:
    """Agent, shop, customer and order of the chat where the record says nothing."""
    if rows["conversation_key"].null_count() == rows.height:
        return rows
    people = (
        chats_.select(
            "conversation_key",
            their_agent="agent_id",
            their_shop="shop",
            their_customer="customer_id",
            their_order="order_id",
        )
        .join(rows.lazy().select("conversation_key").unique(), on="conversation_key", how="semi")
        .collect()
    )
    return (
        rows.join(people, on="conversation_key", how="left", maintain_order="left")
        .with_columns(
            agent_id=pl.coalesce("agent_id", "their_agent"),
            shop=pl.coalesce("shop", "their_shop"),
            customer_id=pl.coalesce("customer_id", "their_customer"),
            order_id=pl.coalesce("order_id", "their_order"),
        )
        .drop("their_agent", "their_shop", "their_customer", "their_order")
    )
