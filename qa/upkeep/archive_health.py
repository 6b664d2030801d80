"""The archive in the examination: its version, its files against their checksums, the search index beside it."""

from __future__ import annotations

from collections.abc import Iterator

from qa import outage
from qa.archive.checksums import Damage, digest
from qa.i18n import N_
from qa.upkeep import manifests
from qa.upkeep.findings import HealthFinding, HealthState
from qa.workbench import Workbench

SHOWN_DAMAGES = 20


def archive(bench: Workbench) -> Iterator[HealthFinding]:
    """Whether the archive is there, at the version that the database knows of."""
    snapshot = bench.archive.at()
    known = bench.known_archive_version()
    if known > snapshot.version:
        yield HealthFinding(
            N_("Archive"),
            HealthState.FAILED,
            N_(
                "version {version}, but the database knows of version {known}: rows are missing. Restore the last"
                " backup"
            ),
            {"version": snapshot.version, "known": known},
        )
        return
    if snapshot.version == 0:
        yield HealthFinding(N_("Archive"), HealthState.WARNING, N_("empty: nothing has been imported yet"), {})
        return
    try:
        facts: dict[str, str | int] = {
            "version": snapshot.version,
            "conversations": snapshot.count("conversations"),
            "messages": snapshot.count("messages"),
        }
    except BaseException as problem:
        if not isinstance(problem, Exception) and not outage.panicked(problem):
            raise
        yield HealthFinding(
            N_("Archive"), HealthState.FAILED, N_("version {version} cannot be read: {reason}"),
            {"version": snapshot.version, "reason": str(problem)[:200]},
        )  # fmt: skip
        return
    yield HealthFinding(
        N_("Archive"),
        HealthState.OK,
        N_("version {version}, {conversations} conversations, {messages} messages"),
        facts,
    )


def index(bench: Workbench) -> Iterator[HealthFinding]:
    """The search index beside the archive: what is missing or behind is answered by a slower scan meanwhile."""
    if not bench.archive.version():
        return
    # these load the mathematics of the search, which an empty archive has no use for
    from qa.conversations import index as search
    from qa.conversations.index import IndexState

    name, state = N_("Search index"), search.state(bench)
    if state is IndexState.EMPTY:
        return
    manifest = search.of(bench).manifest()
    broken = state is IndexState.READY and manifest is not None and search.opened(bench, manifest) is None
    detail = {
        IndexState.READY: N_("holds the archive as it is"),
        IndexState.BEHIND: N_("is behind the archive: “spotcheck doctor --rebuild-index”, or wait for its job"),
        IndexState.MISSING: N_("is missing: “spotcheck doctor --rebuild-index”, or wait for its job"),
    }[state]
    if broken:
        detail = N_("is damaged: “spotcheck doctor --rebuild-index” builds it anew")
    good = state is IndexState.READY and not broken
    yield HealthFinding(name, HealthState.OK if good else HealthState.WARNING, detail, {})


def files(bench: Workbench, deep: bool = False) -> Iterator[HealthFinding]:
    """Files of the archive against their checksums; for each damaged one, what is lost and where it can be had."""
    name = N_("Archive files")
    checked = bench.archive.check(deep=deep)
    for damage in checked.damaged[:SHOWN_DAMAGES]:
        facts: dict[str, str | int] = {"file": damage.path, "backup": _whole_in(bench, damage)}
        yield HealthFinding(name, HealthState.FAILED, _loss(bench, damage, bool(facts["backup"])), facts)
    if len(checked.damaged) > SHOWN_DAMAGES:
        yield HealthFinding(
            name,
            HealthState.FAILED,
            N_("{count} more files are damaged"),
            {"count": len(checked.damaged) - SHOWN_DAMAGES},
        )
    if checked.unlisted:
        yield HealthFinding(
            name,
            HealthState.WARNING,
            N_("{count} files are older than checksums: “spotcheck upgrade” adds theirs"),
            {"count": checked.unlisted},
        )
    if not checked.damaged and checked.files:
        detail = (
            N_("{files} files, every byte as it was written")
            if deep
            else N_("{files} files, sizes as they were written")
        )
        yield HealthFinding(name, HealthState.OK, detail, {"files": checked.files})


def _loss(bench: Workbench, damage: Damage, saved: bool) -> str:
    if damage.is_log or damage.table == "catalogue":
        return (
            N_("{file} is damaged: without it versions of the archive cannot be found. Backup {backup} holds it whole")
            if saved
            else N_("{file} is damaged: without it versions of the archive cannot be found, and no backup holds it")
        )
    if _in_newest(bench, damage):
        return (
            N_("{file} is damaged: the newest version needs its rows. Backup {backup} holds it whole")
            if saved
            else N_(
                "{file} is damaged: the newest version needs its rows, and no backup holds them; import the files again"
                " that they came from"
            )
        )
    return (
        N_("{file} is damaged: only older versions need its rows. Backup {backup} holds it whole")
        if saved
        else N_("{file} is damaged: only older versions need its rows; new work goes on")
    )


def _in_newest(bench: Workbench, damage: Damage) -> bool:
    try:
        return any(file.endswith(damage.path) for file in bench.archive.at().files(damage.table))
    except Exception:  # a history that cannot be read cannot rule it out
        return True


def _whole_in(bench: Workbench, damage: Damage) -> str:
    """The newest backup here that holds the file as it was, or nothing."""
    home = bench.config.home
    for name, manifest in manifests.found(home):
        path = f"{manifests.ARCHIVE}/{damage.path}"
        copy = manifests.own_folder(home) / name / path
        if manifest.files.get(path, (0, ""))[1] == damage.sha256 and copy.is_file() and digest(copy) == damage.sha256:
            return name
    return ""
