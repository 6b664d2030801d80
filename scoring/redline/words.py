"""Where the words of a Chinese sentence begin and end, by the dictionary of jieba (rjieba, MIT) and a few words of our
own.

Asked about hits alone: a search for characters finds 混蛋 in 混蛋糕, a dictionary reads 混|蛋糕. Does not know rules.
"""

from __future__ import annotations

from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import rjieba

OWN = (
    "微信",
    "支付宝",
    "好评",
    "差评",
    "返现",
    "傻逼",
    "装逼",
    "客服",
    "人渣",
    "垃圾",
    "恶心",
    "蛋白粉",
    "蛋白质",
    "蛋托",
    "蛋糕粉",
)
REACH = 16  # characters looked at on either side
SHORT = 3
COMMON = 200_000  # a frequency above that of any rival reading


def han(c: str) -> bool:
    return "\u4e00" <= c <= "\u9fff"


@cache
def segmenter() -> rjieba.Jieba:
    """jieba's dictionary with our words, loaded when first asked."""
    import rjieba  # its dictionary is read at the import: a tenth of a second that listing rules need not wait for

    made = rjieba.Jieba()
    for word in OWN:
        made.add_word(word, COMMON, "n")
    return made


def word_at(text: str, place: int) -> tuple[int, int]:
    """The word that goes across ``place`` (between two characters); an empty span at a border between words."""
    low = high = place
    while low > max(0, place - REACH) and han(text[low - 1]):
        low -= 1
    while high < min(len(text), place + REACH) and han(text[high]):
        high += 1
    if low == place or high == place:
        return place, place
    ends = [low + n for n in accumulate(map(len, segmenter().cut(text[low:high], False)))]
    for start, end in zip((low, *ends), ends, strict=False):
        if start < place < end:
            return start, end
    return place, place


def cut_out(text: str, start: int, end: int) -> bool:
    """Does the span begin or end inside a word that is not wholly a part of the sentence's match (混|蛋糕 for 混蛋)?

    A word around the whole span (去死吧 around 去死) cuts nothing, and more than ``SHORT`` characters do not meet by
    accident.
    """
    return end - start <= SHORT and any(
        word != (place, place) and not (word[0] <= start and end <= word[1])
        for place in (start, end)
        for word in (word_at(text, place),)
    )
