"""`keys`: the file that signs the trail and seals seeds: copy it, bring it back, exchange its keys."""

from __future__ import annotations

import argparse
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa.cli.later import Later
from qa.cli.main import Opener
from qa.cli.output import Output
from qa.cli.output import t as _
from qa.policy import SYSTEM

if TYPE_CHECKING:
    from qa import connectors, notify
    from qa.draws import seed_keys
    from qa.security import keys
else:
    connectors, notify = Later("qa.connectors"), Later("qa.notify")
    keys, seed_keys = Later("qa.security.keys"), Later("qa.draws.seed_keys")


def add(subparsers: Any) -> None:
    """Register the command and its actions."""
    parser = subparsers.add_parser("keys", help=_("copy, bring back and exchange the keys of this installation"))
    actions = parser.add_subparsers(dest="action", required=True, metavar=_("ACTION"))
    show = actions.add_parser("show", help=_("where the key file is, and its fingerprint"))
    show.set_defaults(run=run_show)
    copy = actions.add_parser("backup", help=_("copy the key file; keep it apart from backups of the data"))
    copy.add_argument("file", type=Path, help=_("new file"))
    copy.set_defaults(run=run_backup)
    back = actions.add_parser("restore", help=_("put a copy of the key file in place, on a new machine for example"))
    back.add_argument("file", type=Path, help=_("copy of the key file"))
    back.set_defaults(run=run_restore)
    exchange = actions.add_parser("rotate", help=_("seal all seeds with a new key"))
    exchange.set_defaults(run=run_rotate)
    renew = actions.add_parser("new-seeds", help=_("new seeds for plans whose key was lost"))
    renew.set_defaults(run=run_new_seeds)


def run_show(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Say where it is."""
    path = opener.config.keys
    mark = keys.fingerprint(path)
    out.say(out.t("Key file: {file}, fingerprint {mark}", file=str(path), mark=mark))
    out.json({"file": path, "fingerprint": mark})
    return 0


def run_backup(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Copy it."""
    mark = keys.copy_to(opener.config.keys, args.file)
    out.say(out.t("Copied to {file}, fingerprint {mark}. Keep it apart from the data.", file=str(args.file), mark=mark))
    out.json({"file": args.file, "fingerprint": mark})
    return 0


def run_restore(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Bring it back."""
    aside = keys.bring_back(opener.config.keys, args.file)
    out.say(out.t("The key file is in place."))
    if aside is not None:
        out.say(out.t("The one before is kept as {file}.", file=str(aside)))
    out.json({"file": opener.config.keys, "before": aside})
    return 0


def run_rotate(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Exchange the key of the seeds."""
    bench, now = opener(), datetime.now(UTC)
    n = seed_keys.rotate(
        bench,
        SYSTEM,
        now,
        also=lambda: (notify.reseal(bench, SYSTEM, now=now), connectors.reseal(bench, SYSTEM, now=now)),
    )
    out.say(out.t("Seeds sealed with a new key: {n}. Copy the key file again.", n=n))
    out.json({"seeds": n})
    return 0


def run_new_seeds(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Where the key is gone for good."""
    lost = seed_keys.renew_lost(opener(), SYSTEM, now=datetime.now(UTC), fresh=lambda: secrets.token_hex(32))
    out.say(out.t("Plans with a new seed: {n}. The trail keeps their lost commitments.", n=len(lost)))
    out.json({"plans": lost})
    return 0
