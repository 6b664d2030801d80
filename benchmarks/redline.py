"""What screening costs, as ratios within one run: ``python -m benchmarks.redline [--scale small] [--rounds 5]``.

50 rules of 10 phrases and 1 regular expression (550 terms) over generated agent messages, of which about 4 % hold a
term. Controls on the same text: ripgrep with the same 550 terms (``rg -c``), and with the 500 phrases alone (``rg -F
-c``). Every candidate runs interleaved; CPU seconds, medians. Rules are compiled before the clock starts and the
compile time is reported on its own; ripgrep compiles inside its time, which is a few hundredths of a second here.
Message counts must agree with ripgrep's line counts before anything is reported. Exit code 1 when a goal is missed.

The first ratio says as much about ripgrep as about us: with 50 easy expressions its automaton stays small (0.9 CPU s
for a million messages), with a third of the form “A.{0,6}B” it needs ten times that, with most of them minutes. The set
below is the middle one. On a small corpus ripgrep's compile time weighs most; judge by ``--scale full``.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.corpus import COMMON, PHRASES
from scoring.redline import Evasion, Label, Rule, Screener, Terms

SCALES = {"small": 100_000, "full": 1_050_000}
HIT_SHARE = 0.04
VERBS = "加扫转返退赔删改撤骂查发打催拒拖骗卖刷贴"
NOUNS = [
    "微信",
    "红包",
    "好评",
    "差评",
    "投诉",
    "发票",
    "现金",
    "电话",
    "地址",
    "密码",
    "截图",
    "群主",
    "私号",
    "闲鱼",
    "口令",
    "流水",
    "押金",
    "保单",
    "快递",
    "平台",
]
TAILS = ["返你", "给我", "就行", "再说", "不管", "没用", "一下", "便宜", "包赔", "保密"]


@dataclass(frozen=True)
class Corpus:
    frame: pl.DataFrame
    rules: tuple[Rule, ...]

    @property
    def megabytes(self) -> float:
        return float(self.frame["text"].str.len_bytes().sum()) / 1e6


# Regular expressions as inspectors write them: ids and numbers, gaps between two words, promises with a time, English.
REGEX = (
    r"1[3-9]\d{9}",
    r"62\d{14,17}",
    r"[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx]",
    r"[a-zA-Z0-9_.-]{3,30}@[a-zA-Z0-9-]{2,20}\.(?:com|cn|net)",
    r"https?://[^\s，。]{4,60}",
    r"(?:www|m)\.[a-z0-9-]{2,30}\.(?:com|cn|net)",
    r"(?:vx|wx|VX|WX|微信|薇信)号?[：: ]{0,2}[a-zA-Z][a-zA-Z0-9_-]{5,19}",
    r"(?:qq|QQ|扣扣|企鹅)号?[：: ]{0,2}\d{6,12}",
    r"(?:加我|联系我|打我|找我)[^，。！？]{0,10}1[3-9]\d{9}",
    r"\d{3,4}-\d{7,8}",
    r"(?:电话|手机|热线)[^，。！？]{0,6}\d{3,4}-?\d{7,8}",
    r"(?:身份证|护照)号?码?[：: ]{0,2}[A-Z0-9]{8,18}",
    r"(?:退|赔|返|补|送)[^，。！？]{0,6}\d{1,4}(?:\.\d{1,2})?(?:元|块|rmb)",
    r"(?:好评|五星|5星|晒图|买家秀)[^，。！？]{0,8}(?:返|红包|券|奖励)",
    r"(?:返|红包|现金|券)[^。！？]{0,8}(?:前提|只要|需要)[^。！？]{0,6}(?:好评|五星|晒图)",
    (
        r"(?:保证|肯定|绝对|百分百|100%|一定)(?:会|能|可以)?(?:今天|今晚|明天|后天|\d{1,2}天|\d{1,2}小时)[^，。"
        r"！？]{0,6}(?:发|到|退)"
    ),
    r"(?:不|没)(?:删|撤|改|取消)[^，。！？]{0,4}(?:差评|评价|投诉)",
    r"(?:麻烦|能不能|可否)[^。！？]{0,8}(?:删|撤销|取消)[^。！？]{0,5}(?:差评|投诉)",
    r"不(?:改|删|撤|接|回)[^，。！？]{0,6}(?:就|会|那)?(?:一直|天天|不停)[^，。]{0,3}(?:打|发|找)",
    r"(?:另一个|其他|别的|那个)(?:买家|顾客|客户)[^，。！？]{0,10}(?:电话|地址|姓名)[^，。]{0,3}(?:是|叫)",
    r"(?:买家|收件人|收货人)[^，。！？]{0,12}1[3-9]\d{9}",
    r"(?:任何人|陌生人|对方)[^。！？]{0,10}(?:验证码|密码|转账)",
    r"(?:验证码|密码)[^，。！？]{0,4}(?:发|告诉|给)(?:我|过来)",
    r"(?:共享|分享)[^，。！？]{0,3}屏幕",
    r"(?:转|打|汇)到?[^，。！？]{0,6}(?:账户|账号|卡号|卡上)",
    r"(?:线下|站外|私下)[^，。！？]{0,4}(?:交易|付款|转账|成交)",
    r"(?:全网|全国|全球|行业|同行)[^，。！？]{0,3}(?:最低|第一|最好|最强)",
    r"最(?:先进|高级|顶级|便宜|安全|优质|权威|专业)(?:的|品牌|技术)",
    r"(?:100%|百分百)(?:有效|纯天然|无害|退款)",
    r"(?:治愈|根治|包治|抗癌|降血压|降血糖)[^，。！？]{0,6}(?:率|效果|病)",
    r"(?:你|您)(?:是不是|真是|就是)[^，。！？]{0,4}(?:傻|蠢|笨|贱|疯)",
    r"(?:你|你们)[^，。！？]{0,3}(?:有病|没素质|没教养|不要脸)",
    r"(?:滚|闭嘴|去死)(?:吧|啊|远点|开)",
    r"(?:查|知道|找)[^，。！？]{0,3}(?:你家|你的地址|你单位)",
    r"(?:不归|不关)(?:我|我们)[^，。！？]{0,3}(?:管|事)",
    r"(?:自己|你去)[^，。！？]{0,3}(?:找快递|看规则|想办法)",
    r"(?:没办法|处理不了|解决不了)[^，。！？]{0,4}(?:就这样|投诉|随便)",
    r"(?:开票|发票)[^，。！？]{0,6}(?:加税|加点|没优惠|不提供)",
    r"(?:平台|淘宝|京东|天猫)[^，。！？]{0,4}(?:垃圾|坑人|骗子|不是东西)",
    r"(?:他家|别家|同行|那家)[^，。！？]{0,4}(?:假货|骗子|垃圾|次品)",
    r"(?:5|five)[ -]?stars?[^.!?]{0,40}(?:refund|cash ?back|gift card|coupon)",
    r"(?:add|contact|message|text) me (?:on|via|through) (?:whatsapp|telegram|wechat)",
    r"(?:pay|order|deal)[^.!?]{0,12}outside[^.!?]{0,12}(?:platform|amazon|ebay)",
    r"(?:you|u)(?: are|'re| r) (?:so |such )?(?:an? )?(?:stupid|idiot|moron|dumb)",
    r"(?:delete|remove|change)[^.!?]{0,12}(?:review|rating|feedback)",
    r"(?:guarantee|promise)[^.!?]{0,20}(?:today|tomorrow|in \d days)",
    r"(?:send|tell|give) me[^.!?]{0,12}(?:code|password|pin)",
    r"not (?:my|our) (?:problem|job|responsibility)",
    r"(?:运单|快递单|物流单)号?[：: ]{0,2}[A-Z]{2}\d{9,13}",
    r"(?:早上|中午|晚上|凌晨)?\d{1,2}[:：点]\d{0,2}分?前?(?:必|一定|保证)(?:发|到)",
)


# A third of the expressions has the commonest form of all in rule editors: one word shortly before another.
NEAR = (
    ("你|您", "傻逼|蠢货"),
    ("我|我们", "私下转"),
    ("不|没|别", "概不退"),
    ("加|留|给|发", "微信号码"),
    ("退|赔|补|返", "领红包"),
    ("快递|物流|仓库", "自己想办法"),
    ("平台|淘宝|店铺", "垃圾平台"),
    ("评价|好评|差评", "返现金"),
    ("钱|款|元", "转给我"),
    ("亲|亲亲", "加微信"),
    ("要|想|能", "删差评"),
    ("今天|明天|马上", "保证到"),
    ("投诉|举报", "撤诉才"),
    ("发票|开票|税", "加税点"),
    ("电话|手机|号码", "验证码"),
    ("地址|姓名|收件", "身份证"),
)
EXPRESSIONS = (*REGEX[:34], *(f"(?:{a}).{{0,6}}(?:{b})" for a, b in NEAR))


def make_rules() -> tuple[Rule, ...]:
    """50 rules of 10 phrases (verb, noun, tail) and one regular expression."""
    rng = np.random.default_rng(11)
    every = [v + n + t for v in VERBS for n in NOUNS for t in TAILS]
    phrases = [every[i] for i in rng.choice(len(every), 500, replace=False)]
    return tuple(
        Rule(
            f"B{n:02}",
            1,
            Label("基准", "Bench"),
            Terms(tuple(phrases[n * 10 : n * 10 + 10]), (regex,)),
            evasion=Evasion.none(),
        )
        for n, regex in enumerate(EXPRESSIONS)
    )


def make_corpus(messages: int) -> Corpus:
    """Agent messages of a few clauses with numbers; HIT_SHARE of them with one phrase in the middle."""
    rng, rules = np.random.default_rng(7), make_rules()
    letters = np.array(list(COMMON))
    random_ = ["".join(rng.choice(letters, size)) for size in rng.integers(4, 22, 20_000)]
    clauses = pl.Series([p.replace("\n", " ") for p in PHRASES] * 300 + random_)
    phrases = pl.Series([p for r in rules for p in r.terms.phrases])
    part = [clauses.gather(rng.integers(0, len(clauses), messages)) for _ in range(3)]
    chosen = pl.Series(rng.random(messages) < HIT_SHARE)
    table = pl.DataFrame(
        {"a": part[0], "b": part[1], "c": part[2], "n": rng.integers(0, 10**6, messages), "hit": chosen}
    )
    table = table.with_columns(phrases.gather(rng.integers(0, len(phrases), messages)).alias("p"))
    text = pl.format("{}，{}{}{}，{}", "a", "b", pl.when("hit").then("p").otherwise(pl.lit("")), "n", "c")
    rows = np.arange(messages)
    frame = table.select(
        pl.Series("conversation_key", rows // 5).cast(pl.String),
        pl.Series("seq", rows % 5).cast(pl.Int32),
        pl.lit("agent").alias("role"),
        pl.lit(None, pl.String).alias("agent_id"),
        pl.lit(None, pl.Datetime("us", "UTC")).alias("sent_at"),
        text.alias("text"),
    )
    return Corpus(frame, rules)


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of a piece of work in this process and in the processes it waits for."""

    def spent() -> float:
        child = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time() + child.ru_utime + child.ru_stime

    before = spent()
    work()
    return spent() - before


def ripgrep(rg: str, arguments: list[str], text: Path) -> Callable[[], int]:
    def run() -> int:
        done = subprocess.run([rg, "-c", *arguments, str(text)], capture_output=True, text=True, check=True)
        return int(done.stdout)

    return run


def messages_hit(screener: Screener, corpus: Corpus) -> int:
    return screener.screen(corpus.frame).select("conversation_key", "seq").unique().height


def candidates(corpus: Corpus, folder: Path) -> dict[str, Callable[[], object]]:
    """What is measured, by name; the screeners are compiled here."""
    disguised = [replace(r, evasion=Evasion()) for r in corpus.rules]
    plain, resist = Screener(corpus.rules), Screener(disguised)
    one, one_resist = Screener(corpus.rules[:1]), Screener(disguised[:1])
    found: dict[str, Callable[[], object]] = {
        "screen, plain": lambda: plain.screen(corpus.frame),
        "screen, all evasion switches": lambda: resist.screen(corpus.frame),
        "one changed rule, plain": lambda: one.screen(corpus.frame),
        "one changed rule, all switches": lambda: one_resist.screen(corpus.frame),
    }
    for screener, name in (
        (plain, "plain"),
        (resist, "all evasion switches"),
        (one, "one rule"),
        (one_resist, "one, all"),
    ):
        print(f"compile {name}: {cpu(lambda s=screener: s.screen(corpus.frame.head(1))):.2f} CPU s")  # type: ignore[misc]
    rg = shutil.which("rg")
    if rg is None:
        print("ripgrep is not installed (apt-get install ripgrep): no control for the first goals")
        return found
    text, terms, fixed = folder / "text", folder / "terms", folder / "fixed"
    corpus.frame.select("text").write_csv(text, include_header=False, quote_style="never")
    phrases = [p for r in corpus.rules for p in r.terms.phrases]
    terms.write_text("\n".join([*phrases, *(x for r in corpus.rules for x in r.terms.regex)]), encoding="utf-8")
    fixed.write_text("\n".join(phrases), encoding="utf-8")
    same, literal = ripgrep(rg, ["-j1", "-f", str(terms)], text), ripgrep(rg, ["-j1", "-F", "-f", str(fixed)], text)
    mine, theirs = messages_hit(plain, corpus), same()
    if mine != theirs:
        raise SystemExit(f"expected as many messages as ripgrep has lines, found {mine} and {theirs}")
    print(f"{mine} messages hit, the same as ripgrep; with all switches {messages_hit(resist, corpus)}")
    return found | {"rg -c, the same 550 terms": same, "rg -F -c, the 500 phrases": literal}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--scale", choices=SCALES, default="full")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    corpus = make_corpus(SCALES[options.scale])
    print(f"{corpus.frame.height} agent messages, {corpus.megabytes:.1f} MB")
    with tempfile.TemporaryDirectory() as folder:
        work = candidates(corpus, Path(folder))
        times: dict[str, list[float]] = {name: [] for name in work}
        for _ in range(options.rounds):
            for name, run in work.items():
                times[name].append(cpu(run))
    median = {name: statistics.median(values) for name, values in times.items()}
    for name, values in times.items():
        print(f"{name:34} {median[name]:7.2f} CPU s  [{min(values):.2f}–{max(values):.2f}]")
    print(
        f"peak memory of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB, corpus"
        " included"
    )
    return 0 if report(times) else 1


def report(times: dict[str, list[float]]) -> bool:
    """Print every ratio with its goal (median over rounds of the ratio within the round); are all goals met?"""
    full, resist, rg, literal = (
        "screen, plain", "screen, all evasion switches", "rg -c, the same 550 terms", "rg -F -c, the 500 phrases",
    )  # fmt: skip
    goals = [
        (full, rg, 0.16), (resist, rg, None), (full, literal, 4.0), ("one changed rule, plain", full, 0.15),
        ("one changed rule, all switches", resist, 0.15),
    ]  # fmt: skip
    met = True
    for part, whole, goal in goals:
        if part in times and whole in times:
            ratio = statistics.median(a / b for a, b in zip(times[part], times[whole], strict=True))
            verdict = "" if goal is None else f"  goal ≤ {goal}: {'met' if ratio <= goal else 'MISSED'}"
            met &= goal is None or ratio <= goal
            print(f"{part} ÷ {whole} = {ratio:.3f}{verdict}")
    return met


if __name__ == "__main__":
    sys.exit(main())
