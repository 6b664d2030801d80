"""The read side: every figure on a screen or in a file, with its interval, its count and its method."""

from qa.reports.adjusting import Adjustment
from qa.reports.agents import AgentReport, CaseLink, LedgerEntry, Part, Person, Replies, agent_report, roster
from qa.reports.boards import OWNERS, HeatMap, LossBoard, heat_map, losses, root_causes
from qa.reports.estimator import Restated
from qa.reports.metrics import Metric
from qa.reports.progress import ScopeProgress
from qa.reports.results import (
    Result,
    behind,
    criterion_labels,
    newest,
    next_unread,
    result,
    results,
    root_cause_labels,
    rule_names,
)
from qa.reports.scope import BUCKETS, GROUPS, FactsReader, Item, Scope
from qa.reports.standings import Ranking, Standings, ranking, standings
from qa.reports.trends import (
    SMALL_N,
    Baseline,
    DatedMeasure,
    MeasureEffect,
    Trend,
    TrendSignal,
    VerdictsOverview,
    effect,
    overview,
    own_overview,
    trend,
)
from scoring.explain import Explanation

__all__ = [
    "BUCKETS",
    "GROUPS",
    "OWNERS",
    "SMALL_N",
    "Adjustment",
    "AgentReport",
    "Baseline",
    "CaseLink",
    "DatedMeasure",
    "Explanation",
    "FactsReader",
    "HeatMap",
    "Item",
    "LedgerEntry",
    "LossBoard",
    "MeasureEffect",
    "Metric",
    "Part",
    "Person",
    "Ranking",
    "Replies",
    "Restated",
    "Result",
    "Scope",
    "ScopeProgress",
    "Standings",
    "Trend",
    "TrendSignal",
    "VerdictsOverview",
    "agent_report",
    "behind",
    "criterion_labels",
    "effect",
    "heat_map",
    "losses",
    "newest",
    "next_unread",
    "overview",
    "own_overview",
    "ranking",
    "result",
    "results",
    "root_cause_labels",
    "root_causes",
    "roster",
    "rule_names",
    "standings",
    "trend",
]
