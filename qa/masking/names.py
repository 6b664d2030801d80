"""Hides names that a text announces: 收件人：张晓梅, 王建国先生, my name is ben.

A name needs its announcement and the looks of a name: 姓名和电话 announces, but 和 is no name. Linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from qa.masking.many import STAR, substitute

_COMMON = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
    "苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵"
    "孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
)
_SURNAMES = (
    _COMMON + "庞樊兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍韦申尤毕聂丛焦向柳邢路岳齐沿梅莫庄辛管祝左"
    "涂谷祁时舒耿牟卜詹关苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈鲍位覃霍翁隋植甘景薄单包司柏"
    "宁柯阮桂闵解强柴华车冉房边辜吉饶刁瞿戚丘古米池滕晋苑邬臧畅宫来嵺苟全褚廉简娄盖符奚木穆"
    "党燕郎邸冀谈姬屠连郜晏栾郁商蒙计喻揭窦迟宇敖糜鄢冷卓花仇艾蓝都巩稽井练仲乐虞卞封竺冼原"
    "官衣楚佟栗匡宗应台巫鞠僧桑荆谌银扬明沙薄伏岑习胥保和蔺云"
)
_COMPOUND = "欧阳|司马|上官|诸葛|东方|皇甫|尉迟|公孙|慕容|令狐|司徒|夏侯|端木"
_HAN = r"\u4e00-\u9fff"
_CUE = r"(?:收件人|收货人|联系人|寄件人|姓名|名字|本人叫|我叫|户名|开户名|持卡人|真名)"
_END = r"(?=[\s,，.。;；!！?？、:：/|()（）\d\-—的电手地身收住]|$)"
# what follows an announcement and is no name
_WORD = re.compile(
    "和|及|与|跟|或|还|等|可以|不能|方式|方便|信息|电话|手机|地址|姓名|名字|是谁|谁|什么|哪|多少|怎么|有没有|能否|需要|"
    "必须|应该|已经|没有|不对|不一|不变|不符|错误|一致|不是|后面|就是|都是|填|写|改|修改|更改|确认|核对|一样|相同|本人|"
    "您|你|我|他"
    "|客服|师傅|快递|老板|全名|全称|如下|这个|那个|空白|保密|任意|随便|时候|时间|关系|单位|公司|部门|查询|查件|常用|"
    "明细|明确|包裹|来电|连接|安全|计划|成功|单子|向您|何时|何人|解释"
)
_NAME_ZH = re.compile(
    rf"({_CUE})((?:[是为叫]|[写填]的是|就是|[改换]成)?\s{{0,2}}"
    rf"[:：]?\s{{0,2}})([{_HAN}](?<![和及与跟或姓名收])[{_HAN}·]{{1,3}}?){_END}"
)
_SIGNED_ZH = re.compile(_NAME_ZH.pattern.replace(_CUE, "署名"))
_TITLED_ZH = re.compile(
    rf"[{_COMMON}欧司上诸东皇尉公慕令夏端](?:[{_HAN}]{{1,2}}|"
    rf"(?<=[欧司上诸东皇尉公慕令夏端])[阳马官葛方甫迟孙容狐徒侯木][{_HAN}]{{1,2}})(?=[先女小太][生士姐太])"
)
_NOT_TITLED = re.compile(
    "谢谢|方便|马上|常[常见用]|于是|任何|高[兴级档]|安排|万一|白天|时[候间]|和|全[部体]|原来|来自|连同|向|明[天白]|"
    "应该|都是|成为|乐意|关于|项目|单[位身]|强[烈大]|保[安证]|简单|舒服|温馨|金牌|严[格重]|华[丽为]|云客服"
)
_NAME_EN = re.compile(
    r"([Nn](?:(?<=\b[Nn])|(?<=\b[Ff]ull [Nn]))(?i:ame(?:\s+is|['’]s|\s?:))\s{1,2})([A-Za-z][a-z'’-]{1,20}(?:"
    r"[ ][A-Z][a-z'’-]{1,20}){0,2})"
)
_CALLED_EN = re.compile(
    r"([TtMmDdRrCc](?<!\w[TtMmDdRrCc])(?:(?<=[Tt])his"
    r" is|(?<=[Mm])(?:rs?\.?|s\.?|iss)|(?<=[Dd])ear|(?<=[Rr])ecipient:?|(?<=[Cc])ardholder:?)"
    r"[ ])([A-Z][a-z'’-]{1,20}(?:"
    r"[ ][A-Z][a-z'’-]{1,20}){0,2})"
)
# i am called ben, the booking is under Anna Brown, I'm Anna Brown.
_KNOWN_AS_EN = re.compile(
    r"([CcGgUu](?<!\w[CcGgUu])(?:(?<=[Cc])alled|(?<=[Gg])o by|(?<=[Uu])nder(?: the name(?: of)?)?)[ ])"
    r"([A-Za-z][a-z'’-]{1,20}(?:[ ][A-Z][a-z'’-]{1,20}){0,2})"
)
_OWN = re.compile(
    r"(?i)\b(?:i am|i['’]?m|i was|people|please|i|me|booking|reservation|order|account|it|it['’]?s|is|was|made|"
    r"booked) $"
)
_I_AM_EN = re.compile(
    r"(I(?<!\wI)(?:[ ]am|['’]m|['’]?m)[ ])([A-Z][a-z'’-]{1,20}[ ][A-Z][a-z'’-]{1,20})"
    r"(?=[.,!;)]|$| and | from | here)"
)
_I_AM_LOW_EN = re.compile(_I_AM_EN.pattern.replace("(I(?<!\\wI)", "(i(?<!\\wi)"))
# call me Dave, full name Owen Pryce
_TOLD_EN = re.compile(
    r"([CcFf](?<!\w[CcFf])(?:(?<=[Cc])all me|(?<=[Ff])ull [Nn]ame)[ ])"
    r"([A-Z][a-z'’-]{1,20}(?:[ ][A-Z][a-z'’-]{1,20}){0,2})(?=[.,!;)]|$| and | from | please )"
)
# Hugo Brandt is my name
_BEFORE_EN = re.compile(r"()([A-Z](?<!\w[A-Z])[a-z'’-]{1,20}[ ][A-Z][a-z'’-]{1,20})(?= is my (?:full |real )?name)")
# 我是赵敏，电话…, 本人陈建国: names that nothing announces but who speaks
_SPEAKER_ZH = re.compile(
    rf"(我是|本人)()([王李张刘陈杨赵周吴徐孙胡朱郭罗梁宋郑谢韩唐冯董萧曹袁邓傅沈彭吕苏卢蒋蔡贾魏薛叶阎潘杜戴][{_HAN}]"
    rf"{{1,2}})(?=[,，。；;！!\s]|$)"
)
_A_PLACE = re.compile(".[州口山浦汇湖梁庄国家市县镇村店沟桥门江集屯河]$|..[市县镇村店区路站沟]$|.*[不的了吗没要]")
# the name of somebody who is no customer, or of a thing
_OTHERS = re.compile(
    r"(?i)\b(?:drivers?|driver['’]s|courier['’]?s?|agent['’]?s?|doctor['’]?s?|product|item|file|user|brand|company|"
    r"shop|store|model|event|hotel|party|venue|toy|game|film|movie|song|book|series|collection|colou?r|shade|scent|"
    r"feature|button|page|section|folder|theme|style"
    r"|host['’]?s?|street|domain|project|app|place|restaurant)(?:[ ](?:is|was))?[ ]$"
)
_LABEL = re.compile(
    r"(?:[ ](?:Car|Model|Phone|Order|Email|Address|Date|Time|License|Plate|Number|Company|Reason|Issue))+.*$"
)
_NOT_NAME = re.compile(
    r"(?i)(?:customers?|sir|madam|ma['’]?am|friend|friends|valued|all|buyer|seller|team|guests?|member|client|user|"
    r"shopper|colleagues?|everyone"
    r"|the|a|an|not|on|in|under|for|of|to|and|or|as|is|it|your|my|our|this|that|what|spelled|spelt|misspelled|wrong|"
    r"incorrect|correct|different|same|required|also|already|still|there"
    r"|orders?|accounts?|settings|profile|returns?|help|menu|warranty|sale|construction|review"
    r"|great|perfect|good|fine|awesome|amazing|excellent|correct|monday|tuesday|wednesday|thursday|friday|saturday|"
    r"sunday|very|just|only|so|why|how|because|going|really)\b"
)


# a thing has a name too: 这款花名字叫…
_A_THING = re.compile(
    r"(?:[这那](?:款|个(?!人)|本|部|首|种|条|双|只)|产品|商品|品牌|型号|颜色|系列|活动|套餐|公众号|小程序)[^。！!？?我您你他她]*$"
)
# Hi, this is Ava from Harbor & Pine. What can I do for you?
_AT_WORK = re.compile(r" (?:from|at|with)\b[^\n]{0,40}(?:[Hh]ow (?:can|may)|[Ww]hat can) (?:I|we)\b")


def mask_name(name: str) -> str:
    """A person's name or account: the first character stays, the rest becomes stars of the same length."""
    return name[:1] + STAR * (len(name) - 1)


def may_be_a_name(text: str) -> bool:
    """Could `text` be the full name of a Chinese person?"""
    return 2 <= len(text) <= 4 and (text[0] in _SURNAMES or text[:2] in _COMPOUND.split("|"))


def hide_names(text: str) -> str:
    """`text` with the names hidden that it announces. A pattern is tried only where one of its signs stands: looking
    for a few words costs a small part of trying it at every character."""
    sign = text.lower().__contains__
    for signs, pattern, hide in _PATTERNS:
        if any(map(sign, signs)):
            text = substitute(pattern, hide, text)
    return text


def _hide_announced(match: re.Match[str]) -> str:
    cue, link, name = match.groups()
    own = name[0] in _SURNAMES or name[:2] in _COMPOUND.split("|")
    if _WORD.match(name) or not (own or (link.strip() and "成" not in link)) or len(name) > (4 if own else 3):
        return match.group()
    if cue == "名字" and _A_THING.search(match.string, max(0, match.start() - 20), match.start()):
        return match.group()
    return cue + link + mask_name(name)


def _hide_speaker(match: re.Match[str]) -> str:
    lead, _link, name = match.groups()
    if _A_PLACE.match(name) or (lead == "本人" and len(name) < 3):
        return match.group()
    return lead + mask_name(name)


def _hide_titled(match: re.Match[str]) -> str:
    found = match.group()
    if _NOT_TITLED.match(found) or (len(found) == 2 and found[1] in _SURNAMES and found[0] == found[1]):
        return found
    return mask_name(found)


def _hide_english(match: re.Match[str]) -> str:
    lead, name = match.groups()
    if _NOT_NAME.match(name) or _OTHERS.search(match.string, max(0, match.start() - 16), match.start()):
        return match.group()
    if lead.lower() == "this is " and _AT_WORK.match(match.string, match.end()):
        return match.group()
    label = _LABEL.search(name)
    own, rest = (name[: label.start()], name[label.start() :]) if label else (name, "")
    return lead + " ".join(mask_name(part) for part in own.split(" ")) + rest


def _hide_known_as(match: re.Match[str]) -> str:
    """Only where somebody speaks of a person: I am called, the booking is under."""
    if not _OWN.search(match.string, max(0, match.start() - 14), match.start()):
        return match.group()
    if match.group(1).lower().startswith("under ") and "name" not in match.group(1) and not match.group(2).istitle():
        return match.group()  # under warranty
    return _hide_english(match)


_I_AM = ("i am ", "i'm ", "i’m ", "im ")
#: What a text must have in small letters, the pattern that finds names in it, and what hides them.
_PATTERNS: tuple[tuple[tuple[str, ...], re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (tuple(_CUE.strip("(?:)").split("|")), _NAME_ZH, _hide_announced),
    (("先生", "女士", "小姐", "太太"), _TITLED_ZH, _hide_titled),
    (("署名",), _SIGNED_ZH, _hide_announced),
    (("我是", "本人"), _SPEAKER_ZH, _hide_speaker),
    (("name",), _NAME_EN, _hide_english),
    (("this is ", "mr", "ms", "miss", "dear ", "recipient", "cardholder"), _CALLED_EN, _hide_english),
    (_I_AM, _I_AM_EN, _hide_english),
    (_I_AM, _I_AM_LOW_EN, _hide_english),
    (("call me ", "full name "), _TOLD_EN, _hide_english),
    ((" is my name", " is my full name", " is my real name"), _BEFORE_EN, _hide_english),
    (("called ", "go by ", "under "), _KNOWN_AS_EN, _hide_known_as),
)
