"""Simulated nights: `make soak-nights`. Files come on time, late, in parts and twice; servers are killed at random moments,
the clock changes, a robot is dead. At the end everything that was dropped is in the archive once, every day is drawn once,
and no step of a night was done twice.

    python -m benchmarks.nights --nights 30 --kills 60 --seed 1
"""

from __future__ import annotations

import argparse
import csv
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import select

from qa import draws, inbox, migrations, notify, operations
from qa.config import Config
from qa.draws import PlanDesign, SourceQuota
from qa.inbox import Folder
from qa.jobs.record import LEASE
from qa.jobs.worker import Worker
from qa.notify import Channel
from qa.people import accounts
from qa.policy import SYSTEM, Role
from qa.rubrics import versions
from qa.tables import AuditEntry, Draw, Job, Notice, NotifyChannel
from qa.workbench import Workbench

ZONE = ZoneInfo("Europe/Berlin")
FIRST = date(2026, 3, 23)
"""The clock changes in the seventh night."""
DAY = timedelta(days=1)
CHATS = 40
DEAD = "http://127.0.0.1:9/nobody whsec_" + "QUFB" * 10
STEPS = ("intake", "screening", "draws", "backup", "compaction", "notices")
HEADERS = ("会话ID", "消息时间", "发送方", "客服账号", "买家昵称", "店铺", "消息内容")


def rows_of(day: date) -> list[tuple[str, ...]]:
    """The messages of one day."""
    found = []
    for n in range(CHATS):
        name, hour, agent = f"{day}-{n:03}", f"{day} {9 + n % 12:02}:{n % 60:02}", ("小青", "小红", "小蓝")[n % 3]
        said = (("00", "客户", f"在吗 {n}"), ("20", "客服", "亲，在的"), ("40", "客户", "谢谢"))
        found += [(name, f"{hour}:{s}", who, agent, f"tb{n}", "示例店", text) for s, who, text in said]
    return found


def write(path: Path, rows: list[tuple[str, ...]]) -> None:
    """A file as an export makes it: under another name until it is whole."""
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([HEADERS, *rows])
    part.rename(path)


def drop(folder: Path, day: date, nth: int, kept: list[tuple[date, int]]) -> None:
    """What arrives before the night after `day`: on time, late, in parts, or twice."""
    for late in [one for one in kept if one[0] < day]:
        write(folder / f"late-{late[0]}.csv", rows_of(late[0])[late[1] :])
        kept.remove(late)
    whole = rows_of(day)
    if nth % 7 == 3:
        kept.append((day, 0))
    elif nth % 7 == 5:
        half = len(whole) // 2 // 3 * 3 + 1  # in the middle of a conversation
        write(folder / f"chats-{day}.csv", whole[:half])
        kept.append((day, half))
    else:
        write(folder / f"chats-{day}.csv", whole)
    if nth % 4 == 2:
        write(folder / f"again-{day}.csv", rows_of(day - DAY))


def set_up(bench: Workbench, now: datetime) -> Path:
    """One shop, one plan that publishes every day, a robot that is dead."""
    migrations.upgrade(bench.db)
    versions.load_default(bench, SYSTEM, now=now)
    accounts.create_user(bench, SYSTEM, now=now, login="lin", role=Role.INSPECTOR, display_name="林")
    design = PlanDesign(quotas=(SourceQuota("chat", 2.0),), cadence="day", automatic=True, pool_share=0.0)
    draws.create_plan(bench, SYSTEM, now=now, name="夜间", design=design, seed="a seed of sixteen or more")
    for events, digest, kind, address in (
        (("draw",), False, "webhook", DEAD),
        (("draw_published", "job_failed"), True, "feishu", "feishu://nobody"),
    ):
        channel = Channel(f"dead {kind}", kind, address, events, digest=digest)
        notify.add(bench, SYSTEM, channel, now=now)
    for step in STEPS:
        operations.resume(bench, SYSTEM, now=now, step=step)
    operations.change(bench, SYSTEM, now=now, step="notices", at="01:00", days=range(7))
    return inbox.add(bench, SYSTEM, Folder("shop", "shop"), now=now)


def worker(home: Path, now: datetime) -> None:
    """One server that works until nothing is due, at a clock that begins at `now`."""
    from qa.inbox import taking

    taking.SETTLE_SECONDS = 0.2
    begun = time.monotonic()
    bench = Workbench.open(Config(home=home, time_zone=str(ZONE)))
    Worker(bench, lambda: now + timedelta(seconds=time.monotonic() - begun)).run_waiting()
    bench.close()


def start(home: Path, now: datetime) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "benchmarks.nights", "--worker", str(home), now.isoformat()]
    return subprocess.Popen(command)


def night(bench: Workbench, home: Path, now: datetime, kills: int, servers: int, dice: random.Random) -> datetime:
    """One night: servers killed `kills` times at random moments, then left alone until all is done."""
    for _ in range(kills):
        running = start(home, now)
        time.sleep(dice.uniform(1.5, 9.0))
        running.send_signal(signal.SIGKILL)
        running.wait()
        now += LEASE + timedelta(seconds=15)
    for _ in range(4):  # what was taken by a server that died is free again after its lease
        for running in [start(home, now) for _ in range(servers)]:
            if running.wait():
                raise SystemExit("a server ended with an error")
        with bench.db.read() as session:
            if session.scalar(select(Job.id).where(Job.state.in_(("waiting", "running"))).limit(1)) is None:
                break
        now += LEASE + timedelta(seconds=15)
    return now


def judge(bench: Workbench, nights: int) -> dict[str, object]:
    """What came of it."""
    snapshot = bench.archive.at()
    chats = snapshot.scan("conversations").select("conversation_id").collect()["conversation_id"].to_list()
    said = snapshot.scan("messages").select("conversation_key", "text", "sent_at").collect()
    wanted = {row[0] for n in range(nights) for row in rows_of(FIRST + n * DAY)}
    with bench.db.read() as session:
        periods = session.execute(select(Draw.period_from, Draw.period_to, Draw.published_at)).all()
        steps = session.scalars(select(Job.request).where(Job.request.startswith("night "))).all()
        states = Counter(session.scalars(select(Job.state).where(Job.kind.startswith("night_"))))
        digests = session.execute(
            select(Notice.channel_id, Notice.ended_at)
            .join(NotifyChannel, NotifyChannel.id == Notice.channel_id)
            .where(NotifyChannel.digest, Notice.state == "sent")
        ).all()
        published = session.scalars(select(AuditEntry.id).where(AuditEntry.action == "draw.published")).all()
    days = Counter(
        first + n * DAY for first, last, _ in periods for n in range((last - first).days + 1)
    )  # fmt: skip
    late = [
        published_at for _, last, published_at in periods
        if published_at.astimezone(ZONE) > datetime.combine(last + DAY, datetime.min.time(), ZONE) + timedelta(hours=6)
    ]  # fmt: skip
    per_night = Counter((channel, at.astimezone(ZONE).date()) for channel, at in digests)
    return {
        "nights": nights,
        "conversations lost": len(wanted - set(chats)),
        "conversations doubled": len(chats) - len(set(chats)),
        "messages lost": max(0, nights * CHATS * 3 - said.height),
        "messages doubled": said.height - said.unique().height,
        "draws published": len(periods),
        "days not drawn": sum(days[FIRST + n * DAY] == 0 for n in range(nights)),
        "days drawn twice": sum(n > 1 for n in days.values()),
        "draws after 06:00 of the next morning (their files came late)": len(late),
        "draws in the trail": len(published),
        "steps done twice": len(steps) - len(set(steps)),
        "states of steps": dict(states),
        "most digests of a channel in a night": max(per_night.values(), default=0),
        "files set aside": inbox.set_aside(bench, "shop"),
        "files waiting": len(inbox.waiting(bench, "shop")),
    }


def main() -> int:
    """Run and print; exit code 1 when something was lost or done twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--servers", type=int, default=1, help="at once, when nobody is killed any more")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--worker", nargs=2, metavar=("HOME", "NOW"))
    args = parser.parse_args()
    if args.worker:
        worker(Path(args.worker[0]), datetime.fromisoformat(args.worker[1]))
        return 0
    dice = random.Random(args.seed)
    with tempfile.TemporaryDirectory(prefix="spotcheck-nights-") as folder:
        home, kept = Path(folder) / "home", list[tuple[date, int]]()
        bench = Workbench.open(Config(home=home, time_zone=str(ZONE)))
        shop = set_up(bench, datetime.combine(FIRST, datetime.min.time(), ZONE).astimezone(UTC) + timedelta(hours=12))
        killed = 0
        for n in range(args.nights + 2):  # two nights more, for what comes late
            day = FIRST + n * DAY
            if n < args.nights:
                drop(shop, day, n, kept)
            else:
                for late, from_ in kept:
                    write(shop / f"late-{late}.csv", rows_of(late)[from_:])
                kept.clear()
            share = args.kills * (n + 1) // args.nights - args.kills * n // args.nights if n < args.nights else 0
            begins = datetime.combine(day + DAY, datetime.min.time(), ZONE).astimezone(UTC) + timedelta(
                hours=1, minutes=5
            )
            ended = night(bench, home, begins, share, args.servers, dice)
            killed += share
            print(f"night of {day + DAY}: {share} kills, over at {ended.astimezone(ZONE):%H:%M}", flush=True)
        found = {**judge(bench, args.nights), "kills": killed}
        bench.close()
    for name, value in found.items():
        print(f"{name}: {value}")
    wrong = ("conversations lost", "conversations doubled", "messages lost", "messages doubled", "days not drawn",
             "days drawn twice", "steps done twice", "files set aside", "files waiting")  # fmt: skip
    return 1 if any(found[name] for name in wrong) else 0


if __name__ == "__main__":
    sys.exit(main())
