"""`spotcheck`: finds the command modules, opens the installation, turns expected errors into exit codes.

A command module is `qa/cli/<name>.py` with `add(subparsers)`; it registers parsers with `set_defaults(run=function)`,
and `function(opener, args, out) -> int` is called, where `opener()` gives the `Workbench` and `opener.config` its
settings. Nothing here knows what the commands do. A command module imports what its options need; what its work needs
waits (`qa.cli.later`), so that every command is known at once.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qa.cli
from qa import config as configuration
from qa.cli.later import Later
from qa.cli.output import Output, terminal_language
from qa.cli.output import t as _
from qa.config import Config
from qa.errors import Cancelled, Conflict, SpotcheckError, Unavailable
from qa.i18n import N_, Translator
from qa.security import files as private
from qa.security import log as securitylog

if TYPE_CHECKING:
    from qa import evidence, migrations, outage, workbench
    from qa.workbench import Workbench
else:
    evidence, migrations = Later("qa.evidence"), Later("qa.migrations")
    outage, workbench = Later("qa.outage"), Later("qa.workbench")

NOT_COMMANDS = {"main", "output", "later", "import_options"}
#: Commands that do not bear their module's name.
HOMES = {
    "restore": "backup",
    "stop-draw": "draw",
    "verify-draw": "draw",
    "init": "house",
    "upgrade": "house",
    "doctor": "house",
    "seal": "house",
    "forget": "retention",
    "import": "importing",
    "imports": "importing",
    "take-back": "importing",
}


class Opener:
    """Opens the installation on demand, once. `opener()` refuses one that was never set up or needs an upgrade."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._bench: Workbench | None = None

    def __call__(self, *, create: bool = False) -> Workbench:
        """The workbench. With `create` the stores are made and the schema brought up to date first."""
        if self._bench is None:
            if not create:
                self._require_file()
            bench = workbench.Workbench.open(self.config)
            try:
                self._prepare(bench, create)
            except BaseException:
                bench.close()
                raise
            self._bench = bench
        return self._bench

    def _prepare(self, bench: Workbench, create: bool) -> None:
        if create:
            migrations.upgrade(bench.db)
            return
        current = migrations.current(bench.db)
        if current is None:
            raise self._nothing_here()
        if current != migrations.newest():
            raise Conflict(N_("The database was made by another version of Spotcheck. Run “spotcheck upgrade”."))

    def _require_file(self) -> None:
        """Opening would create an empty database in a folder that was perhaps only mistyped."""
        prefix = "sqlite:///"
        if self.config.database.startswith(prefix) and not Path(self.config.database.removeprefix(prefix)).exists():
            raise self._nothing_here()

    def _nothing_here(self) -> Conflict:
        return Conflict(
            N_("There is no workbench in {home} yet. Run “spotcheck init” first."), home=str(self.config.home)
        )

    def vouch(self) -> None:
        """Seal what the command has put on record; a server that runs beside it may do so first."""
        if self._bench is not None and not self._bench.db.read_only:
            evidence.seal(self._bench, datetime.now(UTC))

    def close(self) -> None:
        """Close what was opened."""
        if self._bench is not None:
            self._bench.close()


Command = Callable[[Opener, argparse.Namespace, Output], int]


def program_version() -> str:
    """Version of the installed product."""
    try:
        return version("spotcheck-qa")
    except PackageNotFoundError:
        return "0"


def parser(named: str = "") -> argparse.ArgumentParser:
    """The command line: of the command `named`, or whole, with every command module found in `qa.cli`."""
    root = _Parser(
        prog="spotcheck",
        parents=[_common()],
        description=_("Quality inspection of customer service, honestly sampled."),
    )
    root.add_argument("--version", action="version", version=f"spotcheck {program_version()}")
    subparsers = root.add_subparsers(title=_("commands"), dest="command", metavar=_("COMMAND"), required=True)
    modules = sorted(m.name for m in pkgutil.iter_modules(qa.cli.__path__) if m.name not in NOT_COMMANDS)
    home = HOMES.get(named, named)
    for module in [home] if home in modules else modules:
        add = getattr(importlib.import_module(f"qa.cli.{module}"), "add", None)
        if add is not None:
            add(subparsers)
    return root


def _named(words: Sequence[str]) -> str:
    """The command among `words`, behind options that stand before it; "" when there is none."""
    try:
        rest = _common().parse_known_args(words)[1]
    except argparse.ArgumentError:  # the whole parser says what is wrong
        return ""
    return rest[0] if rest else ""


def _common() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    # SUPPRESS: the option is accepted at every level without a later default undoing an earlier value.
    common.add_argument("--home", type=Path, default=argparse.SUPPRESS, help=_("folder of the installation"))
    common.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=_("print one JSON document"))
    return common


class _Parser(argparse.ArgumentParser):
    """A parser whose commands, at every level, take the global options: `spotcheck user list --json`."""

    def add_subparsers(self, **options: Any) -> Any:
        return _Inheriting(super().add_subparsers(**options))


class _Inheriting:
    def __init__(self, subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        self._subparsers = subparsers

    def add_parser(self, name: str, **options: Any) -> argparse.ArgumentParser:
        options["parents"] = [_common(), *options.get("parents", [])]
        options.setdefault("description", options.get("help"))
        return self._subparsers.add_parser(name, **options)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 well done, 2 wrong input, 3–7 see `qa.errors`, 130 interrupted."""
    if argv is None:  # a process of our own, not a call within another one
        private.from_now_on()
    words = sys.argv[1:] if argv is None else argv
    args = parser(_named(words)).parse_args(words)
    out = Output(Translator(terminal_language()), as_json=getattr(args, "json", False))
    args.json = out.as_json
    opener: Opener | None = None
    try:
        config = configuration.load()
        if home := getattr(args, "home", None):
            config = replace(config, home=home.expanduser().resolve())
        out.t = Translator(terminal_language(), config.time_zone)
        opener = Opener(config)
        if argv is None and config.home.is_dir():
            securitylog.write_to(config.home)
        run: Command = args.run
        code = run(opener, args, out)
        opener.vouch()
        return code
    except SpotcheckError as error:
        out.error(error)
        return error.exit_code
    except KeyboardInterrupt:
        out.note(out.t("Interrupted."))
        return 130
    except BrokenPipeError:  # the reader of our output has had enough
        sys.stderr.close()
        return Cancelled.exit_code
    except Exception as problem:
        trouble = outage.explain(problem)
        if trouble is None:
            raise
        out.error(trouble)
        return trouble.exit_code
    except BaseException as problem:
        if not outage.panicked(problem):
            raise
        damaged = Unavailable(
            N_("A file of the archive cannot be read ({reason}). “spotcheck doctor” says which."),
            reason=str(problem)[:200],
        )
        out.error(damaged)
        return damaged.exit_code
    finally:
        if opener is not None:
            opener.close()


if __name__ == "__main__":
    sys.exit(main())
