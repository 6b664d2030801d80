"""Tells the phone and the address of a place that is open to everybody (它的地址是…, 餐馆电话…) from somebody's own.

The text must say whose they are in the same sentence, or answer what was said before (这家酒店的电话是多少？ 电话是…),
and must not speak of a parcel, a home or an order there: 地址是… alone may be a customer's and stays hidden unless the
words are known to be no customer's. Linear in the text: a bounded look around each finding.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from qa.masking.names import may_be_a_name

LOOK_BACK, LOOK_AHEAD = 60, 20
LOOK_UP = 4  # messages before, in which a place may be named
SAID = 300  # characters of each
_SENTENCE = re.compile(r"[^。！!？?\n]*$")  # several numbers are parted by semicolons
_REST = re.compile(r"[^。！!？?；;\n]*")
# No place here ends as a street or an estate does (花园, 大厦): with its address the sign itself would be hidden.
_OF_A_PLACE = re.compile(
    r"(?:它|(?:这|那|该|他们?)家|[店馆厅寺庙宫观祠陵塔峡]|(?<![花家嘉佳名])园|(?<!江)山|[剧影医学]院|旅行社|景[点区]|"
    r"商场|广场|剧场|教堂|艺术区|(?:营业|门市)部)"
    r"[)）]?(?:的)?(?:具体|详细|联系|咨询|预订|订座|订餐)?(?:地址|地点|位置|电话|座机|坐落|位于)"
    r"|推荐[^您你我]?(?:[您你]?[去到住])?.{2,30}[店馆厅][)）]?[哟哦呢啊呀吧]?[，,].{0,20}(?:地址|位置|电话)"
)
_SOMEBODYS = re.compile(
    r"收货|收件|寄(?!存|养|宿)|送到|送货|送往|派送|配送|发到|发往|包裹|快递|快件|订单|客户|顾客|买家|用户|住址|家住|"
    r"住在|[我您你他她]的(?!.{0,2}(?:要求|需求|条件|预算|口味|行程))|[我您你她]家|先生|女士|小姐|我[住在]|登记|预留|"
    r"留的|填的"
)


# what asks for, or recommends, a place: the answer may name its phone and address alone
_ABOUT = re.compile(
    r"(?:酒店|饭店|宾馆|旅馆|餐[馆厅]|饭馆|景[点区]|公园|博物馆|门店|专柜|网点|维修[站点]|服务站|体验店|"
    r"[店馆厅园寺宫峡场][)）]?|它家?|[这那该此]家?[店儿里]?|他家|哪家)[^。！!？?\n]{0,14}(?:地址|电话|位置|在哪|"
    r"在什么地方|怎么联系|联系方式)"
    # whoever asks the shop for a phone or an address asks for one that the shop gives
    r"|(?:把|发|给|告诉|知道|有|查|说|问|求|要)[^。！!？?\n]{0,14}(?:地址|电话|位置|联系方式)|(?:地址|电话|位置|"
    r"联系方式)[^。！!？?\n]{0,6}(?:多少|在哪|哪里|哪儿|是啥|是什么|给我|告诉|发我|发给|吗|有没有|呢)"
    r"|(?:推荐|建议|入住|去|到|选择|找到)[^。！!？?\n]{0,40}(?:酒店|饭店|宾馆|旅馆|餐[馆厅]|饭馆|景[点区]|公园|博物馆|"
    r"门店|[店馆厅园寺宫峡山][)）]?)"
)
_ANSWER = re.compile(r"(?:地址|地点|位置|电话|座机|联系方式|记好|记下|坐落|位于|号码)|[，,。！!、的]在$|^在$")


# 电话是…, 地址在…: said of nobody, it is what a shop or a guide says of a place; a home has a room or a unit
_NUMBERS_BEFORE = r"(?:[0-9*()（） -]{5,20}(?:[,，、/;；]|和|或者?)\s?){0,3}"
_STATED = re.compile(
    r"(?:^|[，,。！!；;、)）\s了呀好啊它])(?:(?:具体|联系|咨询|预订|座机)?(?:电话|座机|地址|地点|位置)"
    r"(?:[你您]?[记收][一好下]{1,2}下?了?[，,]?|有[两二三]个[，,]?)?(?:是在|就?在|是[:：]?|为[:：]?|[:：]|有|分别[是为])"
    r"|坐落[于在]|位于|(?:电话|座机)[你您]?[记收][一好下]{1,2}下?)[\sA-Za-z]?"
    rf"{_NUMBERS_BEFORE}$"
    # the search may begin behind the first words of an address: 地址是在天通中苑F区|华联购物中心四层
    r"|(?:^|[，,。！!；;、)）\s了呀好啊])(?:地址|位置)(?:是在|就?在|是|为)[:：]?[\u4e00-\u9fffA-Za-z0-9]{1,12}$"
    r"|记下[，,]?[是在]$"
)
# what only guides and shops open to all speak of: beside it a line or a street is the place's
_GUIDE = re.compile(
    r"人均(?:消费)?|门票|营业时间|开放时间|评分|游玩|(?:招牌|推荐|特色)菜|(?:周边|附近)(?:的)?(?:景[点区]|餐馆|餐厅|酒店|饭店)"
    r"|免费停车|停车场|方便找|(?:就是|是一?[家个]).{0,12}(?:餐馆|餐厅|酒店|饭店|景点|农家院)"
)
# 老书虫的地址是…, 欢乐谷的电话是…: an owner that is neither a person nor an estate where people live
_OWNED = re.compile(r"([^\W\d_]{2,14})的(?:电话|座机|地址|位置)(?:是在|在|是|为)[:：]?\s?" + _NUMBERS_BEFORE + "$")
_SIGHT = re.compile(r"(?:[镇街谷峡塔湖岛馆店厅寺庙场站]|[钟鼓]楼|[古长]城|大学城|影视城)$")
_LIVED_IN = re.compile(
    r"[园苑区寓邸府里村楼号弄巷庄墅]$|[我您你他她]|(?:师傅|经理|老板|老师|同事|朋友|爸|妈|哥|姐|叔|姨)$"
)
# where goods go back to, and whoever is no customer says so
_RETURNED_TO = re.compile(
    r"(?:我们|我司|商家|店铺|仓库|门店|退货|退回|退换货?|返修|维修)的?(?:仓库)?(?:收货|收件|退货)?(?:地址|地点)(?:是在|在|是|为)?[:：]?\s?"
    r"[\u4e00-\u9fffA-Za-z0-9]{0,12}$"
)
_OURS_EN = re.compile(
    r"(?i)(?:\bour|(?:store|shop|return|warehouse|office|showroom|pickup|hotel|restaurant|venue)(?:['’]s)?)"
    r"(?: (?:return|store|shop|warehouse|office|new))? (?:address|location|store|shop|office|warehouse)(?: is|:)? "
    r"(?:at )?$"
)
_A_ROOM = re.compile(r"[室户]|单元|[栋幢]|房间|宿舍")
_ASKED_BACK = re.compile(r"(?:对|是|行|可以|正确|没错|没问题)(?:吗|吧|么|不)|[？?]|核[对实]|确认")


def about_a_place(said: Sequence[str]) -> bool:
    """Is the talk, in these messages of it (oldest first), about a place open to all, and not about anybody's parcel or
    home?"""
    near = [text[-SAID:] for text in said[-LOOK_UP:]]
    return any(_ABOUT.search(text) for text in near) and not any(_SOMEBODYS.search(text) for text in near[-2:])


def about_somebody(said: Sequence[str]) -> bool:
    """Do the last of these messages speak of somebody's parcel, home or order?"""
    return any(_SOMEBODYS.search(text[-SAID:]) for text in said[-2:])


@dataclass(frozen=True, slots=True)
class Talk:
    """What is known of who speaks, and of what. `asked`: the talk is about a place open to all. `private`: the words
    may be a customer's own, so that what is said of nobody may be theirs."""

    asked: bool = False
    private: bool = False


UNKNOWN = Talk(private=True)


def of_a_place(text: str, start: int, end: int, talk: Talk = UNKNOWN) -> bool:
    """Does the sentence say, before `start`, that what stands up to `end` is the phone or address of a place open to
    all, and nowhere that it is somebody's? Where the talk asked for a place, or whoever speaks is no customer, 地址是…
    needs no name."""
    before = _SENTENCE.search(text, max(0, start - LOOK_BACK), start)
    if before is None:
        return False
    after = _REST.match(text, end, end + LOOK_AHEAD)
    until = after.end() if after else end
    if not talk.private and _RETURNED_TO.search(before[0]) and not re.search("[您你他她]", before[0]):
        return True
    if _SOMEBODYS.search(text, before.start(), until):
        return False
    if _OF_A_PLACE.search(before[0]) or (talk.asked and _ANSWER.search(before[0])):
        return True
    return not talk.private and _given(text, (start, end), before[0], until)


def of_our_place(text: str, start: int, talk: Talk) -> bool:
    """Does somebody who is no customer say before `start`, in English, that an address is the shop's?"""
    return not talk.private and _OURS_EN.search(text, max(0, start - LOOK_BACK), start) is not None


def _given(text: str, span: tuple[int, int], before: str, until: int) -> bool:
    """Does somebody who is no customer give it for a place, and ask nothing back?"""
    if _A_ROOM.search(text, *span):
        return False
    if _GUIDE.search(before) or _GUIDE.search(text, span[1], until):
        return True
    if _ASKED_BACK.search(text, span[1], min(len(text), until + 1)):
        return False
    return _STATED.search(before) is not None or _owned(before)


def _owned(before: str) -> bool:
    owner = _OWNED.search(before)
    if owner is None:
        return False
    return bool(_SIGHT.search(owner[1])) or not (_LIVED_IN.search(owner[1]) or may_be_a_name(owner[1]))
