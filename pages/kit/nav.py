"""The map of the workbench: which pages there are, what they are called, and who finds them in the menu.

The menu only offers; each page's own guard decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from pages.kit import dialogs
from pages.kit.guard import Page
from qa.i18n import N_
from qa.policy import Actor, Right, Role

NAME = "Spotcheck 抽检"
FOLDER = Path(__file__).parents[1]


@dataclass(frozen=True)
class PageEntry:
    """One page: its file, its address, its name, and the rights of which one is enough to see it."""

    file: str
    url: str
    title: str
    group: str
    help: str
    rights: tuple[Right, ...] = ()

    @property
    def path(self) -> Path:
        return FOLDER / self.file

    def open_to(self, actor: Actor) -> bool:
        """Whether the menu of `actor` holds this page."""
        return not self.rights or any(actor.may(right) for right in self.rights)


_ALL = ""
_WORK = N_("Inspection")
_SEE = N_("Results")
_PLAN = N_("Plans and rules")
_HOUSE = N_("System")

ENTRIES: Sequence[PageEntry] = (
    PageEntry("home.py", "", N_("Home"), _ALL, N_("What there is to do now")),
    PageEntry("desk.py", "inspect", N_("Inspect"), _WORK, N_("Read and score the next sample"), (Right.INSPECT,)),
    PageEntry(
        "inspections.py",
        "inspections",
        N_("My inspections"),
        _WORK,
        N_("What you have scored, and what was changed since"),
        (Right.INSPECT,),
    ),
    PageEntry(
        "conversations.py",
        "conversations",
        N_("Conversations"),
        _WORK,
        N_("Search and read the whole archive"),
        (Right.VIEW_CONVERSATIONS,),
    ),
    PageEntry(
        "redlines.py",
        "redlines",
        N_("Red lines"),
        _WORK,
        N_("Suspected and confirmed violations"),
        (Right.VIEW_VIOLATIONS, Right.VIEW_TEAM),
    ),
    PageEntry(
        "disputes.py",
        "disputes",
        N_("Disputes"),
        _WORK,
        N_("Disputes to settle, the case as one story, and figures"),
        (Right.VIEW_RESULTS, Right.VIEW_TEAM),
    ),
    PageEntry(
        "promises.py",
        "promises",
        N_("Promises"),
        _WORK,
        N_("What agents promised customers, and what became of it"),
        (Right.VIEW_RESULTS, Right.VIEW_TEAM),
    ),
    PageEntry(
        "appeals.py",
        "appeals",
        N_("Appeals"),
        _WORK,
        N_("Objections to verdicts and violations"),
        (Right.RULE_APPEAL, Right.ANSWER),
    ),
    PageEntry(
        "calibration.py",
        "calibration",
        N_("Calibration"),
        _WORK,
        N_("Inspectors compared on the same conversations"),
        (Right.CALIBRATE, Right.INSPECT),
    ),
    PageEntry(
        "trends.py",
        "trends",
        N_("Trends"),
        _SEE,
        N_("Scores over time, with intervals"),
        (Right.VIEW_RESULTS, Right.VIEW_TEAM),
    ),
    PageEntry(
        "agent.py",
        "agent",
        N_("Agent results"),
        _SEE,
        N_("One agent's scores and the reasons"),
        (Right.VIEW_RESULTS, Right.VIEW_TEAM, Right.VIEW_OWN_RESULTS),
    ),
    PageEntry(
        "ranking.py",
        "ranking",
        N_("Ranking"),
        _SEE,
        N_("Ranks, as far as the numbers support them"),
        (Right.VIEW_RESULTS, Right.VIEW_TEAM),
    ),
    PageEntry(
        "scorer.py",
        "scorer",
        N_("Machine scores"),
        _SEE,
        N_("What machine scorers say, corrected by the reviewed sample"),
        (Right.VIEW_RESULTS,),
    ),
    PageEntry(
        "assessment.py",
        "assessment",
        N_("Assessment"),
        _SEE,
        N_("The month's sheets, with what each figure is worth"),
        (Right.ASSESS, Right.VIEW_TEAM, Right.VIEW_OWN_RESULTS),
    ),
    PageEntry(
        "development.py",
        "development",
        N_("Development"),
        _SEE,
        N_("Exams, newcomers, grades and recognition"),
        (Right.ASSESS, Right.VIEW_CASES),
    ),
    PageEntry("library.py", "cases", N_("Cases"), _SEE, N_("The case library"), (Right.VIEW_CASES,)),
    PageEntry("draws.py", "draws", N_("Draws"), _PLAN, N_("Plans, draws and receipts"), (Right.VIEW_DRAWS,)),
    PageEntry("rubrics.py", "rubric", N_("Rubric"), _PLAN, N_("The scorecard and its versions"), (Right.VIEW_RUBRIC,)),
    PageEntry(
        "rules.py", "rules", N_("Red-line rules"), _PLAN, N_("The rules that screening uses"), (Right.EDIT_RULES,)
    ),
    PageEntry(
        "ingest.py",
        "import",
        N_("Import"),
        _PLAN,
        N_("Bring in chats, disputes, ratings and the roster"),
        (Right.IMPORT,),
    ),
    PageEntry(
        "operations.py",
        "operations",
        N_("Operations"),
        _HOUSE,
        N_("What is done every night by itself, and what came of it"),
        (Right.MAINTAIN,),
    ),
    PageEntry(
        "admin.py",
        "admin",
        N_("Admin"),
        _HOUSE,
        N_("Users, sign-ins, audit, health and backup"),
        (Right.MANAGE_USERS, Right.VIEW_AUDIT, Right.MAINTAIN),
    ),
)


def entries_for(actor: Actor) -> list[PageEntry]:
    """The pages in the menu of `actor`, in order."""
    return [entry for entry in ENTRIES if entry.open_to(actor)]


def title(entry: PageEntry, actor: Actor) -> str:
    """Msgid of the page's name as `actor` reads it: agents see their own results."""
    if entry.file == "agent.py" and actor.role is Role.AGENT:
        return N_("My results")
    if entry.file == "inspections.py" and actor.may(Right.CALIBRATE):
        return N_("Past inspections")
    return entry.title


ONE_ROW = 160.0
"""Letters (a Chinese character is two) and spaces between entries that one row of the menu holds at 1,280 pixels."""


def _width(titles: Sequence[str]) -> float:
    """Letters of a row of these titles, the space around each counted as one and a half."""
    return sum(1.5 + sum(2 if character > "\u2e80" else 1 for character in text) for text in titles)


def _second_row(titles: Sequence[tuple[str, str]]) -> str:
    """The group that begins the second row, of (group, title) in order; empty where one row holds them all. A row ends
    with a group, where the longer of the two is shortest."""
    if _width([text for _, text in titles]) <= ONE_ROW:
        return ""
    groups = list(dict.fromkeys(group for group, _ in titles))

    def longer(first: int) -> float:
        above = [text for group, text in titles if groups.index(group) < first]
        return max(_width(above), _width([text for _, text in titles[len(above) :]]))

    return groups[min(range(1, len(groups)), key=longer)]


def navigation(page: Page) -> StreamlitPage:
    """Draw the menu of whoever looks, every page one click away, and return the page to run.

    Pages of other roles have an address too: their own guard says there that they are for somebody else.
    """
    _ = page.t
    mine = {entry.file for entry in entries_for(page.actor)}
    pages = {
        entry.file: st.Page(
            entry.path, title=_(title(entry, page.actor)), url_path=entry.url or None, default=not entry.url,
            visibility="visible" if entry.file in mine else "hidden",
        )
        for entry in ENTRIES if entry.path.exists()
    }  # fmt: skip
    chosen = st.navigation(list(pages.values()), position="hidden")
    st.set_page_config(page_title=f"{chosen.title} · {NAME}")
    with st.container(key="menu", horizontal=True):
        group, offered = _ALL, entries_for(page.actor)
        second = _second_row([(entry.group, _(title(entry, page.actor))) for entry in offered])
        for entry in offered:
            if second and entry.group == second != group:
                st.html('<span class="sc-menu-break"></span>')
            here = " here" if pages[entry.file] is chosen or pages[entry.file].url_path == chosen.url_path else ""
            apart = "apart" if entry.group != group else "next"
            with st.container(key=f"menu_{apart}_{entry.file.removesuffix('.py')}{here.strip() and '_here'}"):
                st.page_link(pages[entry.file], label=_(title(entry, page.actor)), help=_(entry.help))
            group = entry.group
    dialogs.arrive(chosen.url_path)
    if (going := st.session_state.pop(_GOING, None)) is not None:
        st.switch_page(pages[going[0]], query_params=going[1])
    return chosen


def link(page: Page, file: str, /, label: str | None = None, **query: str) -> None:
    """A link to the page in `file`, with its query string; nothing when this person's menu does not have it."""
    for entry in entries_for(page.actor):
        if entry.file == file:
            st.page_link(entry.path, label=label or page.t(title(entry, page.actor)), query_params=query or None)


_GOING = "nav_going"


def go(file: str, /, **query: str) -> None:
    """Go to the page in `file` in the run that follows: for callbacks, which cannot switch pages themselves."""
    st.session_state[_GOING] = (file, query)
