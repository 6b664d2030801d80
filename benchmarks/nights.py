"""Simulated nights: `make soak-nights`. Files come on time, late, in parts and twice; servers are killed at random
moments, the clock changes, one robot is dead and one is there in every second night, the endpoint of the machine
scorer is busy or broken at times. At the end everything that was dropped is in the archive once, every day is drawn
once, no step of a night was done twice, no conversation paid for twice, the month that ended has one sheet, and nobody
got two digests in a night.

    python -m benchmarks.nights --nights 30 --kills 60 --seed 1
    python -m benchmarks.nights --servers 3 --postgres
    python -m benchmarks.nights --home FOLDER --minutes 8     (again and again: it goes on where it stood)
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import select

from benchmarks.neighbours import Mailbox
from benchmarks.soak import database
from qa import draws, inbox, migrations, notify, operations
from qa.assessment import schemes
from qa.config import Config
from qa.draws import PlanDesign, SourceQuota
from qa.inbox import Folder
from qa.jobs.record import LEASE
from qa.jobs.worker import Worker
from qa.notify import Channel
from qa.people import accounts
from qa.policy import SYSTEM, Role
from qa.rubrics import versions
from qa.scorer import setup
from qa.tables import Assessment, AuditEntry, Draw, Job, Notice, NotifyChannel
from qa.workbench import Workbench
from tests.qa.scorer import fake

ZONE = ZoneInfo("Europe/Berlin")
FIRST = date(2026, 3, 23)
"""The clock changes in the seventh night."""
DAY = timedelta(days=1)
CHATS = 40
DEAD = "http://127.0.0.1:9/nobody whsec_" + "QUFB" * 10
STEPS = ("intake", "screening", "scorer", "draws", "assessments", "backup", "compaction", "notices")
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


def set_up(bench: Workbench, now: datetime, mailbox: Mailbox) -> Path:
    """One shop, one plan that publishes every day, the schemes as they ship, robots dead and alive."""
    migrations.upgrade(bench.db)
    versions.load_default(bench, SYSTEM, now=now)
    accounts.create_user(bench, SYSTEM, now=now, login="lin", role=Role.INSPECTOR, display_name="林")
    design = PlanDesign(quotas=(SourceQuota("chat", 2.0),), cadence="day", automatic=True, pool_share=0.0)
    draws.create_plan(bench, SYSTEM, now=now, name="夜间", design=design, seed="a seed of sixteen or more")
    for events, digest, kind, address in (
        (("draw",), False, "webhook", DEAD),
        (("draw_published", "job_failed"), True, "feishu", "feishu://nobody"),
        (("draw_published", "job_failed"), True, "mail", mailbox.address),
    ):
        channel = Channel(f"the {kind}", kind, address, events, digest=digest)
        notify.add(bench, SYSTEM, channel, now=now)
    schemes.load_default(bench, SYSTEM, now=now)
    for step in STEPS:
        operations.resume(bench, SYSTEM, now=now, step=step)
    return inbox.add(bench, SYSTEM, Folder("shop", "shop"), now=now)


def worker(home: Path, now: datetime, database: str) -> None:
    """One server that works until nothing is due, at a clock that begins at `now`."""
    from qa.inbox import taking

    taking.SETTLE_SECONDS = 0.2
    begun = time.monotonic()
    bench = opened(home, database)
    Worker(bench, lambda: now + timedelta(seconds=time.monotonic() - begun)).run_waiting()
    bench.close()


def opened(home: Path, database: str) -> Workbench:
    return Workbench.open(Config(home=home, time_zone=str(ZONE), database_url=database))


def start(home: Path, now: datetime, database: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "benchmarks.nights", "--worker", str(home), now.isoformat(), database]
    return subprocess.Popen(command)


def night(bench: Workbench, home: Path, now: datetime, kills: int, servers: int, dice: random.Random) -> datetime:
    """One night: of servers that work at once, one is killed at a random moment, `kills` times; then they are left
    alone until all is done."""
    database = bench.config.database_url
    for _ in range(kills):
        running = [start(home, now, database) for _ in range(servers)]
        time.sleep(dice.uniform(1.5, 9.0))
        running[0].send_signal(signal.SIGKILL)
        ended(running[1:])
        running[0].wait()
        now += LEASE + timedelta(seconds=15)
    for _ in range(4):  # what was taken by a server that died is free again after its lease
        ended([start(home, now, database) for _ in range(servers)])
        with bench.db.read() as session:
            if session.scalar(select(Job.id).where(Job.state.in_(("waiting", "running"))).limit(1)) is None:
                break
        now += LEASE + timedelta(seconds=15)
    return now


def ended(servers: list[subprocess.Popen[bytes]]) -> None:
    """Wait for servers that nobody kills."""
    if any(server.wait() for server in servers):
        raise SystemExit("a server ended with an error")


def judge(bench: Workbench, nights: int, heard: list[int], paid: int) -> dict[str, object]:
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
        months = session.scalars(select(Assessment.month)).all()
        published = session.scalars(select(AuditEntry.id).where(AuditEntry.action == "draw.published")).all()
    days = Counter(
        first + n * DAY for first, last, _ in periods for n in range((last - first).days + 1)
    )  # fmt: skip
    late = [
        published_at for _, last, published_at in periods
        if published_at.astimezone(ZONE) > datetime.combine(last + DAY, datetime.min.time(), ZONE) + timedelta(hours=6)
    ]  # fmt: skip
    per_night = Counter((channel, at.astimezone(ZONE).date()) for channel, at in digests)
    scored = snapshot.scan("machine_scores").select("conversation_key", "version").collect()
    pairs = scored.unique().height
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
        "digests that arrived": len(heard),
        "most digests of a group in a night": max(Counter(heard).values(), default=0),
        "nights with notices marked as sent": len(per_night),
        "sheets of months": [f"{month:%Y-%m}" for month in months],
        "conversations scored by machine": pairs,
        "answers paid for more than once": paid,
        "small files of the largest table": max(len(snapshot.files(table)) for table in snapshot.tables),
        "files set aside": inbox.set_aside(bench, "shop"),
        "files waiting": len(inbox.waiting(bench, "shop")),
    }


def arrive(shop: Path, n: int, nights: int, kept: list[tuple[date, int]]) -> None:
    """The files of the day before night `n`; after the last one, whatever is still to come."""
    day = FIRST + n * DAY
    if n < nights:
        drop(shop, day, n, kept)
        return
    for late, begins in kept:
        write(shop / f"late-{late}.csv", rows_of(late)[begins:])
    kept.clear()


def soak(home: Path, args: argparse.Namespace, database: str) -> dict[str, object] | None:
    """All nights, or as many as fit into the minutes; None while nights are left."""
    began, state, mailbox = time.monotonic(), home.with_name(home.name + ".json"), Mailbox()
    known = json.loads(state.read_text()) if state.exists() else {"night": 0, "kept": [], "killed": 0, "paid": {}}
    mailbox.heard = known.get("heard", [])
    kept = [(date.fromisoformat(day), begins) for day, begins in known["kept"]]
    bench = opened(home, database)
    shop = home / "inbox" / "shop"
    noon = datetime.combine(FIRST, datetime.min.time(), ZONE).astimezone(UTC) + timedelta(hours=12)
    if not known["night"]:
        shop = set_up(bench, noon, mailbox)
    with fake.serving() as endpoint:
        endpoint.paid.update(known["paid"])
        setup.save(bench, SYSTEM, now=noon, setup=setup.Setup(endpoint.url, "fake", budget=60, per_minute=100_000))
        for n in range(known["night"], args.nights + 2):  # two nights more, for what comes late
            if args.minutes and time.monotonic() - began > 60 * args.minutes:
                bench.close()
                mailbox.close()
                return None
            day = FIRST + n * DAY
            arrive(shop, n, args.nights, kept)
            mailbox.open(n) if n % 2 else mailbox.close()
            endpoint.once[:] = {1: ["429"] * 20, 4: ["broken"] * 5, 6: ["500"] * 30}.get(n % 7, [])
            share = args.kills * (n + 1) // args.nights - args.kills * n // args.nights if n < args.nights else 0
            begins = datetime.combine(day + DAY, datetime.min.time(), ZONE).astimezone(UTC)
            begins += timedelta(hours=1, minutes=5)
            over = night(bench, home, begins, share, args.servers, random.Random(f"{args.seed} {n}"))
            over = night(bench, home, max(over, begins + timedelta(hours=7)), 0, 1, random.Random())
            known = {"night": n + 1, "kept": [(str(one), at) for one, at in kept], "killed": known["killed"] + share,
                     "heard": mailbox.heard, "paid": dict(endpoint.paid)}  # fmt: skip
            state.write_text(json.dumps(known))
            print(f"night of {day + DAY}: {share} kills, over at {over.astimezone(ZONE):%H:%M}", flush=True)
        paid = sum(times > 1 for times in endpoint.paid.values())
    found = {**judge(bench, args.nights, mailbox.heard, paid), "kills": known["killed"]}
    mailbox.close()
    bench.close()
    return found


def main() -> int:
    """Run and print; exit code 1 when something was lost or done twice, 3 when nights are left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--servers", type=int, default=1, help="at once, when nobody is killed any more")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--home", type=Path, help="folder to go on in, kept; otherwise one that is removed")
    parser.add_argument("--minutes", type=float, default=0, help="begin no further night after so many")
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL server of its own")
    parser.add_argument("--worker", nargs=3, metavar=("HOME", "NOW", "DATABASE"))
    args = parser.parse_args()
    if args.worker:
        worker(Path(args.worker[0]), datetime.fromisoformat(args.worker[1]), args.worker[2])
        return 0
    with tempfile.TemporaryDirectory(prefix="spotcheck-nights-") as folder:
        home = args.home or Path(folder) / "home"
        beside = home.with_name(home.name + "-database")
        with database("postgresql", beside) if args.postgres else nullcontext("") as address:
            found = soak(home, args, address)
    if found is None:
        print("nights are left: run again")
        return 3
    for name, value in found.items():
        print(f"{name}: {value}")
    wrong = ("conversations lost", "conversations doubled", "messages lost", "messages doubled", "days not drawn",
             "days drawn twice", "steps done twice", "files set aside", "files waiting",
             "answers paid for more than once")  # fmt: skip
    once = found["most digests of a group in a night"] == 1 or args.nights < 2
    return 0 if once and not any(found[name] for name in wrong) else 1


if __name__ == "__main__":
    sys.exit(main())
