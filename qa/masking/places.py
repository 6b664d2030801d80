"""Tells the phone and the address of a place that is open to everybody (它的地址是…, 餐馆电话…) from somebody's own.

The text must say whose they are in the same sentence, and must not speak of a parcel, a home or an order there: 地址是…
alone may be a customer's and stays hidden. Linear in the text: a bounded look around each finding.
"""

from __future__ import annotations

import re

LOOK_BACK, LOOK_AHEAD = 60, 20
_SENTENCE = re.compile(r"[^。！!？?；;\n]*$")
_REST = re.compile(r"[^。！!？?；;\n]*")
# No place here ends as a street or an estate does (花园, 大厦): with its address the sign itself would be hidden.
_OF_A_PLACE = re.compile(
    r"(?:它|(?:这|那|该|他们?)家|[店馆厅]|[剧影医学]院|旅行社|景[点区]|商场|广场|剧场|教堂|寺庙?|(?:营业|门市)部)"
    r"[)）]?(?:的)?(?:具体|详细|联系|咨询|预订|订座|订餐)?(?:地址|地点|位置|电话|座机|坐落|位于)"
    r"|推荐[^您你我]?(?:[您你]?[去到住])?.{2,30}[店馆厅][)）]?[，,].{0,20}(?:地址|位置|电话)"
)
_SOMEBODYS = re.compile(
    r"收货|收件|寄|送到|送货|送往|派送|配送|发到|发往|包裹|快递|快件|订单|客户|顾客|买家|用户|住址|家住|住在|[我您你他她]的|[我您你她]家|我[住在]|登记|预留|留的|填的"
)


def of_a_place(text: str, start: int, end: int) -> bool:
    """Does the sentence say, before `start`, that what stands up to `end` is the phone or address of a place open to
    all, and nowhere that it is somebody's?"""
    before = _SENTENCE.search(text, max(0, start - LOOK_BACK), start)
    if before is None or not _OF_A_PLACE.search(before[0]):
        return False
    after = _REST.match(text, end, end + LOOK_AHEAD)
    return not _SOMEBODYS.search(text, before.start(), after.end() if after else end)
