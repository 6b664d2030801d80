"""Saved column mappings: the next file of the same export needs no clicking."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update

from qa import audit
from qa.errors import Invalid, NotFound
from qa.i18n import N_
from qa.ingest.mapping import Mapping
from qa.policy import Actor, Right, require
from qa.tables import MappingProfile
from qa.workbench import Workbench


@dataclass(frozen=True)
class Profile:
    """A mapping with a name."""

    name: str
    kind: str
    mapping: Mapping


def save_profile(bench: Workbench, actor: Actor, *, now: datetime, name: str, kind: str, mapping: Mapping) -> Profile:
    """Save a mapping under `name`, replacing the one of that name."""
    require(actor, Right.IMPORT)
    name = name.strip()
    if not name or len(name) > 200:
        raise Invalid(N_("Give the mapping a name of up to 200 characters."))
    with bench.db.write() as session:
        values = {"kind": kind, "content": mapping.to_dict(), "created_by": actor.user_id or None, "created_at": now}
        changed = session.execute(update(MappingProfile).where(MappingProfile.name == name).values(**values))
        if not changed.rowcount:  # type: ignore[attr-defined]
            session.execute(insert(MappingProfile).values(name=name, **values))
        audit.record(session, actor, now, "mapping.saved", "mapping_profile", name, kind=kind)
    return Profile(name, kind, mapping)


def profiles(bench: Workbench, actor: Actor, kind: str = "") -> tuple[Profile, ...]:
    """Saved mappings by name, of one kind or all."""
    require(actor, Right.IMPORT)
    with bench.db.read() as session:
        rows = session.execute(select(MappingProfile).order_by(MappingProfile.name)).scalars()
        return tuple(
            Profile(row.name, row.kind, Mapping.from_dict(row.content)) for row in rows if kind in ("", row.kind)
        )


def load_profile(bench: Workbench, actor: Actor, name: str) -> Profile:
    """The mapping of that name. Raises `NotFound`."""
    for profile in profiles(bench, actor):
        if profile.name == name:
            return profile
    raise NotFound(N_("There is no saved mapping “{name}”."), name=name)
