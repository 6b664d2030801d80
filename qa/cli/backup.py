"""`backup` and `restore`."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa.cli.later import Later
from qa.cli.main import Opener
from qa.cli.output import Output
from qa.cli.output import t as _
from qa.policy import SYSTEM

if TYPE_CHECKING:
    from qa import workbench
    from qa.upkeep import backup
else:
    backup, workbench = Later("qa.upkeep.backup"), Later("qa.workbench")


def add(subparsers: Any) -> None:
    """Register the commands."""
    make = subparsers.add_parser("backup", help=_("copy database and archive into a new folder and verify the copy"))
    make.add_argument(
        "folder", nargs="?", type=Path, help=_("new folder (default: a dated one in the installation's backups)")
    )
    make.add_argument("--check", action="store_true", help=_("only verify the backup in this folder"))
    make.add_argument(
        "--damaged", action="store_true", help=_("copy what is left although files of the archive are damaged")
    )
    make.set_defaults(run=run_backup)
    back = subparsers.add_parser("restore", help=_("put a backup into an empty installation"))
    back.add_argument("folder", type=Path, help=_("folder of the backup"))
    back.add_argument("--force", action="store_true", help=_("replace everything in this installation"))
    back.set_defaults(run=run_restore)


def run_backup(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Make or check a backup."""
    now = datetime.now(UTC)
    if args.check and args.folder:
        manifest = backup.verify(args.folder)
        out.say(
            out.t(
                "The backup in {place} is complete: {files} files.", place=str(args.folder), files=len(manifest.files)
            )
        )
    else:
        folder = args.folder or backup.own_folder(opener()) / backup.fresh_name(now)
        manifest = backup.backup(opener(), SYSTEM, folder, now=now, damaged=args.damaged, progress=out.progress)
        out.say(
            out.t(
                "Backup made and verified: {place} ({files} files, {size} MB).",
                place=str(folder),
                files=len(manifest.files),
                size=out.t.number(manifest.bytes / 1e6, 1),
            )
        )
    out.json(manifest)
    return 0


def run_restore(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Restore a backup."""
    bench = workbench.Workbench.open(opener.config)
    try:
        manifest = backup.restore(
            bench, SYSTEM, args.folder, now=datetime.now(UTC), force=args.force, progress=out.progress
        )
    finally:
        bench.close()
    out.say(
        out.t(
            "Restored {place}: {users} accounts, archive version {version}. Everybody must sign in again.",
            place=str(args.folder),
            users=manifest.users,
            version=manifest.archive_version or 0,
        )
    )
    out.json(manifest)
    return 0
