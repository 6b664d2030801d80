"""What masking costs beside a plain scan for digits: ``python -m benchmarks.masking [--seed 1] [--texts 60]``.

Texts of 100,000 characters: ordinary talk, the beginnings of everything that masking looks for repeated over and over,
and random mixtures of them (the seed is printed). CPU seconds, the best of three; the control is ``re.findall(r"\\d",
text)`` on the same text. Exit code 1 when a text costs more than ``GOAL`` scans.
"""

from __future__ import annotations

import argparse
import random
import re
import time
from collections.abc import Callable

from qa.masking import mask_text

GOAL = 20
LENGTH = 100_000
FRAGMENTS = (
    "3栋120",
    "12号楼1203",
    "我是王",
    "本人陈建",
    "Ann Lee is my name ",
    "call me Al",
    "full name Al",
    "ssn ",
    "social security 123-45",
    "q 1234567加",
    "lisi#qq.",
    "a@公司.",
    "joe [at] x [dot] ",
    "(555) 010-",
    "555.010.",
    "区",
    "路",
    "路1",
    "路1号",
    "1号",
    "3栋2室",
    "市",
    "市区",
    "市朝阳区",
    "市a区a路",
    "市北京区北京路",
    "省",
    "1",
    "1 ",
    "11 ",
    "13",
    "1-",
    "138",
    "13812345678 ",
    "a",
    "a@",
    "a@a",
    "a@a.b ",
    "@",
    "a.",
    "+1 2",
    "(503) ",
    "503-555-012",
    "微信",
    "wx",
    "v:",
    "微信a1",
    "微信号：",
    "a at ",
    "a at b ",
    "a at b dot c ",
    "a@ ",
    "a @ b.",
    "加q",
    "加q1",
    "加v a",
    "(138",
    "1-212",
    "I am A B",
    "is under A ",
    "called a ",
    "身份证A1",
    "vx是",
    "一",
    "一三",
    "姓名",
    "姓名张",
    "收件人：张三 ",
    "王",
    "王先生",
    "先生",
    "王明先生",
    "my name is ",
    "my name is a ",
    "Dear ",
    "Dear A ",
    "1 A ",
    "1 Alder ",
    "120 Alder Street ",
    "0",
    "0571-",
    "400-",
    "4111 1111 ",
    "电话",
    "电话1",
    "卡号6",
    "电话 123456 ",
    "身份证1",
    ".",
    "*",
    " ",
    "地址",
    "寄到",
    "北京",
    "零",
    "2345678901 ",
    "order 2345678901 ",
    "－",
    "A座1",
    "甲2号",
    "1号a",
    "十号",
    "亲，您的订单今天下午发货，请您留意物流信息。",
    "Your parcel left our warehouse this morning. ",
)


def texts(seed: int, count: int) -> dict[str, str]:
    """Every fragment repeated, and `count` random mixtures."""
    rng = random.Random(seed)
    made = {fragment: (fragment * LENGTH)[:LENGTH] for fragment in FRAGMENTS}
    for _ in range(count):
        parts = rng.sample(FRAGMENTS, rng.randint(2, 6))
        made[" + ".join(parts)] = "".join(rng.choice(parts) for _ in range(LENGTH))[:LENGTH]
    return made


def cpu(work: Callable[[str], object], text: str) -> float:
    best = float("inf")
    for _ in range(3):
        before = time.process_time()
        work(text)
        best = min(best, time.process_time() - before)
    return best


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--texts", type=int, default=60)
    chosen = parser.parse_args()
    rows = []
    for name, text in texts(chosen.seed, chosen.texts).items():
        scan = cpu(re.compile(r"\d").findall, text)
        rows.append((cpu(mask_text, text) / scan, scan, name))
    rows.sort(reverse=True)
    print(
        f"masking, {len(rows)} texts of {LENGTH:,} characters, seed {chosen.seed}: CPU as a multiple of a scan for"
        f" digits (goal {GOAL})"
    )
    for ratio, scan, name in rows[:8]:
        print(f"  {ratio:6.1f}   scan {scan * 1e3:5.2f} ms   {name[:60]!r}")
    print(f"  {rows[len(rows) // 2][0]:6.1f}   median")
    return int(rows[0][0] > GOAL)


if __name__ == "__main__":
    raise SystemExit(main())
