"""Hides addresses where a house is named: 文三路123号5栋1201室, 浙江省杭州市西湖区文三路, 120 Alder Street, Portland.

Linear in the text: a search begins at few characters, its steps are bounded, and nothing is matched twice.
"""

from __future__ import annotations

import re
from functools import partial

from qa.masking.many import STAR, crowded, substitute
from qa.masking.places import UNKNOWN, Talk, of_a_place, of_our_place

_NUMERAL = r"0-9０-９一二三四五六七八九十百零〇"
_UNIT = r"(?:号楼|单元|号|栋|幢|座|弄|室|层|楼|房|户)"
_PIECE = (
    r"(?:[甲乙丙丁东西南北中][门区院]?|"
    rf"附)?[A-Za-zＡ-Ｚ]?[{_NUMERAL}]{{1,6}}(?:[-－之][{_NUMERAL}]{{1,4}}){{0,2}}{_UNIT}?院?"
)
# House numbers with what they count, one after the other: 123号5栋1201室, 甲2号A座, 八号楼二单元501
_HOUSE = re.compile(
    rf"[{_NUMERAL}](?<![{_NUMERAL}][{_NUMERAL}])[{_NUMERAL}]{{0,5}}+(?:[-－之][{_NUMERAL}]{{1,4}}+){{0,3}}{_UNIT}(?:院|"
    r"[内东西南北]侧)?"
    rf"(?:[,， ]?{_PIECE}|[,， ]?[A-Za-zＡ-Ｚ]座){{0,8}}(?![线型色码链])"
)
# 12栋1203: a building and a flat in it, without what they belong to
_FLAT = re.compile(
    r"[0-9](?<![0-9A-Za-z-][0-9])[0-9]{0,2}(?:栋|幢|号楼)[0-9]{3,4}(?:室|房)?(?![0-9A-Za-z元块平米.年月])"
)
# 浙江省杭州市西湖区文三路: a region, a smaller one, then a road or a housing estate; no number needed
_REGION_ENDS = "省市区县州盟旗镇乡"
_ROAD_ENDS = "路街巷弄村苑园庄厦寓坊府邸里湾"
_CHAIN = re.compile(
    rf"[省市州](?:[^{_REGION_ENDS}\W\d]{{1,6}}+[市区县旗州镇乡]){{1,3}}+[^{_ROAD_ENDS}{_REGION_ENDS}\W]{{1,10}}+[{_ROAD_ENDS}](?![上下里中人费程线况由径标])"
)
_ROAD = re.compile(
    r"(?:[路街巷弄村里苑园城庄厦寓坊府邸湾镇乡区墅]|(?<!农家)院|大道|胡同|广场|家园|新村|社区|公馆|国际|中心)"
    r"(?:[东南西北中]?(?:段|侧|口|街|路|里|区|院)|[一二三四五六七八九十]期|[甲乙丙丁])?$"
)
_BUILT = re.compile(rf"[栋幢弄室]|单元|号楼|[A-Za-zＡ-Ｚ]座|[{_NUMERAL}]座")
_COUNTED = re.compile(_UNIT)
_BEFORE = re.compile(r"[\u4e00-\u9fffA-Za-z0-9０-９#\-－]{0,40}$")
_LEAD = re.compile(
    r".*(?:地址有?|寄到|寄往|寄去|送到|送去|发到|发往|住址|家住|住在|家在|坐落于|位于|改成|改为|换成|换到|搬到|就在|我在|"
    r"住|到|在|是|给|往)"
)
_PROVINCE = re.compile(
    "(?:北京|上海|天津|重庆|河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|海南|四川|贵州|"
    "云南|陕西|甘肃|青海|台湾"
    "|内蒙古|广西|西藏|宁夏|新疆|香港|澳门)(?![东西南北中]?[路街里巷])"  # 双河|南路 has no province
)
_PAUSE = re.compile(r"[\s，,。；;！!？?、|]|.{15}")
_SHORT = re.compile(r"[\u4e00-\u9fff]{1,12}$")
_WORD_EN = (
    r"(?!(?:am|pm|minutes?|mins?|hours?|days?|people|nights?|on|to|the|of|at|in|for|from|and|or|my|this|that|is|"
    r"a|an)\b)[A-Za-z][A-Za-z.'’-]{0,20}"
)
_ADDRESS_EN = re.compile(
    rf"[0-9](?<![\w*$€£][0-9])[0-9]{{0,5}}[A-Za-z]?[ ](?:(?:N|S|E|W|NE|NW|SE|SW)\.?[ ])?(?:"
    rf"(?:{_WORD_EN}[ ]|\d{{1,3}}(?:st|nd|rd|th)["
    r" ]){1,4}(?i:street|avenue|road|lane|drive|boulevard|blvd|st|ave|rd|terrace)\b"
    rf"|(?:[A-Z][\w'’-]{{0,20}}[ ]){{1,4}}(?:Ln|Dr|Ct|Court|Way|Place|Pl|Square|Sq|Crescent|Close)\b)\.?"
    r"(?:,?[ ](?i:apt|apartment|suite|unit|flat|room|#)\.?[ ]?\w{1,6})?(?:,[ ][A-Z][\w' -]{1,30})?(?:,?[ ][A-Z]{2}["
    r" ]\d{5}(?:-\d{4})?)?"
)


def hide_addresses(text: str, *, talk: Talk = UNKNOWN) -> str:
    """`text` with Chinese and English addresses hidden; of a Chinese one the first two characters stay. `talk`:
    what is known of who speaks."""
    text = _hide_chinese(text, talk)
    if "栋" in text or "幢" in text or "号楼" in text:
        text = substitute(_FLAT, partial(_hide_flat, talk=talk), text)
    return substitute(_ADDRESS_EN, partial(_hide_english, talk=talk), text) if " " in text else text


def _hide_flat(match: re.Match[str], *, talk: Talk) -> str:
    return match.group() if of_a_place(match.string, *match.span(), talk) else STAR * len(match.group())


def _hide_english(match: re.Match[str], *, talk: Talk) -> str:
    return match.group() if of_our_place(match.string, match.start(), talk) else STAR * len(match.group())


def _hide_chinese(text: str, talk: Talk) -> str:
    """Spans are collected from the left and cut out once, so that none is looked at twice."""
    parts: list[str] = []
    done = free = 0
    for pattern in (_HOUSE, _CHAIN):
        text = crowded(pattern, text)
    for start, end in sorted((*_houses(text), *_chains(text))):
        if of_a_place(text, start, end, talk) or (free and not _PAUSE.search(text, free, max(free, start))):
            free = end  # 39号第一上海中心1楼: what goes on without a pause is the same address
            continue
        free = 0
        if start < done:  # the same address by another sign: its tail is hidden as well
            if end > done:
                parts.append(STAR * (end - done))
                done = end
            continue
        kept = min(2, end - start - 1)
        parts += (text[done : start + kept], STAR * (end - start - kept))
        done = end
    return "".join((*parts, text[done:])) if parts else text


def _houses(text: str) -> list[tuple[int, int]]:
    found = []
    for match in _HOUSE.finditer(text):
        start = _house_start(text, match)
        if start is not None:
            found.append((start, match.end()))
    return found


def _house_start(text: str, match: re.Match[str]) -> int | None:
    """Where the address of a house number begins; None when nothing says that it is one (7号发货, 三楼)."""
    start = match.start()
    before = text[max(0, start - 2) : start]
    if not before.strip() or not _ROAD.search(before):
        house = match.group()
        if len(_COUNTED.findall(house)) < 2 or not _BUILT.search(house):
            return None
    return _begin(text, start)


def _chains(text: str) -> list[tuple[int, int]]:
    return [(_begin(text, match.start() + 1), match.end()) for match in _CHAIN.finditer(text)]


def _begin(text: str, at: int) -> int:
    """The beginning of the place name that ends at `at`: its province, what follows a word such as 寄到, or a few
    characters."""
    left = _BEFORE.search(text, max(0, at - 40), at)
    begin = left.start() if left else at
    lead = _LEAD.match(text, begin, at)
    if lead:
        begin = lead.end()
    province = _PROVINCE.search(text, begin, at)
    if province:
        return province.start()
    if at - begin <= 14:
        return begin
    near = _SHORT.search(text, begin, at)
    return near.start() if near else begin
