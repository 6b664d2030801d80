"""Words of exports and what they mean: roles, kinds of messages, yes and no, states of disputes, scores."""

from __future__ import annotations

import re
from collections.abc import Mapping

ROLES: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "customer",
            "client",
            "buyer",
            "user",
            "visitor",
            "end_user",
            "enduser",
            "end-user",
            "contact",
            "consumer",
            "guest",
            "incoming",
            "inbound",
            "in",
            "顾客",
            "客户",
            "买家",
            "用户",
            "访客",
            "消费者",
            "客人",
            "会员",
            "进线",
            "客户消息",
            "用户消息",
        ),
        "customer",
    ),
    **dict.fromkeys(
        (
            "agent",
            "seller",
            "staff",
            "waiter",
            "operator",
            "admin",
            "teammate",
            "merchant",
            "service",
            "kefu",
            "mall_cs",
            "outgoing",
            "outbound",
            "out",
            "客服",
            "卖家",
            "商家",
            "坐席",
            "人工",
            "人工客服",
            "店铺",
            "客服人员",
            "在线客服",
            "接待客服",
            "座席",
            "客服消息",
            "坐席消息",
        ),
        "agent",
    ),
    **dict.fromkeys(
        (
            "bot",
            "robot",
            "chatbot",
            "automated_agent",
            "assistant",
            "automation",
            "trigger",
            "virtual_agent",
            "机器人",
            "智能客服",
            "自动回复",
            "服务助手",
            "智能机器人",
            "机器人客服",
            "智能助手",
            "店小蜜",
            "ai客服",
            "机器人消息",
        ),
        "bot",
    ),
    **dict.fromkeys(
        (
            "system",
            "系统",
            "系统消息",
            "系统提示",
            "系统通知",
            "notice",
            "notification",
            "activity",
            "event",
            "会话提示",
        ),
        "system",
    ),
    **dict.fromkeys(("platform", "小二", "平台", "平台小二", "官方", "平台客服", "官方客服"), "platform"),
}
"""Words for who spoke. In a column that tells apart people of an app, “User” may be the agent: presets say so."""


NOTHING = (
    r"null|nil|none|nan|undefined|n/?a|#n/?a|\\n|-+|—+|–+|\"\"|''"
    r"|[(\[<（【](?:null|nil|none|nan|undefined|empty|无|空)[)\]>）】]"
)
"""How programs write that a cell holds nothing, as a pattern without case."""
NO_ANSWER = NOTHING + r"|unknown|无|暂无|空|未知|[/_.]+"
"""How people write it; a customer may bear such a name, an id may not."""
_NOTHING, _NO_ANSWER = re.compile(NOTHING, re.IGNORECASE), re.compile(NO_ANSWER, re.IGNORECASE)


def is_nothing(cell: str, name: bool) -> bool:
    """Whether a cell, without space around it, says that there is nothing. `name`: somebody may be called so."""
    return (_NOTHING if name else _NO_ANSWER).fullmatch(cell) is not None


MESSAGE_KINDS: Mapping[str, str] = {
    **dict.fromkeys(
        ("text", "文本", "文字", "1", "0", "", "message", "comment", "emoji", "emoticon", "表情", "普通消息"), "text"
    ),
    **dict.fromkeys(("image", "picture", "pic", "photo", "图片", "sticker", "emotion", "截图"), "image"),
    **dict.fromkeys(
        (
            "card",
            "product",
            "order",
            "link",
            "卡片",
            "商品",
            "订单",
            "商品卡片",
            "链接",
            "weapp",
            "location",
            "位置",
            "订单卡片",
            "小程序",
            "mixed",
        ),
        "card",
    ),
    **dict.fromkeys(("file", "video", "audio", "voice", "文件", "视频", "语音", "附件", "attachment"), "file"),
    **dict.fromkeys(
        ("note", "private_note", "internal_note", "internal note", "备注", "内部备注", "便签", "私密备注"), "note"
    ),
    **dict.fromkeys(
        ("recall", "recalled", "revoke", "revoked", "withdrawn", "deleted", "撤回", "已撤回", "消息撤回", "撤回消息"),
        "recalled",
    ),
    **dict.fromkeys(
        (
            "system",
            "system_message",
            "系统",
            "系统消息",
            "系统提示",
            "系统通知",
            "通知",
            "提示",
            "notification",
            "notice",
            "activity",
            "event",
            "chat.memberjoin",
            "chat.memberleave",
            "assignment",
            "close",
            "open",
        ),
        "system",
    ),
}
"""Notes, recalled messages and system lines stay in the chat, but nobody said them to the other side."""


ASIDES = ("note", "recalled", "system")


YES: Mapping[str, str] = {
    **dict.fromkeys(("1", "true", "t", "yes", "y", "是", "有", "√", "private", "internal", "内部"), "yes"),
    **dict.fromkeys(("0", "false", "f", "no", "n", "否", "无", "", "public", "公开"), "no"),
}


INTERVENTIONS: Mapping[str, str] = {
    **dict.fromkeys(("不需要客服介入", "无需客服介入", "未申请客服介入", "未介入", "不需要介入", "无"), "1"),
    **dict.fromkeys(("需要客服介入", "申请客服介入", "待客服介入", "需要介入", "等待客服介入"), "2"),
    **dict.fromkeys(("客服已经介入", "客服已介入", "已介入", "小二已介入", "客服介入中", "介入中"), "3"),
    **dict.fromkeys(("客服初审完成", "初审完成"), "4"),
    **dict.fromkeys(("客服主管复审失败", "复审失败"), "5"),
    **dict.fromkeys(("客服处理完成", "处理完成", "客服介入完成", "介入完成"), "6"),
    **dict.fromkeys(("撤销客服介入", "已撤销", "撤销介入"), "7"),
    "支持买家": "8",
    "支持卖家": "9",
    **dict.fromkeys(("举证中", "等待举证"), "10"),
    "申诉中": "11",
}
"""The platform's state of its intervention in a dispute (Taobao CsStatus) in words."""


SCORES: Mapping[str, str] = {
    **{str(n): str(n) for n in range(1, 6)},
    **{f"{n}星": str(n) for n in range(1, 6)},
    "非常满意": "5",
    "很满意": "5",
    "满意": "4",
    "一般": "3",
    "不满意": "2",
    "非常不满意": "1",
    "很不满意": "1",
    "好评": "5",
    "中评": "3",
    "差评": "1",
    "very satisfied": "5",
    "satisfied": "4",
    "neutral": "3",
    "unsatisfied": "2",
    "dissatisfied": "2",
    "very unsatisfied": "1",
    "very dissatisfied": "1",
    "good": "5",
    "bad": "1",
    "offered": "",
    "unoffered": "",
    "未评价": "",
    "未评": "",
    "": "",
    "五星": "5",
    "四星": "4",
    "三星": "3",
    "二星": "2",
    "两星": "2",
    "一星": "1",
    "great": "5",
    "amazing": "5",
    "ok": "3",
    "okay": "3",
    "terrible": "1",
}
