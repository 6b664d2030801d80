"""`init`, `upgrade` and `doctor`: setting up an installation and looking after it."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from qa.cli.later import Later
from qa.cli.main import Opener
from qa.cli.output import Output
from qa.cli.output import t as _
from qa.cli.user import ask_password, link
from qa.errors import SpotcheckError, Unavailable
from qa.i18n import N_
from qa.policy import SYSTEM, Role
from qa.upkeep.findings import HealthState

if TYPE_CHECKING:
    from qa import evidence, migrations, workbench
    from qa.conversations import index
    from qa.draws import seed_keys
    from qa.ingest import opaque_names
    from qa.library import cases
    from qa.people import accounts, signins
    from qa.rubrics import versions as rubric_versions
    from qa.rules import shipped
    from qa.rules import versions as rule_versions
    from qa.security import files as private
    from qa.upkeep import health
else:
    evidence, migrations, workbench = Later("qa.evidence"), Later("qa.migrations"), Later("qa.workbench")
    cases, private = Later("qa.library.cases"), Later("qa.security.files")
    index = Later("qa.conversations.index")
    accounts, signins = Later("qa.people.accounts"), Later("qa.people.signins")
    health, opaque_names = Later("qa.upkeep.health"), Later("qa.ingest.opaque_names")
    seed_keys = Later("qa.draws.seed_keys")
    rubric_versions, rule_versions = Later("qa.rubrics.versions"), Later("qa.rules.versions")
    shipped = Later("qa.rules.shipped")

MARKS = {"ok": "✓", "warning": "!", "failed": "✗"}


def add(subparsers: Any) -> None:
    """Register the commands."""
    init = subparsers.add_parser(
        "init", help=_("create the database with the shipped scorecard and red lines, and the first admin")
    )
    init.add_argument("--admin", default="admin", help=_("account name of the first admin"))
    init.add_argument(
        "--password", action="store_true", help=_("read the admin's password from standard input instead of asking")
    )
    init.set_defaults(run=run_init)
    upgrade = subparsers.add_parser("upgrade", help=_("bring the database to this version's schema"))
    upgrade.set_defaults(run=run_upgrade)
    doctor = subparsers.add_parser("doctor", help=_("examine the installation"))
    doctor.add_argument(
        "--deep", action="store_true", help=_("compare every fact with its seal and name what was forged")
    )
    doctor.add_argument("--rebuild-index", action="store_true", help=_("build the search index anew first"))
    doctor.set_defaults(run=run_doctor)
    seal = subparsers.add_parser("seal", help=_("seal the newest facts and print the line that vouches for all"))
    seal.set_defaults(run=run_seal)


def run_init(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Set up; running it again changes nothing that is there."""
    bench, now = opener(create=True), datetime.now(UTC)
    rubric_versions.load_default(bench, SYSTEM, now=now)
    rule_versions.load_defaults(bench, SYSTEM, now=now)
    if any(account.role is Role.ADMIN for account in accounts.users(bench, SYSTEM)):
        out.say(out.t("The workbench in {home} is set up.", home=str(bench.config.home)))
        out.json({"home": bench.config.home, "link": None})
        return 0
    password = _first_password(args, out)
    admin = accounts.create_user(bench, SYSTEM, now=now, login=args.admin, role=Role.ADMIN, password=password)
    if password is not None:
        out.say(out.t("The workbench in {home} is set up.", home=str(bench.config.home)))
        out.say(out.t("Start it with “spotcheck serve”, then sign in as {login} with the password.", login=admin.login))
        out.json({"home": bench.config.home, "admin": admin.login, "link": None})
        return 0
    url = link(bench.config, signins.new_link(bench, SYSTEM, admin.id, now=now))
    out.say(out.t("The workbench in {home} is set up.", home=str(bench.config.home)))
    out.say(
        out.t(
            "Start it with “spotcheck serve”, then sign in as {login} (once, within {hours} hours):",
            login=admin.login,
            hours=signins.LINK_HOURS,
        )
    )
    out.say(url)
    out.json({"home": bench.config.home, "admin": admin.login, "link": url})
    return 0


def _first_password(args: argparse.Namespace, out: Output) -> str | None:
    """The password of the first admin: asked for at a terminal, where an empty one means a link; None elsewhere."""
    if args.password:
        return ask_password(out)
    if not sys.stdin.isatty():
        return None
    out.say(out.t("Choose a password for “{login}” (empty: a sign-in link is printed).", login=args.admin))
    return ask_password(out) or None


def run_upgrade(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Migrate the schema."""
    bench = workbench.Workbench.open(opener.config)
    try:
        before = migrations.current(bench.db)
        migrations.upgrade(bench.db)
        after = migrations.current(bench.db)
        if before is not None and before != after:
            with bench.begin(SYSTEM, datetime.now(UTC)) as work:
                work.record("schema.upgraded", "schema", str(after), before=before)
        bench.archive.list_old_files()
        masked = cases.mask_again(bench, datetime.now(UTC))
        private.everything(opener.config.home)
        seed_keys.seal_plain(bench, SYSTEM, datetime.now(UTC))
        hidden = opaque_names.hide_names(bench, SYSTEM, now=datetime.now(UTC))
        newer = [one.rule_id for one in shipped.updates(bench, SYSTEM) if not one.drafted]
        evidence.seal(bench, datetime.now(UTC))
    finally:
        bench.close()
    if masked:
        out.say(
            out.t(
                "Personal data that this version recognises was masked in the case library (cases: {cases}, texts:"
                " {texts}).",
                cases=len(masked),
                texts=sum(masked.values()),
            )
        )
    if hidden.renamed or hidden.kept:
        out.say(
            out.t(
                "Conversations named after agent and customer: {renamed} have opaque names now; {kept} were drawn or"
                " have a case file and keep theirs.",
                renamed=hidden.renamed,
                kept=hidden.kept,
            )
        )
    out.say(
        out.t("Nothing to do: the schema is {revision}.", revision=after)
        if before == after
        else out.t("The schema was brought from {before} to {after}.", before=before or "–", after=after)
    )
    if newer:
        out.say(
            out.t(
                "The shipped red lines have a new edition (rules: {rules}). Nothing has changed: see the rules page or"
                " “spotcheck rules updates”.",
                rules=", ".join(newer),
            )
        )
    out.json({"before": before, "after": after, "masked_cases": sorted(masked), "rule_updates": newer})
    return 0


def run_seal(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Seal and print the chain: kept elsewhere, on paper or in a mail, it shows later that nothing was rewritten."""
    bench, now = opener(), datetime.now(UTC)
    sealed = evidence.seal(bench, now)
    moment = out.t.local(now).isoformat(timespec="seconds")  # with its offset: the line is kept outside
    out.say(
        out.t("Sealed up to batch {batch} at {at}, new facts: {rows}.", batch=sealed.batch, rows=sealed.rows, at=moment)
    )
    out.say(out.t("Chain: {chain}", chain=sealed.chain))
    out.json({"batch": sealed.batch, "rows": sealed.rows, "chain": sealed.chain, "at": now})
    return 0


def run_doctor(opener: Opener, args: argparse.Namespace, out: Output) -> int:
    """Examine; the exit code is 1 when something fails."""
    try:
        bench = workbench.Workbench.open(opener.config, settle=False)
    except OSError as problem:
        raise Unavailable(
            N_("{place} cannot be written: {reason}"), place=str(opener.config.home), reason=str(problem)
        ) from problem
    try:
        if args.rebuild_index:
            built = index.update(bench, again=True, progress=out.progress)
            out.say(out.t("The search index was built anew: {n} messages.", n=out.t.number(built.messages)))
        findings = health.examine(bench, SYSTEM, deep=True, forgeries=args.deep)
    finally:
        bench.close()
    t = out.t
    out.table(["", t("What"), t("Finding")], [[MARKS[f.state], t(f.name), t(f.detail, **f.facts)] for f in findings])
    out.json([{"name": f.name, "state": f.state, "detail": f.detail.format(**f.facts)} for f in findings])
    return SpotcheckError.exit_code if any(f.state is HealthState.FAILED for f in findings) else 0
