"""Hides personal data in text: telephone, ID card, bank card, e-mail, address, names. Pure functions over strings and frames.

What is hidden keeps a hint (first or last characters) so that readers can still tell two numbers apart. The patterns
prefer hiding too much to showing: a number that looks like a card is hidden even if it is an order number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import polars as pl

_CJK = "一-鿿"
_NOT_DIGIT_BEFORE, _NOT_DIGIT_AFTER = r"(?<![\d])", r"(?![\d])"
_EMAIL = re.compile(r"(?<![\w.+-])([\w.+-]{1,64})@([\w-]+(?:\.[\w-]+)+)")
_LONG_NUMBER = re.compile(rf"{_NOT_DIGIT_BEFORE}\d(?:[ -]?\d){{11,18}}[\dXx]?{_NOT_DIGIT_AFTER}")
_MOBILE = re.compile(rf"{_NOT_DIGIT_BEFORE}(?:(?:\+|00)?86[ -]?)?1[3-9]\d[ -]?\d{{4}}[ -]?\d{{4}}{_NOT_DIGIT_AFTER}")
_LANDLINE = re.compile(rf"{_NOT_DIGIT_BEFORE}0\d{{2,3}}[- ]\d{{7,8}}{_NOT_DIGIT_AFTER}")
_FOREIGN = re.compile(rf"(?:\+\d{{1,3}}[ .-]?)(?:\(?\d{{2,4}}\)?[ .-]?){{2,4}}\d{{2,4}}{_NOT_DIGIT_AFTER}")
_AMERICAN = re.compile(rf"{_NOT_DIGIT_BEFORE}\(?\d{{3}}\)?[ .-]\d{{3}}[ .-]\d{{4}}{_NOT_DIGIT_AFTER}")
_ADDRESS_ZH = re.compile(
    rf"(?:[{_CJK}]{{2,8}}?(?:省|自治区))?(?:[{_CJK}]{{2,8}}?(?:市|自治州))?(?:[{_CJK}]{{1,8}}?(?:区|县|旗))?(?:[{_CJK}]{{1,8}}?(?:镇|乡|街道))?"
    rf"[{_CJK}]{{1,12}}?(?:路|街|大道|道|巷|弄|村|胡同|小区|花园|苑)[{_CJK}]{{0,4}}?\d{{1,5}}(?:号|弄|栋|幢|座|单元|室)"
    rf"(?:[ -]?[{_CJK}]{{0,6}}?[\dA-Za-z]{{1,5}}(?:号楼|号|栋|幢|座|单元|楼|层|室|户))*(?:[ -]?\d{{3,4}}(?!\d))?"
)
_ADDRESS_EN = re.compile(
    r"\b\d{1,6} (?:[NSEW]\.? )?(?:[A-Z][\w'-]+ ){1,4}(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Way|Court|Ct|Place|Pl)\b\.?"
    r"(?:,? (?:Apt|Unit|Suite|#) ?\w+)?(?:,? [A-Z][\w' -]+?,? [A-Z]{2}(?: \d{5}(?:-\d{4})?)?)?"
)
_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文欧阳司马诸葛上官"
_TITLED = re.compile(rf"([{_SURNAMES}])[{_CJK}]{{0,2}}?(先生|女士|小姐)")
_NAMED = re.compile(rf"((?:收件人|收货人|联系人|姓名|户名)(?:是|为|叫)?[:： ]{{0,2}})([{_SURNAMES}][{_CJK}]{{1,3}})")
_NAMED_EN = re.compile(r"(\b(?:[Nn]ame|[Rr]ecipient)(?: is|:) ?)([A-Z][a-z]+(?: [A-Z][a-z'-]+)+)")

ADDRESS_MARK = "【地址】"


def mask_text(text: str, names: Iterable[str] = ()) -> str:
    """`text` without personal data. `names` are further words to hide wherever they stand (customer and agent names)."""
    if not text:
        return text
    for name in sorted({n for n in names if len(n) > 1}, key=len, reverse=True):
        text = text.replace(name, _starred(name))
    if any(c.isdigit() for c in text) or "@" in text:
        text = _EMAIL.sub(_email, text)
        text = _ADDRESS_ZH.sub(ADDRESS_MARK, text)
        text = _ADDRESS_EN.sub(ADDRESS_MARK, text)
        for pattern, hide in _NUMBERS:
            text = pattern.sub(hide, text)
    text = _NAMED.sub(lambda m: m[1] + _starred(m[2]), text)
    text = _NAMED_EN.sub(lambda m: m[1] + _starred(m[2]), text)
    return _TITLED.sub(lambda m: m[1] + "＊" + m[2], text)


def mask_transcript(content: Mapping[str, Any]) -> dict[str, Any]:
    """A frozen transcript (see `qa.transcripts`) as it is shown to those who may not see personal data."""
    customer = str(content.get("customer_id") or "")
    names = (customer,) if customer else ()
    masked = dict(content)
    masked["customer_id"] = _starred(customer) if customer else content.get("customer_id")
    masked["messages"] = [{**m, "text": mask_text(m["text"], names)} for m in content.get("messages") or ()]
    for part in ("dispute", "rating"):
        if content.get(part):
            masked[part] = _mask_values(content[part], names)
    return masked


def mask_column(column: pl.Expr | str) -> pl.Expr:
    """Expression that masks a text column; rows without a digit, an @ or a name mark are passed through untouched."""
    expr = pl.col(column) if isinstance(column, str) else column
    return expr.map_elements(mask_text, return_dtype=pl.String, skip_nulls=True)


_FREE_TEXT = frozenset({"text", "comment", "description", "reason", "title", "customer_id"})


def _mask_values(value: Any, names: tuple[str, ...]) -> Any:
    if isinstance(value, Mapping):
        return {k: mask_text(v, names) if k in _FREE_TEXT and isinstance(v, str) else _mask_values(v, names) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_mask_values(item, names) for item in value]
    return value


def _starred(name: str) -> str:
    return name[0] + "＊" * min(len(name) - 1, 3)


def _email(match: re.Match[str]) -> str:
    return f"{match[1][0]}***@{match[2]}"


def _digits(match: re.Match[str]) -> str:
    return re.sub(r"\D", "", match[0])


def _phone(match: re.Match[str]) -> str:
    digits = _digits(match)
    return f"{digits[-11:-8] if len(digits) >= 11 else digits[:2]}****{digits[-4:]}"


def _long(match: re.Match[str]) -> str:
    """Hide what may be an identity or bank card; leave other long numbers (orders, parcels) readable."""
    compact = re.sub(r"[ -]", "", match[0])
    if _is_identity_card(compact):
        return f"{compact[:3]}***********{compact[-2:]}"
    if compact.isdigit() and 13 <= len(compact) <= 19 and _luhn(compact):
        return f"{compact[:4]} **** {compact[-4:]}"
    return match[0]


def _is_identity_card(compact: str) -> bool:
    # Without its check digit: a mistyped card is still somebody's card.
    return re.fullmatch(r"[1-8]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx]", compact) is not None


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


_NUMBERS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (_LONG_NUMBER, _long), (_MOBILE, _phone), (_LANDLINE, _phone), (_FOREIGN, _phone), (_AMERICAN, _phone),
)
