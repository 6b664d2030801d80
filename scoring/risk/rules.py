"""The rule score: how risky a conversation looks before any label exists.

Owns the words and weights of the cold start. Does not learn; once enough conversations are scored, ``model`` takes
over.
"""

from __future__ import annotations

import re

import polars as pl
import scipy

#: Words of complaint, in the customer's mouth. Kept short and plain: each must mean trouble in most chats that have it.
COMPLAINT_WORDS: tuple[str, ...] = tuple(
    re.split(
        ",",
        "投诉,举报,差评,骗子,骗人,欺骗,被骗,假货,垃圾,态度,敷衍,不理,没人理,不回,不管,怎么还,还没,到底,太慢,太差,"
        "退钱,赔偿,赔钱,12315,工商,消协,曝光,平台介入,小二,坑人,恶心,失望,生气,无语,忽悠,推卸,踢皮球,不负责,气死,"
        "过分,凭什么,说话不算,滚,"
        "complain,refund,scam,fraud,terrible,worst,rude,useless,unacceptable,ridiculous,supervisor,lawyer,"
        "disappointed,angry,cheated,lying,liar,chargeback,still waiting,no response,never again,speak to a manager,"
        "waste of time",
    )
)

#: Columns a conversation may bring beside its texts, all optional: numbers, or booleans.
SIGNALS = ("hits", "slow_replies", "longest_wait", "rating", "refund", "customer_last", "messages")

#: Points on the logit scale; the base rate of 3 % stands for a conversation without any sign.
BASE, WORD, LAST, MARK, HIT, SLOW, LOW_RATING, REFUND = -3.9, 0.7, 0.5, 0.12, 1.0, 0.3, 1.2, 0.5
MOST_WORDS, MOST_MARKS, MOST_HITS, MOST_SLOW = 4, 6, 3, 4


def rule_score(frame: pl.DataFrame) -> pl.DataFrame:
    """Return unit_id, risk (logit points, for ranking) and p (rough, uncalibrated probability of a violation).

    ``frame`` has unit_id, customer_text and any of ``SIGNALS``: red-line hits, slow replies by the platform's
    definition, rating (1–5), refund or dispute flag, whether the customer spoke last. What is missing counts as nothing
    seen.
    """
    known = set(frame.columns)

    def signal(name: str, default: float = 0.0) -> pl.Expr:
        return pl.col(name).cast(pl.Float64).fill_null(default) if name in known else pl.lit(default)

    text = pl.col("customer_text").fill_null("").str.to_lowercase()
    words = text.str.count_matches("|".join(COMPLAINT_WORDS)).clip(upper_bound=MOST_WORDS)
    marks = text.str.count_matches("[!?！？]").clip(upper_bound=MOST_MARKS)
    points = (
        BASE
        + WORD * words
        + MARK * marks
        + LAST * signal("customer_last")
        + HIT * signal("hits").clip(0, MOST_HITS)
        + SLOW * signal("slow_replies").clip(0, MOST_SLOW)
        + LOW_RATING * (signal("rating", 5.0) <= 2).cast(pl.Float64)
        + REFUND * signal("refund")
    )
    scored = frame.select("unit_id", risk=points.cast(pl.Float64))
    return scored.with_columns(p=pl.Series(scipy.special.expit(scored["risk"].to_numpy())))
