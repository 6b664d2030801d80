"""Hides what identifies a customer: phones, ID cards, bank cards, e-mail, addresses, names; zh and en. Pure functions.

A mask keeps what a reader needs to follow the talk: that there was a phone or an address, the first and last digits, the
length. Masking what is masked changes nothing. Agents and shops are not masked; who talks to customers is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, overload

import polars as pl

STAR = "*"
_DIGIT = r"[0-9０-９]"
_GAP = r"[ \-－—·.]?"
_EMAIL = re.compile(r"(?<![\w.+-])([A-Za-z0-9_.+-]{1,64})@([A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+)")
_NUMBER = re.compile(rf"(?<![0-9０-９*])(?:\+|＋)?{_DIGIT}(?:{_GAP}[0-9０-９*]){{6,22}}(?:[Xx](?![A-Za-z0-9]))?(?![0-9０-９*])")
_PHONE_FORMS = (
    re.compile(r"(?:86|0086)?1[3-9]\d{9}"),        # mainland mobile
    re.compile(r"0\d{2,3}[2-9]\d{6,7}"),           # mainland landline with area code
    re.compile(r"(?:400|800)\d{7}"),
)
_SPOKEN = re.compile(rf"(?i)((?:电话|手机|联系方式|卡号|银行卡|\b(?:phone|mobile|cell|tel|card|call me (?:at|on))\b)[^0-9０-９*\n]{{0,12}})((?:\+?{_DIGIT}(?:{_GAP}{_DIGIT}){{5,18}}))(?![0-9０-９*])")
_FOREIGN_PHONE = re.compile(r"(?<![\w*])(?:\+\d{1,3}[ .-]?(?:\(?\d{2,4}\)?[ .-]?){2,4}\d{2,4}|\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4})(?![\w*])")

_REGION = r"(?:[\u4e00-\u9fff]{2,8}?(?:省|自治区|特别行政区|市|自治州|地区|盟|州|区|县|旗|镇|乡|街道|新区|开发区))"
_HOUSE = r"(?:[\u4e00-\u9fffA-Za-z0-9０-９\-－#]{1,24}?(?:路|街|道|巷|弄|胡同|里|村|小区|花园|大厦|广场|公寓|苑|园|城|庄|大道|号楼|栋|幢|座|单元|室|号))"
_ADDRESS_ZH = re.compile(rf"(?:{_REGION}){{1,5}}(?:{_HOUSE}){{1,6}}[0-9０-９\-]{{0,8}}(?:号楼|栋|幢|座|单元|层|楼|室|号|房)?|[\u4e00-\u9fff]{{2,10}}(?:路|街|大道|巷|弄)[0-9０-９]{{1,6}}(?:号|弄)(?:[0-9０-９A-Za-z\-]{{1,8}}(?:号楼|栋|幢|座|单元|层|楼|室|号|房))*")
_ADDRESS_EN = re.compile(
    r"(?i)(?<![\w*])\d{1,6}[ ](?:[A-Z][\w.'-]*[ ]){1,4}(?:street|st|avenue|ave|road|rd|lane|ln|drive|dr|boulevard|blvd|court|ct|way|place|pl|square|terrace)\b\.?"
    r"(?:,?[ ](?:apt|apartment|suite|unit|flat|#)[ ]?\w{1,6})?(?:,[ ][A-Z][\w' -]{1,30})?(?:,?[ ][A-Z]{2}[ ]\d{5}(?:-\d{4})?)?"
)
_NAME_ZH = re.compile(
    r"((?:收件人|收货人|联系人|姓名|名字是?|本人叫|我叫|我姓名是?|户名|开户名)(?:是|为|叫|[:：])?[ ]?)([\u4e00-\u9fff·]{2,4}?)(?=[\s,，.。;；!！?？、:：的电手]|$)"
)
_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
_TITLED_ZH = re.compile(rf"([{_SURNAMES}])([\u4e00-\u9fff]{{1,2}})(?=先生|女士|小姐)")
_NAME_EN = re.compile(r"(\b(?:[Mm]y name is|[Tt]his is|[Rr]ecipient:?|[Nn]ame:|[Mm]r\.?|[Mm]rs\.?|[Mm]s\.?|[Dd]ear)[ ])([A-Z][a-z]+(?:[ ][A-Z][a-z]+){0,2})")


def mask_text(text: str, names: Iterable[str] = ()) -> str:
    """`text` with phones, cards, e-mail, addresses and names hidden; `names` are further customer names to hide."""
    if not text:
        return text
    masked = _EMAIL.sub(_hide_email, text) if "@" in text else text
    masked = _NUMBER.sub(_hide_number, masked)
    masked = _FOREIGN_PHONE.sub(lambda m: _hide_digits(m.group(), 0, 2), masked)
    masked = _SPOKEN.sub(lambda m: m.group(1) + _hide_digits(m.group(2), 3, 2), masked)
    masked = _ADDRESS_ZH.sub(_hide_address, masked)
    masked = _ADDRESS_EN.sub(lambda m: STAR * len(m.group()), masked)
    masked = _NAME_ZH.sub(lambda m: m.group(1) + mask_name(m.group(2)), masked)
    masked = _TITLED_ZH.sub(lambda m: m.group(1) + STAR * len(m.group(2)), masked)
    masked = _NAME_EN.sub(lambda m: m.group(1) + " ".join(mask_name(part) for part in m.group(2).split(" ")), masked)
    for name in sorted({n for n in names if n and len(n) >= 2}, key=len, reverse=True):
        masked = masked.replace(name, mask_name(name))
    return masked


@overload
def mask_name(name: str) -> str: ...
@overload
def mask_name(name: None) -> None: ...
def mask_name(name: str | None) -> str | None:
    """A person's name or account: the first character stays, the rest becomes stars of the same length."""
    return name if not name else name[0] + STAR * (len(name) - 1)


def mask_id(value: str | None) -> str | None:
    """An account or order number: its first two and last two characters stay when it is long enough."""
    if not value or len(value) < 6:
        return mask_name(value)
    return value[:2] + STAR * (len(value) - 4) + value[-2:]


def mask_transcript(content: Mapping[str, Any]) -> dict[str, Any]:
    """A frozen transcript for somebody who may not see customers: texts, customer, dispute and rating masked; a copy."""
    customer = content.get("customer_id")
    names = [customer] if isinstance(customer, str) else []
    masked = dict(content)
    masked["customer_id"] = mask_name(customer)
    masked["order_id"] = mask_id(content.get("order_id"))
    masked["messages"] = [{**message, "text": mask_text(message.get("text") or "", names)} for message in content.get("messages") or ()]
    for part in ("dispute", "rating"):
        if content.get(part):
            masked[part] = _mask_record(content[part], names)
    return masked


def _mask_record(record: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    masked = dict(record)
    for field in ("description", "comment", "reason"):
        if isinstance(record.get(field), str):
            masked[field] = mask_text(record[field], names)
    if "customer_id" in record:
        masked["customer_id"] = mask_name(record["customer_id"])
    if "order_id" in record:
        masked["order_id"] = mask_id(record["order_id"])
    if isinstance(record.get("messages"), list):
        masked["messages"] = [{**m, "text": mask_text(m.get("text") or "", names)} for m in record["messages"]]
    return masked


SENSITIVE = ("text", "description", "comment", "reason", "excerpt", "note")


def mask_frame(frame: pl.DataFrame, texts: Iterable[str] = SENSITIVE) -> pl.DataFrame:
    """A frame for export: the columns `texts` masked as text, `customer_id` as a name, `order_id` as a number.

    Only cells that could hide something (a digit, an @, a word that announces a name or an address) are rewritten.
    """
    columns = []
    for name in frame.columns:
        if frame.schema[name] != pl.String:
            continue
        if name in texts:
            columns.append(_each_suspect(frame, name))
        elif name == "customer_id":
            columns.append(_distinct(frame[name], mask_name))
        elif name == "order_id":
            columns.append(_distinct(frame[name], mask_id))
    return frame.with_columns(columns)


def mask_column(column: pl.Expr | str) -> pl.Expr:
    """Expression that masks a text column; cells without anything suspect are passed through untouched."""
    expr = pl.col(column) if isinstance(column, str) else column
    return expr.map_batches(_mask_suspects, return_dtype=pl.String)


def _mask_suspects(column: pl.Series) -> pl.Series:
    index = column.str.contains(_SUSPECT).fill_null(False).arg_true()
    if not len(index):
        return column
    return column.scatter(index, pl.Series([mask_text(text) for text in column.gather(index)], dtype=pl.String))


_SUSPECT = r"先生|女士|小姐|[0-9０-９@]|收件|收货|联系人|姓名|名字|叫|户名|路|街|巷|弄|村|小区|(?i:name|this is|recipient|mr|ms|dear)"


def _each_suspect(frame: pl.DataFrame, name: str) -> pl.Series:
    column = frame[name]
    suspect = column.str.contains(_SUSPECT).fill_null(False)
    if not suspect.any():
        return column
    customers = frame["customer_id"] if "customer_id" in frame.columns else None
    index = suspect.arg_true()
    texts = column.gather(index).to_list()
    if customers is None:
        masked = [mask_text(text) for text in texts]
    else:
        masked = [mask_text(text, [c] if c else []) for text, c in zip(texts, customers.gather(index).to_list(), strict=True)]
    return column.scatter(index, pl.Series(masked, dtype=pl.String))


def _distinct(column: pl.Series, mask: Any) -> pl.Series:
    values = column.drop_nulls().unique().to_list()
    return column.replace_strict({value: mask(value) for value in values}, default=None, return_dtype=pl.String) if values else column


# how single findings are hidden


def _plain(text: str) -> str:
    """Half-width digits without separators."""
    return "".join(chr(ord(c) - 0xFEE0) if "０" <= c <= "９" else c for c in text if c not in " -－—·.+＋")


def _hide_number(match: re.Match[str]) -> str:
    found = match.group()
    digits = _plain(found)
    if digits[-1:] in "xX" and len(digits) != 18:
        found, digits, rest = found[:-1], digits[:-1], found[-1]
        return _hide_found(found, digits) + rest
    return _hide_found(found, digits)


def _hide_found(found: str, digits: str) -> str:
    if STAR in digits:
        return found  # masked already
    if _is_id_card(digits):
        return _hide_digits(found, 3, 2)
    if any(form.fullmatch(digits) for form in _PHONE_FORMS):
        return _hide_digits(found, 3, 2)
    if digits.isdigit() and 13 <= len(digits) <= 19 and luhn(digits):
        return _hide_digits(found, 4, 3)
    return found


def _hide_digits(text: str, first: int, last: int) -> str:
    """Stars for all digits but the `first` and `last` ones; separators stay where they are."""
    places = [i for i, c in enumerate(text) if c.isdigit() or c in "Xx"]
    hidden = set(places[first : len(places) - last])
    return "".join(STAR if i in hidden else c for i, c in enumerate(text))


def luhn(digits: str) -> bool:
    """Luhn check (ISO/IEC 7812-1) of a bank card number."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _is_id_card(digits: str) -> bool:
    """Whether it reads as a Chinese resident ID (GB 11643-1999). The check character is not asked: a mistyped card is still a card."""
    return re.fullmatch(r"[1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx]", digits) is not None


def _hide_email(match: re.Match[str]) -> str:
    name, host = match.groups()
    return match.group() if STAR in name else name[0] + STAR * (len(name) - 1) + "@" + host


def _hide_address(match: re.Match[str]) -> str:
    """The first two characters (usually the province) stay."""
    found = match.group()
    return found if STAR in found else found[:2] + STAR * (len(found) - 2)
