"""The read side: every figure on a screen or in a file, with its interval, its count and its method."""

from qa.reports.agents import AgentReport, CaseLink, LedgerEntry, Part, Person, Replies, agent_report, roster
from qa.reports.boards import OWNERS, HeatMap, LossBoard, heat_map, losses, root_causes
from qa.reports.metrics import Metric
from qa.reports.results import Result, behind, result, results, rule_names
from qa.reports.scope import BUCKETS, GROUPS, Item, Scope
from qa.reports.standings import Ranking, Standings, ranking, standings
from qa.reports.trends import SMALL_N, DatedMeasure, Effect, Overview, Trend, TrendSignal, effect, overview, trend

__all__ = [
    "BUCKETS",
    "GROUPS",
    "OWNERS",
    "SMALL_N",
    "AgentReport",
    "CaseLink",
    "DatedMeasure",
    "Effect",
    "HeatMap",
    "Item",
    "LedgerEntry",
    "LossBoard",
    "Metric",
    "Overview",
    "Part",
    "Person",
    "Ranking",
    "Replies",
    "Result",
    "Scope",
    "Standings",
    "Trend",
    "TrendSignal",
    "agent_report",
    "behind",
    "effect",
    "heat_map",
    "losses",
    "overview",
    "ranking",
    "result",
    "results",
    "root_causes",
    "roster",
    "rule_names",
    "standings",
    "trend",
]
