"""Empty tables to fill in: a workbook for every kind of file, with columns that the import knows and one example."""

from __future__ import annotations

import io
from collections.abc import Mapping

from qa.errors import Invalid
from qa.i18n import N_
from qa.ingest.fields import FIELDS, Field

LEFT_OUT = ("transcript", "receiver_id", "sent_date", "private", "automatic", "message_id", "seq", "agent_name")
"""Fields of exports that nobody fills in by hand."""
EXAMPLES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "zh_CN": {
        "conversation_id": ("C1", "C1"),
        "text": ("在吗？这款有货吗", "有货的，今天发"),
        "role": ("客户", "客服"),
        "sender_id": ("tb1001", "小青"),
        "sent_at": ("2026-03-01 10:00:00", "2026-03-01 10:00:20"),
        "kind": ("文本", "文本"),
        "agent_id": ("小青", "小青"),
        "customer_id": ("tb1001", "tb1001"),
        "shop": ("示例店", "示例店"),
        "channel": ("旺旺", "旺旺"),
        "order_id": ("2600000000000000001", "2600000000000000001"),
        "satisfaction": ("满意", "满意"),
        "dispute_id": ("R1",),
        "opened_at": ("2026-03-02 09:00:00",),
        "closed_at": ("2026-03-03 09:00:00",),
        "due_at": ("2026-03-04 09:00:00",),
        "dispute_type": ("仅退款",),
        "status": ("退款成功",),
        "cs_status": ("无需客服介入",),
        "reason": ("质量问题",),
        "refund_fee": ("199.00",),
        "total_fee": ("199.00",),
        "freight": ("12.00",),
        "compensation": ("5.00",),
        "sent_out_at": ("2026-03-01 12:00:00",),
        "delivered_at": ("2026-03-02 08:00:00",),
        "returned_at": ("2026-03-02 18:00:00",),
        "carrier": ("顺丰速运",),
        "rating_id": ("P1",),
        "score": ("不满意",),
        "rated_at": ("2026-03-01 11:00:00",),
        "comment": ("回复太慢",),
        "name": ("小青",),
        "team": ("售前一组",),
        "stage": ("售前",),
        "hired_on": ("2025-06-01",),
        "started_at": ("2026-03-01 10:00:00",),
    },
    "en": {
        "conversation_id": ("C1", "C1"),
        "text": ("Is it in stock?", "Yes, it ships today"),
        "role": ("customer", "agent"),
        "sender_id": ("buyer1", "mia"),
        "sent_at": ("2026-03-01 10:00:00", "2026-03-01 10:00:20"),
        "kind": ("text", "text"),
        "agent_id": ("mia", "mia"),
        "customer_id": ("buyer1", "buyer1"),
        "shop": ("Green Leaf", "Green Leaf"),
        "channel": ("chat", "chat"),
        "order_id": ("A-1001", "A-1001"),
        "satisfaction": ("5", "5"),
        "dispute_id": ("R1",),
        "opened_at": ("2026-03-02 09:00:00",),
        "closed_at": ("2026-03-03 09:00:00",),
        "due_at": ("2026-03-04 09:00:00",),
        "dispute_type": ("REFUND",),
        "status": ("closed",),
        "cs_status": ("1",),
        "reason": ("damaged",),
        "refund_fee": ("19.90",),
        "total_fee": ("19.90",),
        "freight": ("2.00",),
        "compensation": ("1.00",),
        "sent_out_at": ("2026-03-01 12:00:00",),
        "delivered_at": ("2026-03-02 08:00:00",),
        "returned_at": ("2026-03-02 18:00:00",),
        "carrier": ("Parcel Post",),
        "rating_id": ("P1",),
        "score": ("2",),
        "rated_at": ("2026-03-01 11:00:00",),
        "comment": ("slow",),
        "name": ("Mia",),
        "team": ("Presale",),
        "stage": ("presale",),
        "hired_on": ("2025-06-01",),
        "started_at": ("2026-03-01 10:00:00",),
    },
}


def template(kind: str, language: str) -> bytes:
    """An XLSX workbook for files of `kind`, headers and example in `language`; cells are text, so no number is
    rounded."""
    if kind not in FIELDS:
        raise Invalid(N_("“{value}” is not a kind of file. Known kinds: {known}."), value=kind, known=", ".join(FIELDS))
    fields = [field for field in FIELDS[kind] if field.name not in LEFT_OUT]
    buffer = io.BytesIO()
    import xlsxwriter  # needed by nothing but a workbook

    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        text, bold = book.add_format({"num_format": "@"}), book.add_format({"bold": True, "num_format": "@"})
        sheet = book.add_worksheet(kind[:31])
        sheet.set_column(0, len(fields) - 1, 20, text)
        sheet.freeze_panes(1, 0)
        examples = EXAMPLES.get(language, EXAMPLES["en"])
        for place, field in enumerate(fields):
            sheet.write_string(0, place, header(field, language), bold)
            for row, cell in enumerate(examples.get(field.name, ()), 1):
                sheet.write_string(row, place, cell, text)
    return buffer.getvalue()


def header(field: Field, language: str) -> str:
    """The usual name of a column in a language."""
    if language != "zh_CN":
        return field.name
    return next((name for name in field.names if not name.isascii()), field.name)
