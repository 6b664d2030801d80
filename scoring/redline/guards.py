"""Readings of a sentence that turn a match into an innocent one: quoted, declined, conditional, cut out of words,
linked, echoed, in a message unlike any violation.

Owns the words by which Chinese and English refuse, and how far a refusal reaches: to the next turn of the sentence
(不支持平台的话 | 加微信), and back from a clause of its own (加微信，这边不支持) unless that clause speaks of
something else (加微信，不支持改价). Does not know rules: it is asked about one span of one text, and what was said
before.
"""

from __future__ import annotations

import re

from scoring.redline.rule import Guard
from scoring.redline.words import cut_out

Span = tuple[int, int]

SENTENCE = re.compile(r"[。！？!?；;\n]|\.\s")
CLAUSE = re.compile(r"[，,；;：:、…~～\s](?<![A-Za-z,]\s)")
QUOTES = (("「", "」"), ("『", "』"), ("“", "”"), ("‘", "’"), ("《", "》"), ("〈", "〉"), ("【", "】"), ("〝", "〞"))

# What ends the reach of a refusal inside a clause: whoever goes on like this offers another way.
TURN = r"的话|就|则|(?<!不)可以|只能|只好|欢迎|麻烦|吧|请(?!勿)|(?<!为)了|那(?=就|[你您我加])|所以"
TURN_EN = r"\b(?:so|then|instead|but|please|you can|you may)\b|,\s*(?:just\s+|simply\s+)?$"
REFUSAL_BEFORE = re.compile(
    r"(?:(?<!能)不能|(?<!可)不可以?|(?<!要)不要|(?<!用)不用(?!平台|淘宝|走|在|经)|(?<!会)不会|(?<!是)不是|(?<!让)不让|"
    r"(?<!做)不做|(?<!搞)不搞"
    r"|(?<!需)不需要?|不得|不允许|不支持|不提供|不建议|不方便|不太方便|不太好|不准|不许|不接受|不保证|不敢|不参与|"
    r"不存在|没法|没办法|没有|无法|无需|请勿|切勿"
    r"|勿|禁止|严禁|谨防|警惕|防止|避免|拒绝|从不|绝不|并非|举报|别)"
    rf"(?:(?!{TURN})[^，,。！？!?；;：:\n]){{0,8}}$"
    r"|(?<![要是能可])不$"
    r"|(?:不能|不会|不要|不得|不可|请勿|切勿|勿|禁止|严禁|从不|绝不|谨防)[^，。！？!?；;：:\n]{1,14}[、或和]$"
    r"|\b(?:don['’]?t|do not|doesn['’]?t|does not|didn['’]?t|never|no one|nobody|cannot|can['’]?t|can"
    r" not|won['’]?t|will not|not allowed to|not able to|unable to"
    r"|may not|must not|should not|shouldn['’]?t|beware of|avoid|refrain from|no need to|not permitted to"
    rf"|against our policy to)(?:(?!{TURN_EN})[^.!?;:\n]){{0,40}}$",
    re.IGNORECASE,
)
PARTICLES = r"[的了呢哦噢喔呀哈啊嘛亲您～~ ]{0,6}"
CLOSE = rf"{PARTICLES}(?=$|[，,。！？!?；;…\n])"
REFUSED = r"不行|不可以|不能|不允许|不被允许|不支持|不提供|不让|做不到|做不了"
REFUSAL_AFTER = re.compile(
    r"[^，,。"
    rf"！？!?；;：:\n]{{0,10}}?(?:(?:{REFUSED})再?(?:做|搞|弄|操作|参与|进行)?{CLOSE}|"
    r"不被允许|不合规|(?<!不)(?<!不会)(?<!不算)(?<!没有)违(?:规|反)|"
    rf"被禁止|是禁止|是不(?:允许|可以|行)的|不了{CLOSE}"
    r"|是骗|是诈骗|都是骗|请不要|请勿|不要相信|别相信"
    r"|(?:\s(?:is|are))\s(?:not allowed|not permitted|forbidden|prohibited|against))"
    # a clause of its own that says no and nothing more
    r"|(?:的话|这种|这个|这块|好友|号|聊天|联系|付款|转账|交易|的|呢|哦|啊|哈|呀|亲){0,2}[，,]\s?"
    r"(?:(?:我们?|咱们?|这边|这里|我这边|我们这边|本店|小店|店里|平台|官方|系统|公司|客服|目前|暂时|现在|是|都|也|真的|"
    r"实在|规定|明确|一律|抱歉|不好意思|亲|呢|哦)[，"
    r",]?){0,5}"
    rf"(?:不支持|不可以|不能|不允许|不被允许|不让|不提供|禁止|违规){CLOSE}",
    re.IGNORECASE,
)
CONDITION_BEFORE = re.compile(
    r"(?:如果|如若|如有|如您|如未|如遇|如超|如因|如|若|假如|假设|要是|万一|一旦|倘若|只要|凡是|符合|满足|\b(?:if|"
    r"should|unless|in"
    r" case|once|provided|in the event)\b)",
    re.IGNORECASE,
)


WARNING = re.compile(
    r"谨防|严防|警惕|当心(?:被骗|上当|诈骗|骗子)|小心(?:被骗|上当|诈骗|骗子)|防(?:骗|诈)|反诈|防止(?:被骗|上当|受骗|"
    r"诈骗)|避免(?:被骗|上当|受骗)|以免(?:被骗|上当|受骗)|切勿(?:相信|轻信)|[勿别](?:轻信|相信)|不要(?:轻信|相信)"
    r"|冒充(?:客服|官方|平台|我们)|假冒(?:客服|官方|平台|我们)|遇到[^，。]{0,12}(?:举报|报警|挂断|拒绝)"
    r"|\b(?:beware|watch out for|look out for|be (?:careful|aware|wary|cautious) (?:of|with|about)|scam"
    r" alert|phishing|fraudsters?|scammers?|to avoid (?:scams?|fraud))\b",
    re.IGNORECASE,
)
FRAUD_AFTER = re.compile(
    r"(?:都|就|肯定|一定|全|均|可能|很可能|多半)?(?:是|属于|为)(?:骗子|诈骗|骗局|骗人|违规|违法|假冒|假的客服|电信诈骗|"
    r"钓鱼)|会被(?:处罚|封号|扣分)|"
    r"不是(?:我们|本店|官方)(?:店|家|这边|公司|平台)?的?(?:人|客服|员工|同事|工作人员)|(?:立即|立刻|马上|及时)(?:举报|报警|挂断)"
    r"|\b(?:is|are) (?:always |probably |likely |definitely )?(?:a )?(?:scams?|fraud|fraudulent|phishing|not us|against"
    r" (?:our|the) (?:policy|rules|terms))\b",
    re.IGNORECASE,
)
LINK = re.compile(
    r"(?:https?://|"
    r"www\.)[A-Za-z0-9.-]{1,100}(?::\d{1,5})?([/?#][^\s\u3000-\u303f\u4e00-\u9fff\uff00-\uffef<>\"']{0,500})",
    re.IGNORECASE,
)
DISGUISE = re.compile(r"[\u4e00-\u9fff](?:[^\w\s，。！？；：、,.!?;:“”]|\s)+[\u4e00-\u9fff]|(?<!\w)(?:\w[\W_]+){3}")
"""Characters of a word parted by marks, or single letters in a row."""
UNLIKE = -1.0
"""The score below which a message, and the clause of a match in it, reads like no violation."""
UNLIKE_BOTH = -2.5
"""Both scores together must be below this: where one is doubtful, the other has to be clear."""
TELLING = 8
"""Characters from which on a message tells enough to be judged as a whole."""
NUMBER = re.compile(r"\d{6,}[Xx]?", re.ASCII)
PARTED = re.compile(r"(?<=\d)[ \t-](?=\d)", re.ASCII)


def quoted(text: str, span: Span) -> bool:
    """Does the span lie inside one pair of quotation marks or title brackets?"""
    start, end = span
    for opening, closing in QUOTES:
        at = text.rfind(opening, 0, start)
        if at >= 0 and closing not in text[at:start] and text.find(closing, end) >= 0:
            return True
    straight = text.count('"', 0, start)
    return straight % 2 == 1 and '"' in text[end:] and '"' not in text[start:end]


def declined(text: str, span: Span) -> bool:
    """Is the span refused or warned of: a negation shortly before it, “不可以” or “is not allowed” after it, or a
    sentence about fraud?"""
    before, after = text[max(0, span[0] - 60) : span[0]], text[span[1] : span[1] + 60]
    return bool(REFUSAL_BEFORE.search(before) or REFUSAL_AFTER.match(after)) or warned(text, span)


def warned(text: str, span: Span) -> bool:
    """Does the sentence warn of what the span says (谨防诈骗，凡是要求…的都是骗子)? Whoever protests (我不是骗子)
    warns of nothing."""
    start, end = sentence(text, span)
    return bool(WARNING.search(text, start, end) or FRAUD_AFTER.search(text, span[1], end))


def sentence(text: str, span: Span) -> Span:
    """The sentence around a span, at most 120 characters to either side."""
    low, high = max(0, span[0] - 120), min(len(text), span[1] + 120)
    starts = [m.end() for m in SENTENCE.finditer(text, low, span[0])]
    ending = SENTENCE.search(text, span[1], high)
    return starts[-1] if starts else low, ending.start() if ending else high


def linked(text: str, span: Span) -> bool:
    """Does the span lie inside the address of a link, behind its host?"""
    if "/" not in text and "www." not in text:
        return False
    return any(m.start(1) <= span[0] and span[1] <= m.end() for m in LINK.finditer(text))


def cut(text: str, span: Span) -> bool:
    """Is the span cut out of longer words?"""
    return cut_out(text, *span)


def conditional(text: str, span: Span) -> bool:
    """Does the sentence before the span open a condition (如未发货可申请…)?"""
    starts = [m.end() for m in SENTENCE.finditer(text, 0, span[0])]
    return bool(CONDITION_BEFORE.search(text, starts[-1] if starts else 0, span[0]))


def unlike(text: str, span: Span) -> bool:
    """Does the message read like no violation, and the clause of the match neither, so that the match is an accident of
    its words? A short message and a match in disguise tell too little; in a long polite message one rude clause counts.
    """
    if len(text) < TELLING or DISGUISE.search(text, *span):
        return False
    from scoring.redline import wording  # loads weights and mathematics, which only a match needs

    whole = wording.likeness(text)
    if whole >= UNLIKE:
        return False
    clause = wording.likeness(_clause(text, span))
    return clause < UNLIKE and whole + clause < UNLIKE_BOTH


def _clause(text: str, span: Span) -> str:
    """The match with what stands between the same two marks."""
    start, end = sentence(text, span)
    breaks = [mark.end() for mark in CLAUSE.finditer(text, start, span[0])]
    ending = CLAUSE.search(text, span[1], end)
    return text[breaks[-1] if breaks else start : ending.start() if ending else end]


def echoed(matched: str, said: str) -> bool:
    """Does the match hold numbers (six digits or more), all of which the customer said before? Marks inside count
    not."""
    numbers = NUMBER.findall(PARTED.sub("", matched))
    known = set(NUMBER.findall(PARTED.sub("", said)))
    return bool(numbers) and known.issuperset(numbers)


READINGS = {
    Guard.QUOTED: quoted,
    Guard.DECLINED: declined,
    Guard.CONDITIONAL: conditional,
    Guard.WORDS: cut,
    Guard.LINKS: linked,
    Guard.UNLIKE: unlike,
}
