"""The content of the admin page: one section at a time, chosen in the address."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping
from functools import partial

import polars as pl
import streamlit as st

from pages.kit import jobs as job_view
from pages.kit.choices import tabs
from pages.kit.dialogs import dialog, done, kept, open_dialog
from pages.kit.escaping import escape
from pages.kit.guard import Page
from pages.kit.rows import choosable
from pages.kit.widgets import confirm, download, empty, heading, show_error, showing_errors
from pages.screens import retention as retention_screen
from pages.screens.people import roster
from pages.screens.people.accounts import users
from qa import jobs
from qa.casefiles.lifecycle import STATE_NAMES, FileState
from qa.errors import SpotcheckError
from qa.i18n import N_
from qa.people import signins
from qa.policy import ROLE_NAMES, SYSTEM, Role
from qa.security import log as securitylog
from qa.upkeep import backup, exports, health, trail, trail_words
from qa.upkeep.findings import HealthState

MARKS = {
    HealthState.OK: '<b class="sc-celadon">✓</b>',
    HealthState.WARNING: '<b class="sc-ochre">!</b>',
    HealthState.FAILED: '<b class="sc-ochre">✗</b>',
}


def draw(page: Page) -> None:
    """Draw the page."""
    _ = page.t
    heading(page, _("Admin"))
    titles = {name: title for name, (title, _draw) in SECTIONS.items()}
    chosen = tabs(st.container(), _("Section"), "section", titles, _)
    SECTIONS[chosen][1](page)


def sign_ins(page: Page) -> None:
    """Browsers that are signed in, with a way to end each."""
    _ = page.t
    found = signins.open_sign_ins(page.bench, page.actor, now=page.now)
    if not found:
        empty(_("Nobody is signed in."))
        return
    frame = pl.DataFrame(
        {
            _("Account"): [s.login for s in found],
            _("Name"): [s.display_name for s in found],
            _("Since"): [_.when(s.created_at) for s in found],
            _("Until"): [_.when(s.expires_at) for s in found],
        }
    )
    picked = st.dataframe(
        frame,
        key="sign_ins",
        on_select="rerun",
        selection_mode="multi-row",
        hide_index=True,
        height="content" if len(found) < 16 else 560,
    )
    rows = [found[row] for row in picked["selection"]["rows"] if row < len(found)]
    st.button(
        _("End the selected sign-ins"),
        disabled=not rows,
        key="end_sign_ins",
        on_click=_end_sign_ins,
        args=(page, rows),
        icon=":material/logout:",
    )


def _end_sign_ins(page: Page, rows: list[signins.OpenSignIn]) -> None:
    try:
        for row in rows:
            signins.revoke_sign_ins(page.bench, page.actor, row.user_id, now=page.now, sign_in_id=row.id)
    except SpotcheckError as error:
        show_error(page, error)


def audit(page: Page) -> None:
    """The audit trail: search, newest first, older pages on request."""
    _ = page.t
    text = st.text_input(
        _("Search"),
        key="q",
        type="search",
        bind="query-params",
        placeholder=_("Person, action, subject or fact"),
        label_visibility="collapsed",
        on_change=_back_to_newest,
    )
    try:
        spoken = {code: _(words.msgid, **words.facts) for code, words in trail_words.all_actions().items()}
        found = trail.entries(
            page.bench, page.actor, text=text or "", before=st.session_state.get("audit_before"), words=spoken
        )
    except SpotcheckError as error:
        show_error(page, error)
        return
    if not found.entries:
        empty(_("No entries."), _("Try fewer words.") if text else "")
        return
    st.dataframe(
        pl.DataFrame(
            {
                _("When"): [_.when(e.at, "yyyy-MM-dd HH:mm:ss") for e in found.entries],
                _("Who"): [_("the system") if e.actor_name == SYSTEM.name else e.actor_name for e in found.entries],
                _("Action"): [spoken.get(e.action, e.action) for e in found.entries],
                _("Subject"): [_subject(page, e) for e in found.entries],
                _("Facts"): [_facts(page, e.facts) for e in found.entries],
            }
        ),
        hide_index=True,
        height="content" if len(found.entries) < 18 else 620,
        column_config={_("Facts"): st.column_config.TextColumn(width="large")},
    )
    with st.container(horizontal=True):
        if st.session_state.get("audit_before"):
            st.button(_("Newest"), key="audit_newest", on_click=_back_to_newest, icon=":material/first_page:")
        if found.before is not None:
            st.button(
                _("Older"), key="audit_older", on_click=_older, args=(found.before,), icon=":material/chevron_right:"
            )


def _older(before: int) -> None:
    st.session_state["audit_before"] = before


def _back_to_newest() -> None:
    st.session_state.pop("audit_before", None)


def _subject(page: Page, entry: trail.TrailEntry) -> str:
    return f"{page.t(trail_words.SUBJECTS.get(entry.entity, entry.entity))} {entry.entity_id}"


def _facts(page: Page, facts: dict[str, object]) -> str:
    """What an entry says, in words: empty facts are left out, checksums are shown by their beginning."""
    _ = page.t
    changes = facts.get("changes")
    told = [
        (key, _fact(page, key, value))
        for key, value in facts.items()
        if key != "changes" and value not in (None, "", [], {})
    ]
    if isinstance(changes, dict):
        told += [(key, f"{_fact(page, key, old)} → {_fact(page, key, new)}") for key, (old, new) in changes.items()]
    return " · ".join(_("{name}: {value}", name=_named(page, key), value=value) for key, value in told)


def _named(page: Page, key: str) -> str:
    """The name of a fact; of a part of something (`criterion.tone.points`) each step where it has one."""
    return " ".join(page.t(trail_words.FACTS.get(part, part)) for part in key.split("."))


def _fact(page: Page, key: str, value: object) -> str:
    _ = page.t
    if value is None or value in ("", [], {}):
        return "–"
    if key == "total" and isinstance(value, int):
        return _.points(value)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, float):
        return f"{value:.6g}".replace("-", "−")
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if key == "role" and value in set(Role):
        return _(ROLE_NAMES[Role(value)])
    if key in trail_words.CHOICES and value in trail_words.CHOICES[key]:
        return _(trail_words.CHOICES[key][value])
    if key == "state" and value in set(FileState):
        return _(STATE_NAMES[FileState(value)])
    return f"{value[:12]}…" if len(value) >= 32 and set(value) <= set("0123456789abcdef") else value


def security(page: Page) -> None:
    """The newest lines of the security log."""
    _ = page.t
    st.caption(
        _(
            "Kept beside the database in {place}. Accounts are numbers; addresses and unknown names are shown as marks"
            " that can be compared and not read.",
            place=escape(str(page.bench.config.home / securitylog.FOLDER)),
        )
    )
    found = trail.security(page.bench, page.actor)
    if not found:
        empty(_("No entries."), _("The log begins when the server starts."))
        return
    st.dataframe(
        pl.DataFrame(
            {
                _("When"): [_.when(line.at, "yyyy-MM-dd HH:mm:ss") for line in found],
                _("Event"): [_(securitylog.EVENTS.get(line.event, line.event)) for line in found],
                _("Account"): ["–" if line.user is None else str(line.user) for line in found],
                _("Facts"): [_logged(page, line.facts) for line in found],
            }
        ),
        hide_index=True,
        height="content" if len(found) < 18 else 620,
        column_config={_("Facts"): st.column_config.TextColumn(width="large")},
    )


def _logged(page: Page, facts: Mapping[str, str | int]) -> str:
    """What a line of the security log says, in words; what an entry of the trail is about as the trail names it."""
    _ = page.t
    subject, number = str(facts.get("entity", "")), str(facts.get("entry", ""))
    about = [f"{_(trail_words.SUBJECTS.get(subject, subject))} {number}"] if subject and number else []
    rest = [(name, value) for name, value in facts.items() if name not in ("entity", "entry") and value != ""]
    about += [_("{name}: {value}", name=_(securitylog.FACTS.get(name, name)), value=value) for name, value in rest]
    return " · ".join(about)


def condition(page: Page) -> None:
    """What `spotcheck doctor` finds."""
    _ = page.t
    rows = "".join(
        f'<div class="sc-finding">{MARKS[f.state]}<span>{html.escape(_(f.name))}</span>'
        f"<span>{html.escape(_(f.detail, **f.facts))}</span></div>"
        for f in health.examine(page.bench, page.actor)
    )
    st.html(rows)


def backups(page: Page) -> None:
    """Make a backup, see those made, check one."""
    _ = page.t
    st.caption(
        _(
            "A backup copies database and archive into the installation's folder {place}. Copy it to another machine"
            " from there.",
            place=escape(str(backup.own_folder(page.bench))),
        )
    )
    if job_view.running(
        page, jobs.RESTORE, N_("Replacing everything: {share}. Do not stop the server."), key="restore",
        until=0.5 + jobs.REPLACING / 2,
    ):  # fmt: skip
        return
    job_view.ended(page, jobs.RESTORE, key="restore")
    if not job_view.running(page, jobs.BACKUP, N_("Copying and verifying … {share}"), key="backup", until=0.8):
        _make_backup(page)
    found = backup.listing(page.bench, page.actor)
    if not found:
        empty(_("No backup yet."), _("Make one now, and one before every upgrade."))
        return
    chosen = choosable(
        {
            _("Backup"): [name for name, _m in found],
            _("Size, MB"): [_.number(m.bytes / 1e6, 1) for _n, m in found],
            _("Files"): [len(m.files) for _n, m in found],
            _("Accounts"): [m.users for _n, m in found],
            _("Archive version"): [m.archive_version for _n, m in found],
        },
        len(found),
        "backups",
    )
    name = None if chosen is None else found[chosen][0]
    with st.container(horizontal=True):
        check = st.button(
            _("Check the selected backup"), disabled=name is None, key="check_backup", icon=":material/fact_check:"
        )
        st.button(
            _("Restore …"), disabled=name is None, key="ask_restore", icon=":material/settings_backup_restore:",
            on_click=open_dialog, args=("restore", name),
        )  # fmt: skip
        if st.button(_("Make a file of it"), disabled=name is None, key="zip_backup", icon=":material/folder_zip:"):
            job_view.start(page, jobs.EXPORT, jobs.MakeFile(exports.BACKUP, backup_name=name or ""))
            st.info(_("It is being made; it waits for you under “Files”."), icon=":material/info:")
    if check and name is not None:
        with showing_errors(page):
            backup.verify(backup.own_folder(page.bench) / name)
            st.success(_("Every file is as it was when the backup was made."), icon=":material/check:")
    dialog("restore", _("Restore a backup"), lambda: _restore(page, str(kept())))


def _restore(page: Page, name: str) -> None:
    """Everything here is replaced: what there is now is backed up first, and the name has to be typed."""
    _ = page.t
    st.write(
        _("Everything in this installation is replaced by the backup {name}: results, accounts, archive.", name=name)
    )
    st.caption(_("What is here now is backed up first. Everybody has to sign in again, you too."))
    typed = st.text_input(_("Type the name of the backup to go on"), key="restore_name", placeholder=name)
    if st.button(_("Replace everything"), type="primary", key="restore_go", disabled=typed.strip() != name):
        with showing_errors(page):
            job_view.start(page, jobs.RESTORE, jobs.Restore(name, backup.fresh_name(page.now)))
            done()


def files(page: Page) -> None:
    """Files with all results or the whole audit trail, made beside the page and kept a while."""
    _ = page.t
    st.caption(_("Kept in {place}: the {n} newest.", place=escape(str(exports.folder(page.bench))), n=exports.KEPT))
    if not job_view.running(page, jobs.EXPORT, N_("Making the file … {share}"), key="export"):
        job_view.ended(page, jobs.EXPORT, key="export")
        with st.form("export_form", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
            what = st.selectbox(_("File of"), list(_FILES), format_func=lambda one: _(_FILES[one]), key="export_what")
            form = st.selectbox(_("Format"), list(exports.FORMS), format_func=str.upper, key="export_form_name")
            if st.form_submit_button(_("Make the file"), type="primary"):
                job_view.start(page, jobs.EXPORT, jobs.MakeFile(what, form))
                st.rerun()
    found = exports.made(page.bench, page.actor)
    if not found:
        empty(_("No file yet."), _("Choose what it should hold; it is made while you go on."))
    for number, one in enumerate(found):
        with st.container(horizontal=True, vertical_alignment="center", key=f"made_file_{number}"):
            st.write(escape(f"{one.name} · {_.number(one.bytes / 1e6, 1)} MB"))
            download(
                _("Download"), partial(exports.fetch, page.bench, page.actor, one.name), one.name,
                "application/octet-stream", key=f"fetch_{number}",
            )  # fmt: skip


_FILES = {exports.RESULTS: N_("All results"), exports.AUDIT: N_("Audit trail")}


def _make_backup(page: Page) -> None:
    _ = page.t
    if confirm(page, _("Make a backup now"), _("Imports must wait until it is made."), key="make_backup"):
        job_view.start(page, jobs.BACKUP, jobs.Backup(backup.fresh_name(page.now)))
        st.rerun()
    made = job_view.ended(page, jobs.BACKUP, key="backup")
    if made is not None:
        st.success(_("Backup made and verified: {files} files.", files=_.number(made.files)), icon=":material/check:")
        job_view.done_with(page, jobs.BACKUP, key="backup")


def work(page: Page) -> None:
    """What runs and waits, what ended last, and a way to stop what has not ended."""
    _ = page.t
    found = jobs.recent(page.bench, page.actor)
    if not found:
        empty(_("No jobs yet."), _("Imports, screenings, draws and backups that somebody starts on a page show here."))
        return
    chosen = choosable(
        {
            _("No."): [job.id for job in found],
            _("Job"): [_(job.title) for job in found],
            _("State"): [_(jobs.STATES[job.state]) for job in found],
            _("Progress"): [_.percent(job.share, 0) for job in found],
            _("Asked for by"): [job.asked_name for job in found],
            _("Asked for"): [_.when(job.asked_at) for job in found],
            _("Begun"): [_.when(job.started_at) if job.started_at else "" for job in found],
            _("Ended"): [_.when(job.ended_at) if job.ended_at else "" for job in found],
            _("Attempts"): [job.attempts for job in found],
            _("Reason"): [_.error(job.error) if job.error else "" for job in found],
        },
        len(found),
        "jobs",
    )
    picked = None if chosen is None else found[chosen]
    under_way = picked is not None and not picked.ended
    st.button(
        _("Stop the selected job"),
        disabled=not under_way,
        key="stop_job",
        on_click=_stop_job,
        args=(page, picked.id if picked else 0),
        icon=":material/stop_circle:",
    )


def _stop_job(page: Page, job_id: int) -> None:
    with showing_errors(page):
        jobs.cancel(page.bench, page.actor, job_id, now=page.now)


SECTIONS: dict[str, tuple[str, Callable[[Page], None]]] = {
    "users": (N_("Users"), users),
    "roster": (N_("Roster"), roster.draw),
    "signins": (N_("Signed in"), sign_ins),
    "audit": (N_("Audit trail"), audit),
    "security": (N_("Security"), security),
    "health": (N_("Health"), condition),
    "backup": (N_("Backup"), backups),
    "retention": (N_("Retention"), retention_screen.draw),
    "files": (N_("Export files"), files),
    "jobs": (N_("Jobs"), work),
}
