"""Mappings for the exports shops really have. A preset fits a file when the headers it is known by are all there.

Field names follow the official API definitions where there are any; values of roles and scores are editable like any
mapping. A preset never reads a file.
"""

from __future__ import annotations

from dataclasses import dataclass

from qa.i18n import N_
from qa.ingest.mapping import Mapping

AGENT_OR_CUSTOMER = {"0": "agent", "1": "customer"}
SERVICE_EVALUATION = {"0": "5", "1": "4", "2": "3", "3": "2", "4": "1"}
QIYU_EVALUATION = {"100": "5", "75": "4", "50": "3", "25": "2", "1": "1"}


@dataclass(frozen=True)
class Preset:
    """One known export: what it is called, what it holds, how it is recognised and mapped."""

    id: str
    name: str
    kind: str
    known_by: tuple[str, ...]
    mapping: Mapping


def _preset(id_: str, name: str, kind: str, known_by: str, columns: dict[str, str], **rest: object) -> Preset:
    return Preset(id_, name, kind, tuple(known_by.split()), Mapping(columns=columns, preset=id_, **rest))  # type: ignore[arg-type]


PRESETS: tuple[Preset, ...] = (
    _preset(
        "spotcheck",
        N_("Spotcheck conversations (nested)"),
        "conversations",
        "conversation_id agent_id messages[].sender messages[].text messages[].ts",
        {
            "conversation_id": "conversation_id",
            "agent_id": "agent_id",
            "agent_name": "agent_name",
            "customer_id": "customer_id",
            "shop": "shop",
            "channel": "channel",
            "order_id": "order_id",
            "started_at": "started_at",
            "ended_at": "ended_at",
            "satisfaction": "satisfaction",
            "text": "messages[].text",
            "role": "messages[].sender",
            "sent_at": "messages[].ts",
            "seq": "messages[].seq",
            "kind": "messages[].kind",
            "sender_id": "messages[].agent_id",
        },
    ),
    _preset(
        "spotcheck-rows",
        N_("Spotcheck messages (one a row)"),
        "conversations",
        "conversation_id sender text ts",
        {
            "conversation_id": "conversation_id",
            "agent_id": "agent_id",
            "agent_name": "agent_name",
            "customer_id": "customer_id",
            "shop": "shop",
            "channel": "channel",
            "order_id": "order_id",
            "started_at": "started_at",
            "ended_at": "ended_at",
            "satisfaction": "satisfaction",
            "text": "text",
            "role": "sender",
            "sent_at": "ts",
            "seq": "seq",
            "kind": "kind",
            "message_id": "message_id",
        },
    ),
    _preset(
        "qiyu-sessions",
        N_("Qiyu-style sessions"),
        "sessions",
        "id staffId userId startTime",
        {
            "conversation_id": "id",
            "agent_id": "staffId",
            "agent_name": "nickName",
            "customer_id": "userId",
            "channel": "fromType",
            "started_at": "startTime",
            "ended_at": "endTime",
            "satisfaction": "evaluation",
        },
        values={"satisfaction": QIYU_EVALUATION},
    ),
    _preset(
        "qiyu-messages",
        N_("Qiyu-style messages"),
        "conversations",
        "sessionId from content time",
        {
            "conversation_id": "sessionId",
            "role": "from",
            "text": "content",
            "sent_at": "time",
            "agent_id": "staffId",
            "customer_id": "userId",
            "message_id": "msgId",
            "kind": "mType",
        },
        values={"role": {"0": "agent", "1": "customer", "2": "bot"}},
    ),
    _preset(
        "jd-chatlog",
        N_("JD Dongdong chat log (nested)"),
        "conversations",
        "sessionId chatMessages[].isFromWaiter chatMessages[].content",
        {
            "conversation_id": "sessionId",
            "agent_id": "waiterName",
            "customer_id": "userId",
            "role": "chatMessages[].isFromWaiter",
            "text": "chatMessages[].content",
            "sent_at": "chatMessages[].timestamp",
            "order_id": "orderId",
        },
        values={"role": {"true": "agent", "false": "customer", "1": "agent", "0": "customer"}},
        constants={"channel": "jd"},
    ),
    _preset(
        "jd-chatlog-rows",
        N_("JD Dongdong chat log"),
        "conversations",
        "sessionId isFromWaiter content timestamp",
        {
            "conversation_id": "sessionId",
            "agent_id": "waiterName",
            "customer_id": "userId",
            "role": "isFromWaiter",
            "text": "content",
            "sent_at": "timestamp",
            "order_id": "orderId",
        },
        values={"role": {"true": "agent", "false": "customer", "1": "agent", "0": "customer"}},
        constants={"channel": "jd"},
    ),
    _preset(
        "taobao-chatlog",
        N_("Taobao Wangwang chat log (nested)"),
        "conversations",
        "from_id to_id msgs[].direction msgs[].time msgs[].content",
        {
            "agent_id": "from_id",
            "customer_id": "to_id",
            "role": "msgs[].direction",
            "sent_at": "msgs[].time",
            "text": "msgs[].content",
        },
        values={"role": AGENT_OR_CUSTOMER},
        constants={"channel": "wangwang"},
    ),
    _preset(
        "taobao-chatlog-rows",
        N_("Taobao Wangwang chat log"),
        "conversations",
        "from_id to_id direction time content",
        {"agent_id": "from_id", "customer_id": "to_id", "role": "direction", "sent_at": "time", "text": "content"},
        values={"role": AGENT_OR_CUSTOMER},
        constants={"channel": "wangwang"},
    ),
    _preset(
        "taobao-refund",
        N_("Taobao refunds"),
        "disputes",
        "RefundId Created Status RefundFee",
        {
            "dispute_id": "RefundId",
            "order_id": "Tid",
            "customer_id": "BuyerNick",
            "shop": "SellerNick",
            "opened_at": "Created",
            "closed_at": "Modified",
            "dispute_type": "DisputeType",
            "phase": "RefundPhase",
            "status": "Status",
            "cs_status": "CsStatus",
            "reason": "Reason",
            "description": "Desc",
            "title": "Title",
            "refund_fee": "RefundFee",
            "total_fee": "TotalFee",
        },
    ),
    _preset(
        "tmall-dispute",
        N_("Tmall disputes"),
        "disputes",
        "BizOrderId RefundId DisputeRequest Status",
        {
            "dispute_id": "RefundId",
            "order_id": "BizOrderId",
            "dispute_type": "DisputeRequest",
            "status": "Status",
            "reason": "Reason",
            "description": "Desc",
            "refund_fee": "RefundFee",
            "opened_at": "Created",
            "closed_at": "TimeOut",
        },
        values={"dispute_type": {"仅退款": "REFUND", "退货退款": "REFUND_AND_RETURN", "换货": "TMALL_EXCHANGE"}},
    ),
    _preset(
        "taobao-refund-messages",
        N_("Taobao refund messages"),
        "dispute_messages",
        "RefundId OwnerRole Content Created",
        {"dispute_id": "RefundId", "role": "OwnerRole", "text": "Content", "sent_at": "Created"},
        values={"role": {"1": "customer", "2": "agent", "3": "platform"}},
    ),
    _preset(
        "taobao-evaluation",
        N_("Taobao service ratings (EvalDetail)"),
        "ratings",
        "EvalSender EvalTime EvalCode",
        {
            "agent_id": "EvalSender",
            "customer_id": "EvalRecer",
            "rated_at": "EvalTime",
            "score": "EvalCode",
            "label": "LabelName",
            "origin": "Source",
        },
        values={"score": SERVICE_EVALUATION, "origin": {"0": "agent_invited", "1": "buyer", "2": "system"}},
    ),
    _preset(
        "klaus",
        N_("Klaus import"),
        "conversations",
        "id comments[].authorIsNotClient comments[].comment comments[].created",
        {
            "conversation_id": "id",
            "agent_id": "assigneeEmail",
            "agent_name": "assigneeName",
            "customer_id": "customerEmail",
            "channel": "channel",
            "started_at": "created",
            "ended_at": "closed",
            "satisfaction": "satisfactionScore",
            "text": "comments[].comment",
            "role": "comments[].authorIsNotClient",
            "sender_id": "comments[].authorEmail",
            "sent_at": "comments[].created",
            "message_id": "comments[].id",
        },
        values={"role": {"true": "agent", "false": "customer"}},
        scales={"satisfaction": 100},
    ),
    _preset(
        "spotcheck-agents",
        N_("Spotcheck roster"),
        "agents",
        "agent_id name team",
        {
            "agent_id": "agent_id",
            "name": "name",
            "team": "team",
            "shop": "shop",
            "stage": "stage",
            "grade": "grade",
            "hired_on": "hired_on",
            "left_on": "left_on",
        },
    ),
)
BY_ID = {preset.id: preset for preset in PRESETS}


def fitting(preset: Preset, headers: tuple[str, ...]) -> Mapping:
    """The preset's mapping without the columns this file does not have."""
    columns = {name: header for name, header in preset.mapping.columns.items() if header in headers}
    return Mapping(**{**preset.mapping.__dict__, "columns": columns})


def recognise(headers: tuple[str, ...]) -> Preset | None:
    """The preset that knows most of `headers` among those that fit."""
    present = set(headers)
    fits = [preset for preset in PRESETS if present.issuperset(preset.known_by)]
    return max(fits, key=lambda p: (len(p.known_by), len(present & set(p.mapping.columns.values()))), default=None)
