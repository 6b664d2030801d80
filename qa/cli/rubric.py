"""`rubric`: list, show, check, import and publish versions of the scorecard."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa.cli.later import Later
from qa.cli.main import Opener
from qa.cli.output import Output
from qa.cli.output import t as _
from qa.errors import Invalid, Unavailable
from qa.i18n import C_, N_
from qa.policy import SYSTEM

if TYPE_CHECKING:
    from qa.rubrics import versions
    from scoring import rubric as scorecards
    from scoring.rubric import Rubric
else:
    versions, scorecards = Later("qa.rubrics.versions"), Later("scoring.rubric")


def add(subparsers: Any) -> None:
    """Register the command and its actions."""
    parser = subparsers.add_parser("rubric", help=_("the scorecard: list, show, check, import, publish, retire"))
    actions = parser.add_subparsers(dest="action", required=True)
    _action(actions, "list", _list, _("versions and their states"))
    _action(actions, "show", _show, _("one version as TOML (default: the current one)"), number="?")
    _action(actions, "check", _check, _("everything that keeps a TOML file from being used"), file=True)
    _action(actions, "import", _import, _("make a TOML file the next draft"), file=True)
    _action(actions, "publish", _publish, _("make a draft usable and unchangeable"), number=1)
    _action(actions, "retire", _retire, _("take a version out of use for new plans"), number=1)


def _action(
    actions: Any, name: str, run: Any, help: str, *, number: int | str | None = None, file: bool = False
) -> None:
    parser = actions.add_parser(name, help=help)
    if number is not None:
        parser.add_argument(
            "id",
            type=int,
            nargs=number if isinstance(number, str) else None,
            help=_("number of the version in the list"),
        )
    if file:
        parser.add_argument("file", type=Path)
    parser.set_defaults(run=run)


def _list(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    found = versions.history(opener(), SYSTEM)
    out.table(
        [_("Number"), _("Rubric"), _("Version"), _("State"), _(C_("rubric", "Name")), _("Draws")],
        [(v.id, v.rubric_id, v.version, v.state, v.rubric.name.pick(out.t.language), v.draws) for v in found],
    )
    out.json(
        [
            {
                "id": v.id,
                "rubric_id": v.rubric_id,
                "version": v.version,
                "state": v.state,
                "content_hash": v.content_hash,
                "draws": v.draws,
            }
            for v in found
        ]
    )
    return 0


def _show(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    bench = opener()
    if args.id is not None:
        rubric = versions.get(bench, SYSTEM, args.id).rubric
    else:
        current = versions.current(bench, SYSTEM)
        if current is None:
            raise Invalid(N_("There is no published rubric yet."))
        rubric = current.rubric
    out.say(scorecards.to_toml(rubric))
    out.json(rubric.to_dict())
    return 0


def _check(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    rubric = _read(args.file)
    problems = [versions.problem_error(problem) for problem in scorecards.check(rubric)]
    for problem in problems:
        out.say(out.t.error(problem))
    if not problems:
        points = ", ".join(
            f"{d.label.pick(out.t.language)} {scorecards.points_text(d.points)}" for d in rubric.dimensions
        )
        out.say(_("No problems: {points}.", points=points))
    out.json({"problems": [out.t.error(problem) for problem in problems]})
    return Invalid.exit_code if problems else 0


def _import(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    number = versions.start_draft(opener(), SYSTEM, now=datetime.now(UTC), rubric=_read(args.file))
    out.say(_("Draft {number} is made. Publish it with “spotcheck rubric publish {number}”.", number=number))
    out.json({"id": number})
    return 0


def _publish(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    bench = opener()
    draft = versions.get(bench, SYSTEM, args.id)
    versions.publish(bench, SYSTEM, now=datetime.now(UTC), version_id=args.id, seen_hash=draft.content_hash)
    out.say(_("Version {version} is published; new plans score on it.", version=draft.version))
    out.json({"id": args.id, "state": "published"})
    return 0


def _retire(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    versions.retire(opener(), SYSTEM, now=datetime.now(UTC), version_id=args.id)
    out.say(_("Version {number} is out of use for new plans.", number=args.id))
    out.json({"id": args.id, "state": "retired"})
    return 0


def _read(file: Path) -> Rubric:
    try:
        return versions.read_toml(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as problem:
        raise Unavailable(N_("{file} cannot be read: {reason}"), file=str(file), reason=str(problem)) from problem
