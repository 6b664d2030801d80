"""The fields an import can fill, per kind of file, and the header names they usually have. It reads no files."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from qa.i18n import N_

if TYPE_CHECKING:
    from opencc import OpenCC

LONGEST_HEADER = 80

KINDS: Mapping[str, str] = {
    "conversations": N_("Chats with their messages"),
    "sessions": N_("Session list (no messages)"),
    "disputes": N_("Refunds and disputes"),
    "dispute_messages": N_("Messages of refunds and disputes"),
    "ratings": N_("Service ratings"),
    "agents": N_("Agent roster"),
}


@dataclass(frozen=True)
class Field:
    """One field: `type` is text, time, role, score, money, integer or date; `names` are usual headers, folded."""

    name: str
    label: str
    type: str
    names: tuple[str, ...]
    required: bool = False


def _field(name: str, label: str, type_: str, names: str, required: bool = False) -> Field:
    return Field(name, label, type_, tuple(fold(n) for n in (name, *names.split())), required)


@lru_cache(maxsize=1)
def _simplifier() -> OpenCC:
    from opencc import OpenCC  # reads its dictionaries

    return OpenCC("t2s")


@lru_cache(maxsize=20_000)
def simplified(text: str) -> str:
    """A short text without case and width, in simplified characters."""
    folded = unicodedata.normalize("NFKC", text).casefold().strip()
    return folded if folded.isascii() else _simplifier().convert(folded).replace("暱", "昵")


@lru_cache(maxsize=20_000)
def fold(header: str) -> str:
    """A header without case, width, spaces, punctuation and remarks in brackets, in simplified characters.

    `Session ID`, `session_id` and `sessionId` agree, and so do `＊會話ＩＤ（必填）` and `会话id`.
    """
    if len(header) > LONGEST_HEADER:
        return ""
    text = simplified(header)
    bare = re.sub(r"[(\[【].*?[)\]】]", "", text)
    return "".join(c for c in bare if c.isalnum()) or "".join(c for c in text if c.isalnum())


_CONVERSATION = _field(
    "conversation_id",
    N_("Conversation id"),
    "text",
    "会话ID 会话编号 会话id 对话ID 服务记录ID chat_id session_id ticket_id sid 会话标识 tid 咨询ID 咨询编号 会话号"
    " 会话编码 聊天ID 聊天编号 接待ID 接待编号 conversation conversation_sid conv_id thread_id 服务单号 sessionno",
)
_AGENT = _field(
    "agent_id",
    N_("Agent id"),
    "text",
    "客服账号 客服ID 客服工号 客服 坐席 坐席ID 接待客服 客服昵称 工号 旺旺子账号 子账号 staff_id waiter waiter_id"
    " assignee_email assignee operator 客服人员 客服名 接待客服昵称 接待账号 客服旺旺 服务人员 员工账号 客服帐号 "
    "坐席账号 坐席工号 座席 座席ID 接待人 接待人员 责任客服 kefu"
    " seller_account agent",
)
_AGENT_NAME = _field(
    "agent_name",
    N_("Agent name"),
    "text",
    "客服姓名 客服名称 坐席姓名 waiter_name staff_name assignee_name 客服昵称名 座席姓名",
)
_CUSTOMER = _field(
    "customer_id",
    N_("Customer id"),
    "text",
    "买家昵称 买家 客户ID 客户 顾客 顾客ID 用户ID 买家旺旺 buyer_nick buyer customer user_id customer_email visitor_id"
    " buyer_id 用户昵称 客户昵称 买家名称 买家会员名 买家账号 买家ID 客户名称 客户姓名 顾客昵称 访客 访客名称 访客ID"
    " 会员名 会员昵称 咨询人 顾客名称 顾客旺旺 买家名 买家旺旺号 客户账号 用户名 用户名称 访客昵称 咨询者 consumer "
    "contact_id requester customer_name visitor_name open_uid",
)
_SHOP = _field(
    "shop",
    N_("Shop"),
    "text",
    "店铺 店铺名称 店铺名 店 shop_name store seller_nick 店铺ID 商家名称 网店 shop_title mall_name",
)
_CHANNEL = _field(
    "channel", N_("Channel"), "text", "渠道 来源渠道 平台 from_type 会话来源 接入渠道 咨询渠道 source_channel platform"
)
_ORDER = _field(
    "order_id",
    N_("Order id"),
    "text",
    "订单号 订单编号 订单ID 主订单号 order_no order trade_id biz_order_id 交易单号 关联订单 关联订单号 订单 平台订单号"
    " 子订单号",
)

FIELDS: Mapping[str, tuple[Field, ...]] = {
    "conversations": (
        _CONVERSATION,
        _field(
            "text",
            N_("Text"),
            "text",
            "消息内容 内容 消息 聊天内容 文本 content message msg words comment body 讯息内容 信息内容 发送内容"
            " 对话内容 消息正文 正文 聊天消息 发言内容 对话文本 message_text message_body body_text message_content",
            True,
        ),
        _field(
            "transcript",
            N_("Whole chat in one cell"),
            "text",
            "聊天记录 会话记录 会话内容 对话记录 聊天明细 chat_transcript chat_log conversation_text full_transcript",
        ),
        _field(
            "role",
            N_("Who spoke"),
            "role",
            "发送方 角色 消息方向 发送者类型 身份 sender sender_type speaker direction from_role identity"
            " is_from_waiter owner_role 方向 发送方角色 发送人角色 发送人类型 发言人类型 发言方 用户类型 消息来源"
            " 说话方 发送身份 消息发送方 发话人角色 说话人角色 from_type sender_role author_type author_role "
            "sender_kind",
        ),
        _field(
            "sender_id",
            N_("Account that spoke"),
            "text",
            "发送者 发送人 发言人 发送者账号 发送人昵称 发送人名称 发送者昵称 发送方昵称 发送方账号 发言者 说话人 from"
            " 消息发送者 消息发送人 发送账号 from_user author author_email from_name sender_name author_name from_id "
            "name nickname 昵称",
        ),
        _field(
            "receiver_id",
            N_("Account that was spoken to"),
            "text",
            "接收者 接收人 接收方 收件人 接收者账号 receiver recipient to to_user to_id to_name tolist 对方",
        ),
        _field(
            "sent_at",
            N_("Sent at"),
            "time",
            "消息时间 发送时间 时间 聊天时间 消息发送时间 发言时间 ts time timestamp sent_time send_time created"
            " 消息发送日期 聊天日期时间 sent_on createdat created_on create_at createtime msg_time message_time "
            "发送日期时间 date 创建时间"
            " created_datetime sent_datetime timestamp_ms",
        ),
        _field(
            "sent_date",
            N_("Date, where the time has none"),
            "text",
            "日期 消息日期 发送日期 聊天日期 sent_date message_date day",
        ),
        _field("seq", N_("Number in the conversation"), "integer", "消息序号 序号 message_no no index"),
        _field("message_id", N_("Message id"), "text", "消息ID 消息编号 msg_id"),
        _field("kind", N_("Kind of message"), "text", "消息类型 类型 内容类型 message_type msg_type content_type type"),
        _field(
            "private",
            N_("Private note"),
            "flag",
            "is_private internal is_internal 内部备注 是否备注 是否私密 仅内部可见 private_note",
        ),
        _field(
            "automatic",
            N_("Automatic reply"),
            "flag",
            "auto_reply is_auto_reply is_bot is_robot 是否自动回复 自动回复 是否机器人 机器人消息 automated",
        ),
        _AGENT,
        _AGENT_NAME,
        _CUSTOMER,
        _SHOP,
        _CHANNEL,
        _ORDER,
        _field("started_at", N_("Started at"), "time", "会话开始时间 开始时间 接入时间 start_time start begin_time"),
        _field("ended_at", N_("Ended at"), "time", "会话结束时间 结束时间 end_time end closed"),
        _field(
            "satisfaction",
            N_("Satisfaction"),
            "score",
            "满意度 评价 评价结果 evaluation satisfaction_score csat rating",
        ),
    ),
    "sessions": (
        _field(
            "conversation_id", N_("Conversation id"), "text", "会话ID 会话编号 session_id 服务记录ID id 对话ID", True
        ),
        _AGENT,
        _AGENT_NAME,
        _CUSTOMER,
        _SHOP,
        _CHANNEL,
        _ORDER,
        _field("started_at", N_("Started at"), "time", "会话开始时间 开始时间 接入时间 start_time start"),
        _field("ended_at", N_("Ended at"), "time", "会话结束时间 结束时间 end_time end"),
        _field("satisfaction", N_("Satisfaction"), "score", "满意度 评价 评价结果 evaluation satisfaction_score csat"),
    ),
    "disputes": (
        _field(
            "dispute_id",
            N_("Dispute id"),
            "text",
            "退款编号 退款单号 退款ID 纠纷编号 纠纷ID 售后单号 售后编号 refund_id case_id",
            True,
        ),
        _field("conversation_id", N_("Conversation id"), "text", "会话ID 会话编号 session_id"),
        _AGENT,
        _ORDER,
        _CUSTOMER,
        _SHOP,
        _field(
            "opened_at",
            N_("Opened at"),
            "time",
            "申请时间 退款申请时间 退款的申请时间 售后申请时间 创建时间 发起时间 created create_time",
            True,
        ),
        _field(
            "closed_at",
            N_("Closed at"),
            "time",
            "完结时间 结束时间 关闭时间 退款完结时间 退款完结的时间 end_time closed modified",
        ),
        _field(
            "due_at",
            N_("Deadline"),
            "time",
            "超时时间 截止时间 处理截止时间 超时截止时间 time_out timeout due deadline",
        ),
        _field("dispute_type", N_("Type"), "text", "退款类型 售后类型 纠纷类型 dispute_request type"),
        _field("phase", N_("Phase"), "text", "退款阶段 售中售后 售中或售后 refund_phase"),
        _field("status", N_("Status"), "text", "退款状态 状态 售后状态"),
        _field("cs_status", N_("Platform intervention"), "status", "小二介入状态 介入状态 平台介入 客服介入状态"),
        _field("reason", N_("Reason"), "text", "退款原因 原因 申请原因"),
        _field("description", N_("Description"), "text", "退款说明 买家退款说明 说明 描述 desc"),
        _field("title", N_("Item"), "text", "宝贝标题 商品标题 商品名称 商品 item item_title"),
        _field("refund_fee", N_("Refund"), "money", "退款金额 退款额 申请退款金额 买家退款金额 refund_amount"),
        _field("total_fee", N_("Order total"), "money", "订单金额 交易金额 实付金额 total payment 买家实际支付金额"),
        _field(
            "freight",
            N_("Freight paid"),
            "money",
            "运费 退运费 运费补偿 承担运费 退货运费 freight postage shipping_fee",
        ),
        _field("compensation", N_("Compensation"), "money", "补偿金额 赔付金额 赔偿金额 补偿 赔付 compensation"),
        _field(
            "sent_out_at",
            N_("Goods sent"),
            "time",
            "发货时间 订单发货时间 卖家发货时间 出库时间 consign_time shipped_at",
        ),
        _field(
            "delivered_at",
            N_("Goods delivered"),
            "time",
            "签收时间 物流签收时间 确认收货时间 收货时间 delivered_at delivery_time",
        ),
        _field(
            "returned_at",
            N_("Goods sent back"),
            "time",
            "退货时间 买家退货时间 退货发货时间 买家发货时间 寄回时间 good_return_time returned_at",
        ),
        _field(
            "carrier",
            N_("Carrier"),
            "text",
            "退货物流公司 退货物流 退货快递公司 物流公司 快递公司 物流 company_name carrier",
        ),
    ),
    "dispute_messages": (
        _field("dispute_id", N_("Dispute id"), "text", "退款编号 退款单号 退款ID refund_id", True),
        _field("text", N_("Text"), "text", "留言内容 内容 content message", True),
        _field("role", N_("Who spoke"), "role", "角色 留言方 owner_role sender", True),
        _field("sent_at", N_("Sent at"), "time", "留言时间 时间 created time"),
    ),
    "ratings": (
        _field("rating_id", N_("Rating id"), "text", "评价ID 评价编号 id"),
        _field(
            "score",
            N_("Score"),
            "score",
            "评分 评价结果 评价 满意度 eval_code rating star 星级 评价等级 服务评分 csat",
            True,
        ),
        _field("rated_at", N_("Rated at"), "time", "评价时间 eval_time time created 评分时间", True),
        _field("conversation_id", N_("Conversation id"), "text", "会话ID 会话编号 session_id"),
        Field("agent_id", N_("Agent id"), "text", (*_AGENT.names, "evalsender")),
        Field("customer_id", N_("Customer id"), "text", (*_CUSTOMER.names, "evalrecer", "openuid")),
        _ORDER,
        _SHOP,
        _field("label", N_("Label"), "text", "评价标签 标签 label_name tag"),
        _field("comment", N_("Comment"), "text", "评价内容 评价备注 留言 evaluation_remark satisfaction_comment text"),
        _field("origin", N_("Origin"), "text", "评价来源 来源 source"),
    ),
    "agents": (
        Field("agent_id", N_("Agent id"), "text", (*_AGENT.names, "id", "账号", "login"), True),
        _field("name", N_("Name"), "text", "姓名 客服姓名 名称 昵称 display_name agent_name"),
        _field("team", N_("Team"), "text", "组 小组 班组 团队 分组 部门 group"),
        _SHOP,
        _field("stage", N_("Stage"), "text", "岗位 售前售后 阶段 role position 类型"),
        _field("grade", N_("Grade"), "text", "等级 职级 级别 level"),
        _field("hired_on", N_("Hired on"), "date", "入职日期 入职时间 hire_date hired start_date"),
        _field("left_on", N_("Left on"), "date", "离职日期 离职时间 leave_date left end_date"),
    ),
}


def suggest(kind: str, headers: tuple[str, ...]) -> dict[str, str]:
    """Field → header for the headers whose name is usual for a field of `kind`; a header serves one field."""
    found: dict[str, str] = {}
    free = list(headers)
    names = _by_name(headers)
    for place in range(max(len(field.names) for field in FIELDS[kind])):  # better names first, over all fields
        for field in FIELDS[kind]:
            if field.name in found or place >= len(field.names):
                continue
            match = next((h for h in _of_field(field, names.get(field.names[place], ())) if h in free), None)
            if match:
                found[field.name] = match
                free.remove(match)
    return found


INNER = frozenset(
    (
        "text",
        "role",
        "sender_id",
        "receiver_id",
        "sent_at",
        "sent_date",
        "seq",
        "message_id",
        "kind",
        "private",
        "automatic",
    )
)
"""Fields of a message: a column of the message wins over one of the conversation around it, and not the other way
round."""


def _by_name(headers: tuple[str, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for header in headers:
        tail = header.rsplit("[].", 1)[-1]
        if "→" in tail:  # what a list of participants says of who spoke
            names = ["sendertype" if tail.endswith("→type") else "sendername"]
        else:
            names = [fold(tail), fold(tail.rsplit(".", 1)[-1]) if "." in tail else ""]
            names += [name.removesuffix("utc").removesuffix("gmt") for name in names if name.endswith(("utc", "gmt"))]
        for name in dict.fromkeys(names):
            if name:
                found.setdefault(name, []).append(header)
    return found


def _of_field(field: Field, headers: Iterable[str]) -> list[str]:
    """The headers that may serve `field`, the best first: of a message its own columns, of a conversation those around
    it."""
    inside = field.name in INNER
    depth = {header: header.count("[].") for header in headers}
    if inside and any(depth.values()):
        return sorted(depth, key=lambda header: (-depth[header], header.count(".")))
    return sorted(depth, key=lambda header: (depth[header], header.count(".")))


def is_public(header: str) -> bool:
    """Whether a column says of a message that the customer can see it."""
    return fold(header.rsplit("[].", 1)[-1]) in ("public", "ispublic", "公开", "是否公开")


def guess_kind(headers: tuple[str, ...]) -> str:
    """The kind whose required fields the headers fill best. A list of ids and names alone is no roster."""
    best, best_score = "conversations", -1.0
    for kind, fields in FIELDS.items():
        found = suggest(kind, headers)
        required = [field.name for field in fields if field.required]
        if any(name not in found for name in required) and not (kind == "conversations" and "transcript" in found):
            continue
        if (
            kind == "agents"
            and not {"team", "stage", "grade", "hired_on"} & set(found)
            and fold(found["agent_id"]) in ("id", "账号", "login")
        ):
            continue
        score = len(found) / max(len(headers), 1) + 0.1 * len(required)
        if kind == "conversations" and {"role", "sender_id"} & set(found):
            score += 1
        if score > best_score:
            best, best_score = kind, score
    return best
