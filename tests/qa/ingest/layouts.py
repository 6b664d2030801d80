"""Made-up exports in the layouts of real systems: what a file holds, and what must come of it.

Every layout tells the same little chat: the customer asks at 10:00:01, the agent answers at 10:01:01 (business time).
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ASKED, ANSWERED = "Is it in stock?", "Yes, two left"
AT = 1772330401  # 2026-03-01 10:00:01 in Shanghai
LATER = AT + 60


@dataclass(frozen=True)
class Layout:
    """One layout. `by_hand`: options of the command line that a person adds; `roles` and `texts` in order, of what was
    said to the other side; `aside` counts notes and system lines; `timed` whether messages have the times above."""

    name: str
    file: str
    content: str | bytes
    agent: str | None
    customer: str | None
    by_hand: tuple[str, ...] = ()
    preset: str = ""
    aside: int = 0
    bots: int = 0
    kind: str = "conversations"
    timed: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict)


def lines(records: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def document(record: Any) -> str:
    return json.dumps(record, ensure_ascii=False, indent=1)


def table(*rows: str) -> str:
    return "\n".join(rows) + "\n"


def packed(**files: str | bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return buffer.getvalue()


WANGWANG = table(
    "tb春风(2026-03-01 10:00:01):",
    ASKED,
    "青禾旗舰店:小叶(2026-03-01 10:01:01):",
    ANSWERED.split(",")[0] + ",",
    ANSWERED.split(", ")[1],
)
MHT = (
    'From: <Saved>\r\nSubject: chat\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset="gb2312"\r\n'
    "Content-Transfer-Encoding: 8bit\r\n\r\n"
)
HTML = (
    "<html><head><style>p{color:red}</style></head><body>"
    f"<div><b>tb春风</b>(2026-03-01 10:00:01):</div><div>{ASKED}</div>"
    f"<div><b>青禾旗舰店:小叶</b>(2026-03-01 10:01:01):</div><div>{ANSWERED}</div></body></html>"
)

LAYOUTS: tuple[Layout, ...] = (
    Layout("wangwang html", "旺旺.html", HTML, "青禾旗舰店:小叶", "tb春风", preset="transcript"),
    Layout(
        "wangwang mht",
        "旺旺.mht",
        MHT.encode() + HTML.encode("gb18030"),
        "青禾旗舰店:小叶",
        "tb春风",
        preset="transcript",
    ),
    Layout(
        "qianniu rows",
        "千牛.csv",
        table(
            "时间,发送者,接收者,消息内容",
            f"2026-03-01 10:00:01,tb春风,青禾旗舰店:小叶,{ASKED}",
            f'2026-03-01 10:01:01,青禾旗舰店:小叶,tb春风,"{ANSWERED}"',
        ),
        "青禾旗舰店:小叶",
        "tb春风",
        preset="qianniu-rows",
    ),
    Layout(
        "jd raw",
        "jd.json",
        document(
            {
                "jingdong_im_pop_chatlog_get_responce": {
                    "code": "0",
                    "ChatLogPage": {
                        "total": 2,
                        "chatLogList": [
                            {
                                "sid": "s1",
                                "customer": "jd_a",
                                "waiter": "青禾-小叶",
                                "content": ASKED,
                                "time": AT * 1000,
                                "waiterSend": False,
                            },
                            {
                                "sid": "s1",
                                "customer": "jd_a",
                                "waiter": "青禾-小叶",
                                "content": ANSWERED,
                                "time": LATER * 1000,
                                "waiterSend": True,
                            },
                        ],
                    },
                }
            }
        ),
        "青禾-小叶",
        "jd_a",
        preset="jd-chatlog-rows",
    ),
    Layout(
        "pdd",
        "pdd.json",
        document(
            [
                {
                    "msg_id": "1",
                    "from": {"role": "user", "uid": "778899"},
                    "to": {"role": "mall_cs", "mall_id": "5", "csid": "青禾店:小叶"},
                    "content": ASKED,
                    "ts": str(AT),
                    "type": 0,
                },
                {
                    "msg_id": "2",
                    "from": {"role": "mall_cs", "mall_id": "5", "csid": "青禾店:小叶"},
                    "to": {"role": "user", "uid": "778899"},
                    "content": ANSWERED,
                    "ts": str(LATER),
                    "type": 0,
                },
            ]
        ),
        "青禾店:小叶",
        "778899",
        preset="pdd-messages",
    ),
    Layout(
        "feige rows",
        "飞鸽.csv",
        table(
            "会话ID,店铺名称,客服昵称,用户昵称,发送时间,发送方,消息类型,消息内容",
            f"70,青禾,小叶,用户3,2026/3/1 10:00:01,用户,文本,{ASKED}",
            f'70,青禾,小叶,用户3,2026/3/1 10:01:01,客服,文本,"{ANSWERED}"',
            "70,青禾,小叶,用户3,2026/3/1 10:02:00,系统,系统消息,用户已离开",
        ),
        "小叶",
        "用户3",
        preset="feige-rows",
        aside=1,
    ),
    Layout(
        "wecom",
        "wecom.jsonl",
        lines(
            [
                {
                    "msgid": "a1",
                    "action": "send",
                    "from": "wmQ1",
                    "tolist": ["XiaoYe"],
                    "roomid": "",
                    "msgtime": AT * 1000,
                    "msgtype": "text",
                    "text": {"content": ASKED},
                },
                {
                    "msgid": "a2",
                    "action": "send",
                    "from": "XiaoYe",
                    "tolist": ["wmQ1"],
                    "roomid": "",
                    "msgtime": LATER * 1000,
                    "msgtype": "text",
                    "text": {"content": ANSWERED},
                },
                {
                    "msgid": "a3",
                    "action": "recall",
                    "from": "XiaoYe",
                    "tolist": ["wmQ1"],
                    "roomid": "",
                    "msgtime": (LATER + 9) * 1000,
                    "msgtype": "revoke",
                    "revoke": {"pre_msgid": "a2"},
                },
            ]
        ),
        "XiaoYe",
        "wmQ1",
        preset="wecom-archive",
        aside=1,
    ),
    Layout(
        "qiyu messages",
        "qiyu.jsonl",
        lines(
            [
                {
                    "sessionId": 9,
                    "staffId": 4,
                    "staffName": "小叶",
                    "userId": "u7",
                    "fromUser": 1,
                    "autoReply": 0,
                    "msg": ASKED,
                    "time": AT * 1000,
                },
                {
                    "sessionId": 9,
                    "staffId": 4,
                    "staffName": "小叶",
                    "userId": "u7",
                    "fromUser": 0,
                    "autoReply": 1,
                    "msg": "请稍候",
                    "time": (AT + 1) * 1000,
                },
                {
                    "sessionId": 9,
                    "staffId": 4,
                    "staffName": "小叶",
                    "userId": "u7",
                    "fromUser": 0,
                    "autoReply": 0,
                    "msg": ANSWERED,
                    "time": LATER * 1000,
                },
            ]
        ),
        "4",
        "u7",
        preset="qiyu-messages",
        bots=1,
    ),
    Layout(
        "zhichi rows",
        "智齿.csv",
        table(
            "会话ID,发送人类型,客服,客户昵称,消息内容,时间",
            f"z1,客户,小叶,访客8,{ASKED},2026-03-01 10:00:01",
            f'z1,客服,小叶,访客8,"{ANSWERED}",2026-03-01 10:01:01',
            "z1,机器人,小叶,访客8,欢迎光临,2026-03-01 10:00:02",
        ),
        "小叶",
        "访客8",
        preset="zhichi-rows",
        bots=1,
    ),
    Layout(
        "meiqia",
        "meiqia.json",
        document(
            [
                {
                    "conv_id": 12,
                    "agent_nickname": "小叶",
                    "client_id": "c5",
                    "conv_content": [
                        {"from": "client", "content": ASKED, "timestamp": "2026-03-01T02:00:01.000Z", "type": "text"},
                        {"from": "robot", "content": "您好", "timestamp": "2026-03-01T02:00:02.000Z", "type": "text"},
                        {"from": "agent", "content": ANSWERED, "timestamp": "2026-03-01T02:01:01.000Z", "type": "text"},
                    ],
                }
            ]
        ),
        "小叶",
        "c5",
        preset="meiqia",
        bots=1,
    ),
    Layout(
        "chatwoot json",
        "chatwoot.json",
        document(
            {
                "meta": {"assignee": {"name": "Mia"}},
                "payload": [
                    {
                        "id": 1,
                        "conversation_id": 5,
                        "message_type": 0,
                        "content": ASKED,
                        "created_at": AT,
                        "private": False,
                        "sender": {"id": 8, "name": "Zoe", "type": "contact"},
                    },
                    {
                        "id": 2,
                        "conversation_id": 5,
                        "message_type": 1,
                        "content": "careful",
                        "created_at": AT + 30,
                        "private": True,
                        "sender": {"id": 2, "name": "Mia", "type": "user"},
                    },
                    {
                        "id": 3,
                        "conversation_id": 5,
                        "message_type": 1,
                        "content": ANSWERED,
                        "created_at": LATER,
                        "private": False,
                        "sender": {"id": 2, "name": "Mia", "type": "user"},
                    },
                    {
                        "id": 4,
                        "conversation_id": 5,
                        "message_type": 2,
                        "content": "resolved",
                        "created_at": LATER + 9,
                        "private": False,
                        "sender": None,
                    },
                ],
            }
        ),
        "Mia",
        "Zoe",
        preset="chatwoot",
        aside=2,
    ),
    Layout(
        "zendesk tickets",
        "zendesk.jsonl",
        lines(
            [
                {
                    "id": 3,
                    "requester_id": 71,
                    "assignee_id": 22,
                    "created_at": "2026-03-01T01:00:00Z",
                    "type": "question",
                    "via": {"channel": "email"},
                    "tags": [{"id": 1, "name": "vip"}],
                    "comments": [
                        {
                            "id": 1,
                            "type": "Comment",
                            "author_id": 71,
                            "body": ASKED,
                            "html_body": f"<p>{ASKED}</p>",
                            "public": True,
                            "created_at": "2026-03-01T02:00:01Z",
                        },
                        {
                            "id": 2,
                            "type": "Comment",
                            "author_id": 22,
                            "body": "note",
                            "public": False,
                            "created_at": "2026-03-01T02:00:31Z",
                        },
                        {
                            "id": 3,
                            "type": "Comment",
                            "author_id": 22,
                            "body": ANSWERED,
                            "public": True,
                            "created_at": "2026-03-01T02:01:01Z",
                        },
                    ],
                }
            ]
        ),
        "22",
        "71",
        preset="zendesk-tickets",
        aside=1,
    ),
    Layout(
        "zendesk chat",
        "zendesk-chat.json",
        document(
            {
                "chats": [
                    {
                        "id": "2603.c1",
                        "visitor": {"name": "Zoe", "id": "9"},
                        "agent_names": ["Mia"],
                        "rating": "good",
                        "history": [
                            {
                                "type": "chat.memberjoin",
                                "name": "Zoe",
                                "nick": "visitor:1",
                                "timestamp": "2026-03-01T02:00:00Z",
                            },
                            {
                                "type": "chat.msg",
                                "sender_type": "Visitor",
                                "name": "Zoe",
                                "nick": "visitor:1",
                                "msg": ASKED,
                                "timestamp": "2026-03-01T02:00:01Z",
                            },
                            {
                                "type": "chat.msg",
                                "sender_type": "Trigger",
                                "name": "Hello",
                                "nick": "agent:trigger",
                                "msg": "Welcome",
                                "timestamp": "2026-03-01T02:00:02Z",
                            },
                            {
                                "type": "chat.msg",
                                "sender_type": "Agent",
                                "name": "Mia",
                                "nick": "agent:7",
                                "msg": ANSWERED,
                                "timestamp": "2026-03-01T02:01:01Z",
                            },
                        ],
                    }
                ]
            }
        ),
        "Mia",
        "Zoe",
        preset="zendesk-chat",
        aside=1,
        bots=1,
    ),
    Layout(
        "intercom",
        "intercom.json",
        document(
            {
                "type": "conversation.list",
                "conversations": [
                    {
                        "type": "conversation",
                        "id": "77",
                        "created_at": AT,
                        "conversation_rating": {"rating": 5},
                        "tags": {"type": "tag.list", "tags": [{"id": "1", "name": "vip"}]},
                        "source": {
                            "type": "conversation",
                            "body": f"<p>{ASKED}</p>",
                            "author": {"type": "user", "id": "u1", "name": "Zoe"},
                        },
                        "conversation_parts": {
                            "type": "conversation_part.list",
                            "conversation_parts": [
                                {
                                    "type": "conversation_part",
                                    "id": "1",
                                    "part_type": "comment",
                                    "body": "<p>Bot here</p>",
                                    "created_at": AT + 2,
                                    "author": {"type": "bot", "id": "b", "name": "Fin"},
                                },
                                {
                                    "type": "conversation_part",
                                    "id": "2",
                                    "part_type": "assignment",
                                    "body": None,
                                    "created_at": AT + 3,
                                    "author": {"type": "admin", "id": "a1", "name": "Mia"},
                                },
                                {
                                    "type": "conversation_part",
                                    "id": "3",
                                    "part_type": "note",
                                    "body": "<p>VIP</p>",
                                    "created_at": AT + 4,
                                    "author": {"type": "admin", "id": "a1", "name": "Mia"},
                                },
                                {
                                    "type": "conversation_part",
                                    "id": "4",
                                    "part_type": "comment",
                                    "body": f"<p>{ANSWERED}</p>",
                                    "created_at": LATER,
                                    "author": {"type": "admin", "id": "a1", "name": "Mia"},
                                },
                            ],
                        },
                    }
                ],
            }
        ),
        "Mia",
        "Zoe",
        preset="intercom",
        aside=2,
        bots=1,
    ),
    Layout(
        "freshdesk",
        "freshdesk.json",
        document(
            [
                {
                    "id": 4,
                    "requester_id": 81,
                    "responder_id": 33,
                    "description_text": ASKED,
                    "description": f"<div>{ASKED}</div>",
                    "created_at": "2026-03-01T02:00:01Z",
                    "conversations": [
                        {
                            "id": 1,
                            "body_text": "call him",
                            "incoming": False,
                            "private": True,
                            "user_id": 33,
                            "created_at": "2026-03-01T02:00:30Z",
                        },
                        {
                            "id": 2,
                            "body_text": ANSWERED,
                            "incoming": False,
                            "private": False,
                            "user_id": 33,
                            "created_at": "2026-03-01T02:01:01Z",
                        },
                    ],
                }
            ]
        ),
        "33",
        "81",
        preset="freshdesk",
        aside=1,
    ),
    Layout(
        "gorgias",
        "gorgias.json",
        document(
            {
                "data": [
                    {
                        "id": 1,
                        "ticket_id": 6,
                        "from_agent": False,
                        "public": True,
                        "body_text": ASKED,
                        "created_datetime": "2026-03-01T02:00:01.120000",
                        "sender": {"id": 1, "email": "zoe@example.com"},
                    },
                    {
                        "id": 2,
                        "ticket_id": 6,
                        "from_agent": True,
                        "public": False,
                        "body_text": "note",
                        "created_datetime": "2026-03-01T02:00:30.120000",
                        "sender": {"id": 2, "email": "mia@shop.example"},
                    },
                    {
                        "id": 3,
                        "ticket_id": 6,
                        "from_agent": True,
                        "public": True,
                        "body_text": ANSWERED,
                        "created_datetime": "2026-03-01T02:01:01.120000",
                        "sender": {"id": 2, "email": "mia@shop.example"},
                    },
                ],
                "meta": {"next_cursor": None},
            }
        ),
        "mia@shop.example",
        "zoe@example.com",
        preset="gorgias",
        aside=1,
    ),
    Layout(
        "livechat",
        "livechat.json",
        document(
            {
                "found_chats": 1,
                "chats": [
                    {
                        "id": "PJ",
                        "users": [
                            {"id": "c9", "name": "Zoe", "type": "customer"},
                            {"id": "mia@shop.example", "name": "Mia", "type": "agent"},
                        ],
                        "thread": {
                            "id": "TH1",
                            "created_at": "2026-03-01T02:00:00.000000Z",
                            "tags": ["a"],
                            "events": [
                                {
                                    "id": "1",
                                    "type": "message",
                                    "text": ASKED,
                                    "author_id": "c9",
                                    "created_at": "2026-03-01T02:00:01.000000Z",
                                },
                                {
                                    "id": "2",
                                    "type": "message",
                                    "text": ANSWERED,
                                    "author_id": "mia@shop.example",
                                    "created_at": "2026-03-01T02:01:01.000000Z",
                                },
                                {
                                    "id": "3",
                                    "type": "system_message",
                                    "text": "archived",
                                    "created_at": "2026-03-01T02:09:01.000000Z",
                                },
                            ],
                        },
                    }
                ],
            }
        ),
        "mia@shop.example",
        "c9",
        preset="livechat",
        aside=1,
    ),
    Layout(
        "crisp",
        "crisp.json",
        document(
            {
                "error": False,
                "data": [
                    {
                        "session_id": "session_1",
                        "type": "text",
                        "from": "user",
                        "content": ASKED,
                        "timestamp": AT * 1000,
                        "user": {"nickname": "Zoe"},
                        "fingerprint": 1,
                    },
                    {
                        "session_id": "session_1",
                        "type": "note",
                        "from": "operator",
                        "content": "careful",
                        "timestamp": (AT + 9) * 1000,
                        "user": {"nickname": "Mia"},
                        "fingerprint": 2,
                    },
                    {
                        "session_id": "session_1",
                        "type": "text",
                        "from": "operator",
                        "content": ANSWERED,
                        "timestamp": LATER * 1000,
                        "user": {"nickname": "Mia"},
                        "fingerprint": 3,
                    },
                ],
            }
        ),
        "Mia",
        "Zoe",
        preset="crisp",
        aside=1,
    ),
    Layout(
        "tawk",
        "tawk.json",
        document(
            [
                {
                    "id": "t1",
                    "type": "chat",
                    "visitor": {"name": "Zoe"},
                    "messages": [
                        {
                            "sender": {"t": "v", "n": "Zoe"},
                            "type": "msg",
                            "msg": ASKED,
                            "time": "2026-03-01T02:00:01.000Z",
                        },
                        {
                            "sender": {"t": "s"},
                            "type": "notify",
                            "msg": "Mia joined",
                            "time": "2026-03-01T02:00:30.000Z",
                        },
                        {
                            "sender": {"t": "a", "n": "Mia", "id": "5"},
                            "type": "msg",
                            "msg": ANSWERED,
                            "time": "2026-03-01T02:01:01.000Z",
                        },
                    ],
                }
            ]
        ),
        "Mia",
        "Zoe",
        preset="tawk",
        aside=1,
    ),
    Layout(
        "hubspot rows",
        "hubspot.csv",
        table(
            "Thread ID,Created At,Direction,Sender Name,Assigned To,Text",
            f"44,2026-03-01T02:00:01Z,INCOMING,Zoe,Mia,{ASKED}",
            "44,2026-03-01T02:00:30Z,COMMENT,Mia,Mia,careful",
            f'44,2026-03-01T02:01:01Z,OUTGOING,Mia,Mia,"{ANSWERED}"',
        ),
        "Mia",
        "Zoe",
        preset="hubspot-rows",
        aside=1,
    ),
    Layout(
        "salesforce",
        "LiveChatTranscript.csv",
        table(
            '"Id","Name","OwnerId","Owner.Name","Visitor","StartTime","EndTime","Body"',
            '"57x","0012","005x","Mia'
            ' Berg","Zoe","2026-03-01T02:00:00.000+0000","2026-03-01T02:05:00.000+0000","<p>Chat Started: Sunday</p>('
            f' 1s ) Zoe: {ASKED}<br>( 1m 1s ) Mia Berg: {ANSWERED}<br>"',
        ),
        "Mia Berg",
        "Zoe",
        preset="salesforce-transcripts",
    ),
    Layout(
        "contact lens",
        "lens.json",
        document(
            {
                "Version": "1.1.0",
                "Channel": "CHAT",
                "Participants": [
                    {"ParticipantId": "p1", "ParticipantRole": "AGENT"},
                    {"ParticipantId": "p2", "ParticipantRole": "CUSTOMER"},
                ],
                "CustomerMetadata": {"ContactId": "k1"},
                "Categories": {"MatchedDetails": {}},
                "Transcript": [
                    {
                        "Id": "1",
                        "ParticipantId": "p2",
                        "ParticipantRole": "CUSTOMER",
                        "DisplayName": "Zoe",
                        "Type": "MESSAGE",
                        "Content": ASKED,
                        "AbsoluteTime": "2026-03-01T02:00:01.000Z",
                    },
                    {
                        "Id": "2",
                        "ParticipantId": "p1",
                        "ParticipantRole": "AGENT",
                        "DisplayName": "Mia",
                        "Type": "MESSAGE",
                        "Content": ANSWERED,
                        "AbsoluteTime": "2026-03-01T02:01:01.000Z",
                    },
                    {
                        "Id": "3",
                        "ParticipantId": "p1",
                        "ParticipantRole": "AGENT",
                        "Type": "EVENT",
                        "ContentType": "application/vnd.amazonaws.connect.event.chat.ended",
                        "AbsoluteTime": "2026-03-01T02:02:01.000Z",
                    },
                ],
            }
        ),
        "Mia",
        "Zoe",
        preset="contact-lens",
        aside=1,
    ),
    Layout(
        "genesys",
        "genesys.json",
        document(
            {
                "conversationId": "g1",
                "mediaType": "chat",
                "participants": [
                    {"participantPurpose": "internal", "userId": "user-5"},
                    {"participantPurpose": "external"},
                ],
                "transcripts": [
                    {
                        "transcriptId": "x",
                        "phrases": [
                            {"text": ASKED, "participantPurpose": "external", "startTimeMs": AT * 1000},
                            {"text": ANSWERED, "participantPurpose": "internal", "startTimeMs": LATER * 1000},
                        ],
                    }
                ],
            }
        ),
        "user-5",
        None,
        preset="genesys",
    ),
    Layout(
        "twilio",
        "twilio.json",
        document(
            {
                "meta": {"page": 0, "key": "messages"},
                "messages": [
                    {
                        "sid": "IM1",
                        "conversation_sid": "CH1",
                        "index": 0,
                        "author": "whatsapp:+34600111222",
                        "body": ASKED,
                        "date_created": "2026-03-01T02:00:01Z",
                        "media": None,
                    },
                    {
                        "sid": "IM2",
                        "conversation_sid": "CH1",
                        "index": 1,
                        "author": "mia",
                        "body": ANSWERED,
                        "date_created": "2026-03-01T02:01:01Z",
                        "media": None,
                    },
                ],
            }
        ),
        "mia",
        "whatsapp:+34600111222",
        preset="twilio",
    ),
    Layout(
        "tencent ccc",
        "ccc.json",
        document(
            {
                "SessionId": "q1",
                "TotalCount": 2,
                "Messages": [
                    {"Timestamp": AT, "From": "openid_8", "Messages": [{"Type": "Text", "Content": ASKED}]},
                    {
                        "Timestamp": LATER,
                        "From": "mia@shop.example",
                        "Messages": [{"Type": "Text", "Content": ANSWERED}],
                    },
                ],
            }
        ),
        "mia@shop.example",
        "openid_8",
        preset="tencent-ccc",
    ),
    Layout(
        "alibaba sca",
        "sca.json",
        document(
            {
                "business": "x",
                "callbackUrl": "",
                "tickets": [
                    {
                        "tid": "t9",
                        "fileName": "f",
                        "dialogue": [
                            {
                                "role": "客户",
                                "identity": "u1",
                                "words": ASKED,
                                "begin": 0,
                                "end": 9,
                                "beginTime": AT * 1000,
                            },
                            {
                                "role": "客服",
                                "identity": "xiaoye",
                                "words": ANSWERED,
                                "begin": 60000,
                                "end": 61000,
                                "beginTime": LATER * 1000,
                            },
                        ],
                    }
                ],
            }
        ),
        "xiaoye",
        "u1",
        preset="alibaba-sca",
    ),
    Layout(
        "telegram",
        "result.json",
        document(
            {
                "name": "Zoe",
                "type": "personal_chat",
                "id": 991,
                "messages": [
                    {
                        "id": 1,
                        "type": "message",
                        "date": "2026-03-01T10:00:01",
                        "date_unixtime": str(AT),
                        "from": "Zoe",
                        "from_id": "user991",
                        "text": ["Is it in ", {"type": "bold", "text": "stock"}, "?"],
                    },
                    {
                        "id": 2,
                        "type": "message",
                        "date": "2026-03-01T10:01:01",
                        "date_unixtime": str(LATER),
                        "from": "Green Leaf",
                        "from_id": "user5",
                        "text": ANSWERED,
                    },
                    {
                        "id": 3,
                        "type": "service",
                        "date": "2026-03-01T10:02:01",
                        "date_unixtime": str(LATER + 60),
                        "actor": "Zoe",
                        "action": "phone_call",
                        "text": "",
                    },
                ],
            }
        ),
        "Green Leaf",
        "Zoe",
        preset="telegram",
        aside=1,
    ),
    Layout(
        "whatsapp android",
        "WhatsApp Chat with Zoe.txt",
        table(
            "31/03/2026, 10:00 - Messages and calls are end-to-end encrypted.",
            f"31/03/2026, 10:00 - Zoe: {ASKED}",
            f"31/03/2026, 10:01 - Green Leaf: {ANSWERED}",
        ),
        "Green Leaf",
        "Zoe",
        preset="transcript",
        aside=1,
        timed=False,
    ),
    Layout(
        "whatsapp ios in a zip",
        "WhatsApp Chat - Zoe.zip",
        packed(
            _chat__txt=(
                f"[3/13/26, 10:00:01\u202fAM] Zoe: {ASKED}\r\n[3/13/26, 10:01:01\u202fAM] Green Leaf: {ANSWERED}\r\n"
            ),
            photo__jpg=b"\xff\xd8",
        ),
        "Green Leaf",
        "Zoe",
        preset="transcript",
        timed=False,
    ),
    Layout(
        "wechat rows",
        "wechat.csv",
        table(
            "localId,TalkerId,Type,SubType,IsSender,CreateTime,Status,StrContent,StrTime,Remark,NickName,Sender",
            f"1,7,1,0,0,{AT},,{ASKED},2026-03-01 10:00:01,春风,cf,x",
            f'2,7,1,0,1,{LATER},,"{ANSWERED}",2026-03-01 10:01:01,春风,cf,me',
        ),
        "小叶",
        "春风",
        preset="wechat-rows",
        by_hand=("--set", "agent_id=小叶"),
    ),
    Layout(
        "liveperson xml",
        "lp.xml",
        '<?xml version="1.0" encoding="UTF-8"?><session engagementId="e7" visitorName="Zoe"'
        ' agentName="Mia"><chat><line by="Zoe" source="visitor"'
        f' time="2026-03-01T10:00:01+08:00"><Text>{ASKED}</Text></line><line by="info" source="system"'
        ' time="2026-03-01T10:00:20+08:00"><Text>You are now chatting with Mia</Text></line><line by="Mia"'
        f' source="agent" time="2026-03-01T10:01:01+08:00"><Text>{ANSWERED}</Text></line></chat></session>',
        "Mia",
        "Zoe",
        preset="liveperson-xml",
        aside=1,
    ),
    Layout(
        "jddc without header",
        "jddc.txt",
        table(f"s1\tu5\t0\t{ASKED}", f"s1\tu5\t1\t{ANSWERED}", "s2\tu6\t0\tHello", "s2\tu6\t1\tHi"),
        "小叶",
        "u5",
        timed=False,
        by_hand=(
            "--map",
            "conversation_id=#1",
            "--map",
            "customer_id=#2",
            "--map",
            "role=#3",
            "--map",
            "text=#4",
            "--word",
            "role:0=customer",
            "--word",
            "role:1=agent",
            "--set",
            "started_at=2026-03-01",
            "--set",
            "agent_id=小叶",
            "--kind",
            "conversations",
        ),
    ),
)

BY_NAME: dict[str, Layout] = {layout.name: layout for layout in LAYOUTS}
Build = Callable[[Path], Path]


def write(layout: Layout, folder: Path) -> Path:
    """The file of a layout."""
    path = folder / layout.file
    path.write_bytes(layout.content if isinstance(layout.content, bytes) else layout.content.encode("utf-8"))
    return path
