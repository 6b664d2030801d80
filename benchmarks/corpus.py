"""A generated chat export for the benchmarks: rows in export order (interleaved conversations), emoji, quoted newlines,
rare characters.

It writes files and knows nothing of the product. The same arguments give the same bytes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

PHRASES = (
    "亲，您好，请问有什么可以帮您的呢？",
    "这款还有货吗",
    "什么时候发货啊，我急用",
    "好的，我帮您看一下，请稍等哦😊",
    "可以退货吗？尺码偏大了",
    "支持七天无理由退换的，吊牌不要剪就可以",
    "快递已经三天没有更新物流了，麻烦帮我催一下",
    "收到，谢谢",
    "已经为您登记加急处理了，预计今天 18:00 前发出",
    "Does it come with a charger?",
    "优惠券怎么用，满 300 减 40 用不了，提示“不满足条件”",
    "您把截图发一下我看看",
    "[图片]",
    "好的呢，\n还有其他问题随时联系我们哦",
    "𠮷野家联名款还有吗",
    "发票抬头开公司的, 税号稍后发你",
    "那算了吧",
    "亲亲，非常抱歉给您带来不好的体验，这边马上为您核实，麻烦提供一下订单号，我们会在第一时间给您一个满意的答复🙏",
    "嗯嗯",
    "?",
)
COMMON = (
    "的一是了我不人在他有这个上们来到时大地为子中你说生国年着就那和要她出也得里后自以"
    "会家可下而过天去能对小多然于心学么之都好看起发当没成只如事把还用第样道想作种开美"
)
ROWS_PER_CONVERSATION = 11.41


def messages(conversations: int, seed: int = 7, first: int = 0) -> pl.DataFrame:
    """One row per message, sorted by time as an export is; all columns are text as in a CSV."""
    rng = np.random.default_rng(seed)
    counts = 1 + rng.poisson(ROWS_PER_CONVERSATION - 1, conversations)
    rows = int(counts.sum())
    conversation = np.repeat(np.arange(conversations), counts)
    begin = rng.integers(0, 60 * 86_400, conversations)
    gaps = rng.exponential(40, rows).astype(np.int64)
    offset = np.cumsum(gaps)
    start_of = np.concatenate([[0], np.cumsum(counts)[:-1]])
    seconds = begin[conversation] + offset - offset[start_of][conversation]
    order = np.argsort(seconds, kind="stable")
    conversation, seconds = conversation[order], seconds[order]
    agent_says = rng.random(rows) < 0.46
    one, two = rng.integers(0, len(PHRASES), rows), rng.integers(0, len(PHRASES) * 3, rows)
    phrase = pl.Series(PHRASES)
    second = pl.Series([*PHRASES, *[""] * (2 * len(PHRASES))])
    agent = conversation % 400
    # what people type is not repeated word for word: some characters of each row are its own, so files compress as real
    # ones do
    own = np.char.add(
        *(pl.Series(list(COMMON))[rng.integers(0, len(COMMON), rows)].to_numpy().astype("U1") for _ in range(2))
    )
    frame = pl.DataFrame(
        {
            "c": conversation + first,
            "s": seconds,
            "agent": agent,
            "says": agent_says,
            "a": phrase[one],
            "b": second[two],
            "n": np.arange(rows),
            "own": pl.Series(own.tolist()),
        }
    )
    return frame.select(
        pl.format("S{}", pl.col("c").cast(pl.String).str.zfill(9)).alias("会话ID"),
        (pl.datetime(2026, 1, 1) + pl.duration(seconds="s")).dt.strftime("%Y-%m-%d %H:%M:%S").alias("消息时间"),
        pl.when("says").then(pl.lit("客服")).otherwise(pl.lit("客户")).alias("发送方"),
        pl.format("旗舰店:小{}", "agent").alias("客服账号"),
        pl.format("tb{}", (pl.col("c") * 7919) % 10_000_019).alias("买家昵称"),
        pl.lit("示例旗舰店").alias("店铺"),
        pl.when(pl.col("c") % 3 == 0)
        .then(pl.format("{}", pl.col("c").cast(pl.Int64) + 2_600_000_000_000_000_000))
        .otherwise(pl.lit(""))
        .alias("订单号"),
        pl.concat_str(
            [
                pl.col("a"),
                pl.col("b"),
                pl.col("own"),
                pl.when(pl.col("n") % 5 == 0).then(pl.format(" {}", "n")).otherwise(pl.lit("")),
            ]
        ).alias("消息内容"),
    )


def write(folder: Path, conversations: int, encoding: str = "gb18030") -> Path:
    """The corpus as CSV in `folder`; made once and reused."""
    path = folder / f"chats-{conversations}-{encoding}.csv"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        text = messages(conversations).write_csv(quote_style="necessary")
        path.write_bytes(text.encode(encoding))
    return path
