"""Plans and draws: what to inspect, who was drawn and why, and the receipt with which anyone can draw again."""

from qa.draws.closeness import Closeness
from qa.draws.design import PREDICTORS, PlanDesign, SourceQuota
from qa.draws.frames import Period
from qa.draws.goals import GoalOutlook
from qa.draws.plans import (
    PlanChoices,
    PlanView,
    RubricChoice,
    archive_plan,
    choices,
    create_plan,
    edit_plan,
    get_plan,
    list_plans,
    with_versions,
)
from qa.draws.previewing import Load, PlanPreview, TradePoint, preview, trade
from qa.draws.publishing import Progress, PublishedDraw, publish
from qa.draws.receipts import (
    DrawView,
    ReceiptFile,
    Verification,
    export_receipt,
    get_draw,
    list_draws,
    read_receipt,
    receipt_from_file,
    receipt_json,
    receipt_of,
    samples,
    verify,
)
from qa.draws.replacing import Replaced, replace
from qa.draws.stopping import Stopping, leave_out, put_back, stopping, sweep
from scoring.draw import Goal

__all__ = [
    "PREDICTORS",
    "Closeness",
    "DrawView",
    "Goal",
    "GoalOutlook",
    "Load",
    "Period",
    "PlanChoices",
    "PlanDesign",
    "PlanPreview",
    "PlanView",
    "Progress",
    "PublishedDraw",
    "ReceiptFile",
    "Replaced",
    "RubricChoice",
    "SourceQuota",
    "Stopping",
    "TradePoint",
    "Verification",
    "archive_plan",
    "choices",
    "create_plan",
    "edit_plan",
    "export_receipt",
    "get_draw",
    "get_plan",
    "leave_out",
    "list_draws",
    "list_plans",
    "preview",
    "publish",
    "put_back",
    "read_receipt",
    "receipt_from_file",
    "receipt_json",
    "receipt_of",
    "replace",
    "samples",
    "stopping",
    "sweep",
    "trade",
    "verify",
    "with_versions",
]
