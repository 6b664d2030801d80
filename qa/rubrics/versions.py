"""The life of a scorecard: load, draft, edit, publish, retire; once published a version never changes again.

A rubric has versions by stable id. At most one of them is a draft; publishing makes it the newest that new draws score
on, while every draw already published keeps the version it was drawn with. Does not know how sheets are scored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, or_, select, update
from sqlalchemy.orm import Session

from qa import audit
from qa.errors import Conflict, Fact, Invalid, NotFound, Stale
from qa.i18n import N_
from qa.policy import SYSTEM, Actor, Right, require
from qa.rubrics.stored import rubric_of
from qa.tables import Draw, Plan, RubricVersion, Sample, User
from qa.workbench import Workbench
from scoring.rubric import (
    SHIPPED,
    Change,
    Problem,
    Rubric,
    RubricError,
    check,
    diff,
    from_toml,
    may_score,
    points_text,
    shipped,
)


@dataclass(frozen=True)
class VersionView:
    """One version of a rubric with what lists show of it. `draws` is how many published draws score on it."""

    id: int
    rubric_id: str
    version: int
    state: str
    rubric: Rubric
    content_hash: str
    created_at: datetime
    created_by: str
    published_at: datetime | None
    draws: int
    problems: tuple[Problem, ...]


PROBLEMS: Mapping[str, str] = {
    "missing_text": N_("{path}: the text is missing."),
    "long_text": N_("{path}: {length} characters; {limit} are allowed."),
    "bad_id": N_("{path}: “{id}” is not an id. Use lower-case letters, digits and _, starting with a letter."),
    "same_id": N_("{path}: the id “{id}” is used {count} times; every id must be unique."),
    "no_dimensions": N_("The rubric has no dimension. Add at least one."),
    "no_criteria": N_("{path}: no criterion besides bonuses. Add one or remove the dimension."),
    "too_many_dimensions": N_("{path}: {count} dimensions; at most {limit} fit on a form."),
    "too_many_criteria": N_("{path}: {count} criteria; at most {limit} fit on a form."),
    "form_sum": N_("The dimensions add up to {sum} points; they must add up to {expected}."),
    "dimension_sum": N_(
        "{path}: the criteria add up to {sum} points; they must add up to {expected}. Bonuses do not count."
    ),
    "not_positive": N_("{path}: expected more than 0 points, found {value}."),
    "out_of_range": N_("{path}: expected 0 to {limit} points, found {value}."),
    "each_range": N_("{path}: one occurrence must cost between 0 and {limit} points, found {value}."),
    "each_small": N_("{path}: {value} points each would need more than 99 occurrences; choose a larger step."),
    "few_levels": N_("{path}: a scale needs at least 2 levels, found {count}."),
    "many_levels": N_("{path}: a scale has at most 10 levels, found {count}."),
    "levels_order": N_("{path}: levels go from worst to best, each with more points than the one before."),
    "levels_top": N_("{path}: the best level must earn all {expected} points, found {value}."),
    "levels_unused": N_("{path}: only a scale has levels; remove them or change the kind."),
    "no_agent": N_("{path}: the owner “agent” is missing; only what the agent owns counts in the score."),
    "unknown_owner": N_("{path}: “{owner}” is not one of the owners."),
    "unreadable": N_("{path}: the text is not valid TOML: {reason}"),
    "unknown_field": N_("{path}: there is no field “{field}”."),
    "unknown_kind": N_("{path}: “{kind}” is not a kind. Use one of {kinds}."),
    "not_points": N_("{path}: expected a number of points, found “{value}”."),
    "too_fine": N_("{path}: points have at most two decimals, found {value}."),
    "not_text": N_("{path}: expected text, found “{value}”."),
    "not_flag": N_("{path}: expected true or false, found “{value}”."),
    "unknown_source": N_("{path}: “{value}” is not a source. Use some of {sources}."),
    "not_list": N_("{path}: expected a list, found “{value}”."),
    "not_table": N_("{path}: expected a table, found “{value}”."),
}
"""Message of every problem a rubric can have: names the field and the cure."""


def problem_error(problem: Problem) -> Invalid:
    """A problem of a rubric as an error for people."""
    facts: dict[str, Fact] = {**problem.facts, "path": problem.path}
    return Invalid(PROBLEMS[problem.code], **facts)


def read_toml(text: str) -> Rubric:
    """A rubric from its TOML text. Raises `Invalid` naming the field; a rubric may still have `problems`."""
    try:
        return from_toml(text)
    except RubricError as error:
        raise problem_error(error.problem) from error


# --- reading ----------------------------------------------------------------------------------------------------------


def history(bench: Workbench, actor: Actor) -> tuple[VersionView, ...]:
    """All versions of all rubrics, by rubric, newest first. Drafts show only to those who may edit."""
    require(actor, Right.VIEW_RUBRIC)
    query = select(RubricVersion.id).order_by(RubricVersion.rubric_id, RubricVersion.version.desc())
    if not _edits(actor):
        query = query.where(RubricVersion.state != "draft")
    with bench.db.read() as session:
        return tuple(_view(session, id_) for id_ in session.scalars(query).all())


def get(bench: Workbench, actor: Actor, version_id: int) -> VersionView:
    """One version. Raises `NotFound`, also for a draft one may not see."""
    require(actor, Right.VIEW_RUBRIC)
    with bench.db.read() as session:
        view = _view(session, version_id)
    if view.state == "draft" and not _edits(actor):
        raise NotFound(N_("There is no rubric version {id}."), id=version_id)
    return view


def current(bench: Workbench, actor: Actor, source: str = "chat") -> VersionView | None:
    """The version new plans score samples of `source` on (see `newest`)."""
    require(actor, Right.VIEW_RUBRIC)
    with bench.db.read() as session:
        found = newest(session, source)
        return None if found is None else _view(session, found)


def newest(session: Session, source: str, *, made_for: bool = False) -> int | None:
    """The version published last of a rubric that fits `source`. `made_for`: only of one that names it."""
    published = session.execute(
        select(RubricVersion.id, RubricVersion.content["sources"])
        .where(RubricVersion.state == "published")
        .order_by(RubricVersion.published_at.desc(), RubricVersion.id.desc())
    )
    for version_id, sources in published:
        if source in (sources or ()) if made_for else may_score(sources or (), source):
            return int(version_id)
    return None


def changes(bench: Workbench, actor: Actor, *, old_id: int, new_id: int) -> tuple[Change, ...]:
    """What differs between two versions."""
    return diff(get(bench, actor, old_id).rubric, get(bench, actor, new_id).rubric)


def _edits(actor: Actor) -> bool:
    return actor is SYSTEM or actor.may(Right.EDIT_RUBRIC)


def _view(session: Session, version_id: int) -> VersionView:
    rubric = rubric_of(session, version_id)
    row = session.execute(
        select(
            RubricVersion.rubric_id, RubricVersion.version, RubricVersion.state, RubricVersion.content_hash,
            RubricVersion.created_at, User.display_name, RubricVersion.published_at,
        )
        .join(User, User.id == RubricVersion.created_by, isouter=True)
        .where(RubricVersion.id == version_id)
    ).one()  # fmt: skip
    own = select(Sample.draw_id).where(Sample.rubric_version_id == version_id, Sample.draw_id.is_not(None))
    scored = or_(Draw.rubric_version_id == version_id, Draw.id.in_(own))
    draws = session.scalar(select(func.count()).select_from(Draw).where(scored)) or 0
    return VersionView(
        version_id, row.rubric_id, row.version, row.state, rubric, row.content_hash, row.created_at,
        row.display_name or "", row.published_at, draws, check(rubric),
    )  # fmt: skip


# --- changing ---------------------------------------------------------------------------------------------------------


def load_default(bench: Workbench, actor: Actor, *, now: datetime) -> int:
    """Publish the scorecards the product ships with, unless there is any rubric already; returns the version that new
    plans score chats on."""
    require(actor, Right.EDIT_RUBRIC)
    with bench.db.write() as session:
        if (found := newest(session, "chat")) is not None:
            return found
        for_chats, *_ = [_publish_shipped(session, actor, now, shipped(name)) for name in SHIPPED]
        return for_chats


def missing(bench: Workbench, actor: Actor) -> tuple[Rubric, ...]:
    """The scorecards the product ships with of which this installation has no version yet."""
    require(actor, Right.EDIT_RUBRIC)
    with bench.db.read() as session:
        return _missing(session)


def load_missing(bench: Workbench, actor: Actor, *, now: datetime) -> int:
    """Publish them; returns how many. Plans go on as they are until one is chosen in them. Again changes nothing."""
    require(actor, Right.EDIT_RUBRIC)
    with bench.db.write() as session:
        found = _missing(session)
        for rubric in found:
            _publish_shipped(session, actor, now, rubric)
        return len(found)


def _missing(session: Session) -> tuple[Rubric, ...]:
    known = set(session.scalars(select(RubricVersion.rubric_id).distinct()))
    return tuple(shipped(name) for name in SHIPPED if shipped(name).id not in known)


def _publish_shipped(session: Session, actor: Actor, now: datetime, rubric: Rubric) -> int:
    version_id = _insert(session, actor, now, rubric.numbered(_next(session, rubric.id)))
    _publish(session, actor, now, session.get_one(RubricVersion, version_id))
    return version_id


def start_draft(bench: Workbench, actor: Actor, *, now: datetime, rubric: Rubric) -> int:
    """Open a draft with this content as the next version of its rubric id. Raises `Conflict` when there is a draft."""
    require(actor, Right.EDIT_RUBRIC)
    with bench.db.write() as session:
        drafts = (RubricVersion.rubric_id == rubric.id, RubricVersion.state == "draft")
        if session.scalar(select(RubricVersion.id).where(*drafts)) is not None:
            raise Conflict(N_("There is already a draft of this rubric; edit or discard it."))
        return _insert(session, actor, now, rubric.numbered(_next(session, rubric.id)))


def save_draft(
    bench: Workbench, actor: Actor, *, now: datetime, version_id: int, seen_hash: str, rubric: Rubric
) -> str:
    """Replace a draft's content, which may still have problems; returns its new hash.

    `seen_hash` is the hash the editor started from: raises `Stale` when somebody else saved meanwhile, `Conflict` when
    the version is published.
    """
    require(actor, Right.EDIT_RUBRIC)
    with bench.db.write() as session:
        row = _draft(session, version_id)
        changes = _told(diff(rubric_of(session, version_id), rubric))
        content = {**rubric.to_dict(), "id": row.rubric_id, "version": row.version}
        saved = session.execute(
            update(RubricVersion)
            .where(
                RubricVersion.id == version_id, RubricVersion.state == "draft", RubricVersion.content_hash == seen_hash
            )
            .values(content=content, content_hash=rubric.content_hash)
            .execution_options(synchronize_session=False)
        )
        if not saved.rowcount:  # type: ignore[attr-defined]
            raise Stale(N_("Somebody else has saved this draft meanwhile. Reload it and enter your change again."))
        audit.record(
            session, actor, now, "rubric.edited", "rubric_version", version_id, hash=rubric.content_hash,
            changes=changes,
        )  # fmt: skip
        return rubric.content_hash


def _told(changes: Iterable[Change]) -> dict[str, list[object]]:
    """Changes as the trail keeps them: {subject.id.field: [old, new]}; points as people write them."""
    told: dict[str, list[object]] = {}
    for change in changes:
        key = ".".join(part for part in (change.subject, change.id, change.field) if part)
        if change.what in ("added", "removed"):
            told[key] = [change.what == "removed", change.what == "added"]
        else:
            told[key] = [_plain(change.field, change.before), _plain(change.field, change.after)]
    return told


def _plain(field: str, value: object) -> object:
    if field in POINTS and isinstance(value, int):
        return points_text(value)
    if isinstance(value, dict) and {"zh", "en"} >= set(value):
        return " / ".join(text for text in (value.get("zh"), value.get("en")) if text)
    return value


POINTS = frozenset({"points", "each", "pass_line", "tolerance"})
"""Fields of a rubric that hold centi-points."""


def discard_draft(bench: Workbench, actor: Actor, *, now: datetime, version_id: int) -> None:
    """Throw a draft away; its number may be used again. Published versions cannot be deleted."""
    require(actor, Right.EDIT_RUBRIC)
    with bench.db.write() as session:
        row = _draft(session, version_id)
        if session.scalar(select(Plan.id).where(Plan.rubric_version_id == version_id).limit(1)) is not None:
            raise Conflict(N_("A plan uses this draft; choose another rubric there first."))
        audit.record(session, actor, now, "rubric.discarded", "rubric_version", version_id, version=row.version)
        session.delete(row)


def publish(bench: Workbench, actor: Actor, *, now: datetime, version_id: int, seen_hash: str) -> None:
    """Make a draft usable and unchangeable. Raises `Invalid` naming the first problem, `Stale` when it was edited."""
    require(actor, Right.EDIT_RUBRIC)
    with bench.db.write() as session:
        row = session.get(RubricVersion, version_id, with_for_update=True)
        if row is not None and row.state == "published" and row.content_hash == seen_hash:
            return  # the same click once more
        row = _draft(session, version_id)
        if row.content_hash != seen_hash:
            raise Stale(N_("Somebody else has saved this draft meanwhile. Look at it again before you publish."))
        for problem in check(rubric_of(session, version_id)):
            raise problem_error(problem)
        _publish(session, actor, now, row)


def retire(bench: Workbench, actor: Actor, *, now: datetime, version_id: int) -> None:
    """Take a published version out of use for new plans; what was scored on it stays. The last one that fits chats
    cannot be retired."""
    require(actor, Right.EDIT_RUBRIC)
    with bench.db.write() as session:
        row = _find(session, version_id)
        if row.state == "retired":
            return
        if row.state != "published":
            raise Conflict(N_("Only a published version can be retired."))
        row.state = "retired"
        session.flush()
        if newest(session, "chat") is None:
            raise Conflict(N_("This is the only published rubric for chats; publish another one first."))
        audit.record(session, actor, now, "rubric.retired", "rubric_version", version_id)


def _insert(session: Session, actor: Actor, now: datetime, rubric: Rubric) -> int:
    version_id = session.execute(
        insert(RubricVersion)
        .values(
            rubric_id=rubric.id,
            version=rubric.version,
            state="draft",
            content=rubric.to_dict(),
            content_hash=rubric.content_hash,
            created_by=actor.user_id or None,
            created_at=now,
        )
        .returning(RubricVersion.id)
    ).scalar_one()
    audit.record(
        session, actor, now, "rubric.drafted", "rubric_version", version_id, rubric=rubric.id, version=rubric.version
    )
    return version_id


def _publish(session: Session, actor: Actor, now: datetime, row: RubricVersion) -> None:
    row.state, row.published_at = "published", now
    session.flush()
    audit.record(
        session, actor, now, "rubric.published", "rubric_version", row.id, version=row.version, hash=row.content_hash
    )


def _next(session: Session, rubric_id: str) -> int:
    return (
        session.scalar(select(func.max(RubricVersion.version)).where(RubricVersion.rubric_id == rubric_id)) or 0
    ) + 1


def _find(session: Session, version_id: int) -> RubricVersion:
    row = session.get(RubricVersion, version_id, with_for_update=True)
    if row is None:
        raise NotFound(N_("There is no rubric version {id}."), id=version_id)
    return row


def _draft(session: Session, version_id: int) -> RubricVersion:
    row = _find(session, version_id)
    if row.state != "draft":
        raise Conflict(
            N_("Version {version} is published and cannot be changed; start a new draft from it."), version=row.version
        )
    return row
