"""Hides numbers and accounts that reach or identify a person: phones, ID cards, bank cards, e-mail, WeChat and QQ ids.

Digits may be full-width or Chinese numerals and parted by spaces, dots or hyphens. Each form is found by itself, so
that digits behind a number (13812345678 3栋) do not hide it from the search. Linear in the text: bounded steps from
each start.
"""

from __future__ import annotations

import re
from functools import partial

from qa.masking.many import STAR, substitute, substitute_any
from qa.masking.places import UNKNOWN, Talk, of_a_place

_ZH = {
    **dict(zip("〇一二三四五六七八九", "0123456789", strict=True)),
    **dict(zip("零壹贰叁肆伍陆柒捌玖", "0123456789", strict=True)),
    "幺": "1",
    "两": "2",
    "○": "0",
}
_PLAIN = str.maketrans({**{chr(0xFF10 + n): str(n) for n in range(10)}, **_ZH})
_D = "0-9０-９〇○零一二三四五六七八九壹贰叁肆伍陆柒捌玖幺两"
_A = "0-9０-９"
_GAP = r"[ \t\-－—–·.．_\u3000\u200b-\u200d\ufe0f\u20e3]{0,3}"
_ROUND = _GAP.replace("[ ", "[()（） ", 1)  # (138) 1234 5678
_END = rf"(?![{_A}])"
_N1, _N3, _N9 = "1１一壹幺", "3-9３-９三四五六七八九叁肆伍陆柒捌玖", "1-9１-９一二三四五六七八九壹贰叁肆伍陆柒捌玖幺两"
# 138 1234 5678, １３８…, 一三八…, +86 138…
_MOBILE = re.compile(
    rf"[{_N1}](?=[{_N3}"
    rf" \t\-－—–·.．_\u3000\u200b-\u200d\ufe0f\u20e3])(?:(?<![{_A}*.][{_N1}])|(?<=86[{_N1}])(?:(?<![{_A}]86[{_N1}])|"
    rf"(?<=0086[{_N1}]))){_GAP}[{_N3}](?:{_ROUND}[{_D}]){{9}}{_END}"
)
# 0571-88886666, (010) 8888 6666, 0912-345-678 (Taiwan), 07911 123456 (United Kingdom), 400-820-8820
_LANDLINE = re.compile(
    rf"[0０48４８](?<![{_A}*][0０48４８])(?:(?<=[0０])(?:[{_A}]{{2,3}}[)）]?[ \-－—–]{{0,2}}[2-9２-９](?:"
    rf"[ \-－]?[{_A}]){{6,7}}"
    rf"|9[{_A}]{{2}}[ \-]?[{_A}]{{3}}[ \-]?[{_A}]{{3}}|7[{_A}]{{3}}[ \-]?[{_A}]{{6}})"
    rf"|(?<=[48４８])[0０]{{2}}[ \-－]?[{_A}]{{3,4}}[ \-－]?[{_A}]{{3,4}}){_END}"
)
_FOREIGN = re.compile(rf"[+＋](?<![\w*][+＋])[{_A}]{{1,3}}(?:[ .\-－()]{{0,2}}[{_A}]){{6,13}}{_END}")
_AMERICAN = re.compile(
    r"[(2-9](?<![\w*.#/=$-][(2-9])(?:(?<=\()[2-9]\d{2}\)[ .-]?\d{3}[ .-]"
    r"|(?<=[2-9])\d{2}(?:[ .-][2-9]\d{2}[ .-]|-\d{3}-|\.\d{3}\.))\d{4}(?![\w*])(?![.-]\d)"
)
# 1-800-555-0199: free of charge for everybody, though it has the digits of a Chinese mobile
_TOLL_FREE = re.compile(r"1[ .-]\(?8(?:00|33|44|55|66|77|88)\)?[ .-]\d{3}[ .-]\d{4}")
_MODEL = re.compile(r"(?:型号|货号|款号|批号)[是为:：\s]{0,3}$")
# 1-212-555-0187: the country in front
_TRUNK = re.compile(r"1[ .-](?<![\w*.#/=$-]1[ .-])\(?[2-9]\d{2}\)?[ .-]?[2-9]\d{2}[ .-]\d{4}(?![\w*])(?![.-]\d)")
# a line in a house, in China: what a place may have for everybody, and a mobile is not
_HOUSE_LINE = re.compile(r"(?:0(?:10|2\d|[3-9]\d\d))?[2-8]\d{6,7}")
_LONGEST_LINE = 12
_EXTENSION = re.compile(r"(?<=[0-9]{7})[-－—][0-9]{1,4}$")
# 400-820-8820, 800 820 8820, 95588, 12315: lines that anybody may call
_PUBLIC = re.compile(r"[48]00\d{7}|95\d{3,4}|1[0-2]\d{1,3}")
_TEN = re.compile(r"[2-9](?<![\w*.#/=$-][2-9])\d{9}(?![\w*%])(?![.-]\d)")
_NOT_PHONE = re.compile(
    r"(?i)(?:order|invoice|tracking|track|account|acct|booking|reservation|confirmation|reference|ref|ticket|case|"
    r"serial|model|sku|item|product|part"
    r"|isbn|upc|ean|parcel|shipment|waybill|policy|transaction|id|code|pin|number"
    r" is|no|no\.|nr|#|订单|单号|货号|编号|型号)[^\n.!?;]{0,20}$"
)
_PHONE_WORD = re.compile(
    r"(?i)\b(?:(?:my|best|new|home|work|other|his|her|their|direct) number|phone|mobile|cell|tel|call|text|"
    r"reach|contact)|电话|手机|号码|联系"
)
_ID = re.compile(rf"[{_N9}](?<![{_D}*][{_N9}])(?:{_GAP}[{_D}]){{16}}{_GAP}[{_D}XxＸｘ]{_END}")
_OLD_ID = re.compile(rf"身份证[^{_A}\n]{{0,8}}+([1-9][0-9]{{14}}){_END}")
_CARD = re.compile(
    rf"[{_A}](?<![{_A}*.][{_A}])(?:[{_A}]{{12,18}}|[{_A}]{{3}}(?:[ \-－·.][{_A}]{{4}}){{3}}(?:[ \-－·.]?[{_A}]{{1,3}})?"
    rf"|[{_A}]{{3}}[ \-－][{_A}]{{6}}[ \-－][{_A}]{{5}}|[{_A}]{{5}}[ \-－][{_A}]{{7,13}}){_END}"
)
_SAID = re.compile(
    rf"(?:电话|手机|联系方式|卡号|银行卡|身份证|证件|phone|Phone|mobile|Mobile|cell|Cell|tel|Tel|card|Card|call"
    rf" me|text me)"
    rf"[^{_A}*\n，。；;!！?？]{{0,12}}+([+＋]?[{_A}](?:{_GAP}[{_A}]){{5,18}}){_END}"
)
_HOTLINE = re.compile(
    r"(?i)(?:热线|客服|官方|总机|前台|投诉|举报|服务台|服务中心|售后|人工|银行|公司|网点|维修|报修|报警|急救"
    r"|hotline|helpline|help\s?line|toll[- ]free|customer (?:service|care|support)|support line|front"
    r" desk|reception|our (?:phone|number|office|store)|head office|(?:store|shop|office|hotel|restaurant|venue|clinic)"
    r"(?:['’]s)? (?:phone|number|line))"
    r"[^，,。；;！!？?\n]{0,14}$"
)
_ORDER = re.compile(
    r"(?i)(?:订单|单号|运单|快递|物流|流水|编号|批号|货号|中通|圆通|申通|韵达|顺丰|极兔|邮政|百世|德邦|条形?码|商品码|"
    r"barcode|isbn|ean|upc|order|tracking|waybill|parcel|shipment|invoice)[^，,。"
    r";；\n卡]{0,10}$"
)
_PARCEL = re.compile(r"(?:订单号|单号|货号|编号|批号|流水号|型号)[是为:：\s]{0,3}[A-Za-z]{0,4}$")
_EMAIL = re.compile(
    r"([A-Za-z0-9_.%+-](?<![A-Za-z0-9_.%+-]{2})[A-Za-z0-9_.%+-]*+)([@＠]|"
    r"\s?[\[(（]at[\])）]\s?)([A-Za-z0-9-]{1,63}(?:[.．。"
    r"][A-Za-z0-9-]{1,63})+)"
)
# wangwu@公司.cn, ｌｉｓｉ＠ｑｑ．ｃｏｍ
_W = "A-Za-z0-9Ａ-Ｚａ-ｚ０-９"
_WIDE_SIGN = re.compile("[@＠][\u4e00-\u9fffＡ-Ｚａ-ｚ０-９]{1,40}[.．。][A-Za-zＡ-Ｚａ-ｚ]")
_WIDE_EMAIL = re.compile(
    rf"([{_W}_.%+-](?<![{_W}_.%+-][{_W}_.%+-])[{_W}_.%+-]*+)([@＠])"
    rf"((?:[{_W}-]{{1,63}}|[\u4e00-\u9fff]{{1,20}})(?:[.．。][{_W}-]{{1,63}})+)"
)
# lisi#qq.com: the sign changed so that no filter sees it
_HASHED = re.compile(
    r"([A-Za-z0-9_.%+-](?<![A-Za-z0-9_.%+-]{2})[A-Za-z0-9_.%+-]{2,63}+)([#＃]|\s?[(（]艾特[)）]\s?)"
    r"((?i:qq|163|126|139|gmail|foxmail|outlook|hotmail|sina|yeah|icloud|yahoo)[.．](?i:com|cn|net))"
)
_AT = ("@", "＠", "艾特", "at")
_POINT = (".", "．", "。", "点", "dot")
# what every address has in its middle: texts without it, such as a@a@a@…, are not looked at name by name
_EMAIL_SIGN = re.compile(r"(?:[@＠]|[\[(（]at[\])）]\s?)[A-Za-z0-9-]{1,63}[.．。]")
_SPOKEN_SIGN = re.compile(
    r"(?:[@＠]|艾特|\s[Aa][Tt]|[\[(（][Aa][Tt][\])）])\s?[A-Za-z0-9-]{2,40}"
    r"(?:\s?[.．点]|\s[Dd][Oo][Tt]\s|\s?[\[(（][Dd][Oo][Tt][\])）])"
)  # not IGNORECASE: that would look at every character instead of the few it can begin with
# lily at qq dot com, lily@qq点com, lily @ qq.com: spelled so that no filter sees it
_SPOKEN_EMAIL = re.compile(
    r"([A-Za-z0-9_.%+-](?<![A-Za-z0-9_.%+-]{2})[A-Za-z0-9_.%+-]{1,63}+)(\s?[@＠]\s?|\s?艾特\s?|"
    r"\s?[\[(（]at[\])）]\s?|\sat\s(?=[A-Za-z0-9-]{2,40}(?:\sdot\s|\s?点)))"
    r"([A-Za-z0-9-]{2,40}(?:(?:\s?[.．点]\s?|\sdot\s|\s?[\[(（]dot[\])）]\s?)[A-Za-z]{2,15}){1,3})(?![A-Za-z0-9])",
    re.IGNORECASE,
)
# Taiwanese identity cards, passports and permits, where the text names them
_OTHER_ID = re.compile(
    r"(?:身[分份][证證]|护照|護照|通行证|通行證|居留证|居留證|[Pp]assport)[^A-Za-z0-9\n]{0,8}+(?:(?:no|No|NO|"
    r"number)[.:： ]{0,3})?(?:is\s)?([A-Za-z]{1,2}[0-9]{7,9})(?![0-9A-Za-z])"
)
_SOCIAL = re.compile(
    r"[Ss](?:(?<=\b[Ss])[Ss][Nn]|ocial [Ss]ecurity)(?:\s?(?:[Nn]umber|[Nn]o\.?|#))?(?:\sis|\s?[:：])?\s{0,2}"
    rf"([0-9]{{3}}[- ]?[0-9]{{2}}[- ]?[0-9]{{4}}){_END}"
)
_BARE_Q = re.compile(
    r"[qQｑＱ](?<![A-Za-z0-9][qQｑＱ])(?:号码?|\s?number)?\s?(?:[:：是]|(?<=加[qQ])|(?<=加[qQ]\s)|(?<=加[qQ]号)|"
    r"(?<=number))\s?([1-9][0-9]{4,11})(?![A-Za-z0-9])"
)
_Q_ADD = re.compile(r"[qQｑＱ](?<![A-Za-z0-9][qQｑＱ])\s?([1-9][0-9]{5,10})(?=\s?[,，]?\s?(?:加|搜|找我|联系|备注))")
_ADD_V = re.compile(
    r"加(?:我|个|下|一下)?\s?[vVｖＶ]\s{0,2}"
    r"[:：]?\s?([A-Za-z](?=[A-Za-z]{0,19}[0-9_-])[A-Za-z0-9_-]{5,19})(?![A-Za-z0-9_-])"
)
_ACCOUNT = re.compile(
    r"(微\s?信|薇信|威信|v信|V信|wx|WX|Wx|vx|VX|Vx|qq|QQ|Qq|wechat|Wechat|WeChat|WECHAT|weixin|Weixin|wei信|薇xin|"
    r"绿泡泡|绿泡|扣扣|企鹅|Line(?=\s[Ii][Dd])|line(?=\s[Ii][Dd]))"
    r"(?<![A-Za-z0-9][WwVvQq][XxQq])(?=[号账帐是为叫:：=\sA-Za-z0-9])(?:[账帐]?号码?|\s?(?:id|ID|Id|number|account))?+"
    r"\s{0,2}+(?:(是|为|叫|[:：=]|is\b)\s{0,2}+)?([A-Za-z](?=[A-Za-z0-9_-]{5})[A-Za-z0-9_-]{5,19}+|"
    r"[1-9][0-9]{4,11}+)(?![A-Za-z0-9_@-])"
)
_BARE_V = re.compile(
    r"[vVｖＶ](?<![A-Za-z0-9][vVｖＶ])[xX]?\s?[:：]\s?([A-Za-z][A-Za-z0-9_-]{5,19}|[1-9][0-9]{4,11})(?![A-Za-z0-9_-])"
)
# the shortest name of an account: texts without it, such as 加q加q…, are not looked at sign by sign
_NAME_OF_ACCOUNT = re.compile(r"[A-Za-z0-9_-]{5}")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_FIGURES = re.compile(rf"[{_A}]")
_DIGITS = re.compile(rf"[{_D}]")


def hide_numbers(text: str, *, talk: Talk = UNKNOWN) -> str:
    """`text` with phones, cards, e-mail addresses and account names hidden; first and last digits stay. `talk`: what
    is known of who speaks."""
    lower = text.lower().__contains__
    mail = any(map(lower, _AT)) and any(map(lower, _POINT))
    if mail and _EMAIL_SIGN.search(text):
        text = substitute(_EMAIL, _hide_email, text)
    if mail and _WIDE_SIGN.search(text):
        text = substitute(_WIDE_EMAIL, _hide_email, text)
    if mail and _SPOKEN_SIGN.search(text):
        text = substitute(_SPOKEN_EMAIL, _hide_spoken, text)
    if "#" in text or "＃" in text or "艾特" in text:
        text = substitute(_HASHED, _hide_email, text)
    if _NAME_OF_ACCOUNT.search(text):
        text = substitute(_ACCOUNT, _hide_account, text)
        patterns: tuple[re.Pattern[str], ...] = (_BARE_Q, _ADD_V, _BARE_V)
        if any(map(text.__contains__, ("加", "搜", "找我", "联系", "备注"))):
            patterns = (*patterns, _Q_ADD)
        for pattern in patterns:
            text = substitute(pattern, lambda m: _within(m, 1, _hide_account_name(m.group(1))), text)
    if not _DIGITS.search(text):
        return text
    text = substitute_any(_ID, _hide_id, text)
    text = substitute_any(_MOBILE, _hide_mobile, text)
    if not _FIGURES.search(text):
        return text
    text = substitute_any(_CARD, _hide_card, text)
    text = substitute(_LANDLINE, partial(_hide_line, talk=talk), text)
    text = substitute(_FOREIGN, lambda m: _hide_digits(m.group(), 3, 2), text)
    text = substitute(_TRUNK, _hide_line, text)
    text = substitute(_AMERICAN, _hide_line, text)
    if "ssn" in text or "SSN" in text or "ocial" in text:
        text = substitute(_SOCIAL, lambda m: _within(m, 1, _hide_digits(m.group(1), 0, 2)), text)
    text = substitute(_OLD_ID, lambda m: _within(m, 1, _hide_digits(m.group(1), 3, 2)), text)
    text = substitute(_OTHER_ID, lambda m: _within(m, 1, _hide_account_name(m.group(1))), text)
    text = substitute(_SAID, partial(_hide_said, talk=talk), text)
    return text if _HAN.search(text) else substitute(_TEN, _hide_ten, text)


def plain_digits(text: str) -> str:
    """ASCII digits (and X) of a number without its marks."""
    return "".join(c for c in text.translate(_PLAIN) if c.isascii() and c.isalnum())


def luhn(digits: str) -> bool:
    """Luhn check (ISO/IEC 7812-1) of a bank card number."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


_CARD_ID = re.compile(r"[1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx]")


def is_id_card(digits: str) -> bool:
    """Whether it reads as a Chinese resident ID (GB 11643-1999). The check character is not asked: a mistyped card is
    still a card."""
    return _CARD_ID.fullmatch(digits) is not None


def _hide_digits(text: str, first: int, last: int) -> str:
    """Stars for all digits but the `first` and `last` ones; separators stay where they are."""
    places = [i for i, c in enumerate(text) if c.isdigit() or c in _ZH or c in "XxＸｘ"]
    hidden = set(places[first : len(places) - last])
    return "".join(STAR if i in hidden else c for i, c in enumerate(text))


def _within(match: re.Match[str], group: int, hidden: str) -> str:
    """The match with one group replaced."""
    whole, at = match.group(), match.start()
    return whole[: match.start(group) - at] + hidden + whole[match.end(group) - at :]


def _hide_email(match: re.Match[str]) -> str:
    name, sign, host = match.groups()
    return match.group() if STAR in name else name[0] + STAR * max(len(name) - 1, 1) + sign + host


def _hide_spoken(match: re.Match[str]) -> str:
    name, sign, host = match.groups()
    if STAR in name:
        return match.group()
    return name[0] + STAR * max(len(name) - 1, 1) + sign + host


def _hide_account_name(name: str) -> str:
    return name[:2] + STAR * (len(name) - 2)


def _hide_account(match: re.Match[str]) -> str:
    app, link, name = match.groups()
    if match.string[match.start() - 1 : match.start()] in ("&", "?") or _PARCEL.search(
        match.string, max(0, match.start() - 10), match.start()
    ):
        return match.group()  # a part of a link, the number of a parcel
    if not link and not any(c.isdigit() or c in "_-" for c in name):
        return match.group()  # wechat account, 微信 payment: a word, no id
    if not link and app.lower() in ("wx", "vx") and match.end(1) == match.start(3) and not name[0].islower():
        return match.group()  # WX20230501: a model
    return _within(match, 3, _hide_account_name(name))


def _hide_id(match: re.Match[str]) -> str:
    return _hide_digits(match.group(), 3, 2) if is_id_card(plain_digits(match.group())) else match.group()


def _hide_mobile(match: re.Match[str]) -> str:
    found = match.group()
    if "." in found and (found.count(".") == 3 or " " in found):
        return found  # 192.168.100.12, or a row of decimals
    if _TOLL_FREE.fullmatch(found) and _HOTLINE.search(match.string, max(0, match.start() - 30), match.start()):
        return found
    behind = match.string[match.end() : match.end() + 1]
    if behind.isascii() and behind.isalpha() and _MODEL.search(match.string, max(0, match.start() - 6), match.start()):
        return found
    return _hide_digits(found, 3, 2)


def _hide_card(match: re.Match[str]) -> str:
    found = match.group()
    if _ORDER.search(match.string, max(0, match.start() - 16), match.start()):
        return found  # one order number in ten passes the check of cards
    for end in (len(found), *(i for i in range(len(found) - 1, 12, -1) if not found[i].isdigit())):
        digits = plain_digits(found[:end])
        if 13 <= len(digits) <= 19 and luhn(digits):
            return _hide_digits(found[:end], 4, 3) + found[end:]
    return found


def _hide_line(match: re.Match[str], *, talk: Talk = UNKNOWN) -> str:
    """A number that the text calls a hotline, a toll-free one, or the line of a house, belongs to nobody."""
    digits = plain_digits(match.group())
    if _PARCEL.search(match.string, max(0, match.start() - 10), match.start()):
        return match.group()
    if _PUBLIC.fullmatch(digits) or _HOTLINE.search(match.string, max(0, match.start() - 30), match.start()):
        return match.group()
    if _HOUSE_LINE.fullmatch(digits) and of_a_place(match.string, *match.span(), talk):
        return match.group()
    return _hide_digits(match.group(), 3, 2)


def _hide_said(match: re.Match[str], *, talk: Talk) -> str:
    if _PUBLIC.fullmatch(plain_digits(match.group(1))):
        return match.group()
    short = len(plain_digits(match.group(1))) <= _LONGEST_LINE  # 银行卡6217… is no line of a bank
    first = max(0, match.start() - 14)
    if short and not match.group(1).startswith("1") and _HOTLINE.search(match.string, first, match.start(1)):
        return match.group()
    line = _EXTENSION.sub("", match.group(1))
    if _HOUSE_LINE.fullmatch(plain_digits(line)) and of_a_place(match.string, *match.span(1), talk):
        return match.group()
    return _within(match, 1, _hide_digits(match.group(1), 3, 2))


def _hide_ten(match: re.Match[str]) -> str:
    before = match.string[max(0, match.start() - 40) : match.start()]
    called = _PHONE_WORD.search(before)
    if not called and (_NOT_PHONE.search(before) or match.group()[3] in "01"):  # no exchange begins so
        return match.group()
    return _hide_line(match)
