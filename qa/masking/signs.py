"""What a text must have before masking can change it: a look at millions of texts in one pass.

Every rule of `mask_text` needs one of these signs. Most texts have none and need no careful look; those that have one
may still be left as they are. A rule that is added to masking needs its sign here: `tests/qa/test_masking.py` compares
the two.
"""

from __future__ import annotations

import polars as pl

from qa.masking.many import MANY

_FIGURE = "0-9０-９"
_NUMERAL = "0-9０-９〇○零一二三四五六七八九十百壹贰叁肆伍陆柒捌玖幺两"
_GAP = r"[ \t\-－—–·.．_\u3000\u200b-\u200d\ufe0f\u20e3]{0,3}"
_UNIT = "(?:号楼|单元|[号栋幢座弄室层楼房户])"
_SIX_NUMERALS = rf"[{_NUMERAL}](?:[^{_NUMERAL}]{{0,3}}[{_NUMERAL}]){{5}}"
"""Whatever is hidden as a number has this; of the texts that have it, `_NUMBERS` leaves those that look like one."""
_NUMBERS = (
    # mobile, ID card, bank card; landline; with a country code; American
    rf"[1１一壹幺]{_GAP}[3-9３-９三四五六七八九叁肆伍陆柒捌玖](?:{_GAP}[{_NUMERAL}]){{9}}",
    rf"[{_NUMERAL}](?:{_GAP}[{_NUMERAL}]){{16}}",
    rf"[{_FIGURE}](?:[ \-－·.]?[{_FIGURE}]){{12}}",
    rf"[0０][{_FIGURE}]{{2,3}}[)）]?[ \-－—–]{{0,2}}[2-9２-９](?:[ \-－]?[{_FIGURE}]){{6}}",
    rf"[0０](?:9[{_FIGURE}]{{2}}[ \-]?[{_FIGURE}]{{3}}[ \-]?[{_FIGURE}]{{3}}|7[{_FIGURE}]{{3}}[ \-]?[{_FIGURE}]{{6}})",
    rf"[48４８][0０]{{2}}[ \-－]?[{_FIGURE}]{{3,4}}[ \-－]?[{_FIGURE}]{{3,4}}",
    rf"[+＋][{_FIGURE}]{{1,3}}(?:[ .\-－()]{{0,2}}[{_FIGURE}]){{6}}",
    r"[2-9]\d{2}[) .-]{1,2}[2-9]\d{2}[ .-]\d{4}",
    r"(?:^|\W)[2-9]\d{2}[2-9]\d{6}(?:\W|$)",
    # what is called a number
    "电话|手机|联系方式|卡号|银行卡|身份证|证件|[Pp]hone|[Mm]obile|[Cc]ell|[Tt]el|[Cc]ard|call me|text me",
)
_OTHERS = (
    r"[@＠]|[\[(（]at[\])）]",
    "微信|薇信|威信|[vV]信|[wv]x|[WV]X|[WV]x|qq|QQ|Qq|[Ww]e[Cc]hat|WECHAT|[Ww]eixin|扣扣|企鹅",
    r"[vVｖＶ][xX]?\s?[:：]",
    # house numbers: behind a street, or floor and room
    rf"[路街巷弄村里苑园城庄厦寓坊府邸湾镇乡区院墅道同场馆际心段侧口期甲乙丙丁]\n?[{_NUMERAL}]",
    rf"[{_NUMERAL}A-Za-zＡ-Ｚ]{_UNIT}(?s:.){{0,40}}{_UNIT}",
    "[省市州](?s:.){1,6}?[市区县旗州镇乡]",
    "[0-9][A-Za-z]?[ ][A-Za-z0-9]",
    "收件人|收货人|联系人|寄件人|姓名|名字|本人叫|我叫|户名|开户名|持卡人|真名|先生|女士|小姐|太太",
    r"(?i:name)(?:\s+(?i:is)|['’][sS]|\s?:)",
    r"(?:[Tt]his is|[Mm](?:rs?\.?|s\.?|iss)|[Dd]ear|[Rr]ecipient:?|[Cc]ardholder:?) [A-Z]",
)


def may_change(texts: pl.Series) -> pl.Series:
    """For each text whether `mask_text` may change it; where False it does not (names that are given to it aside)."""
    others = texts.str.contains("|".join(_OTHERS)) | (texts.str.len_chars() >= MANY)
    run = (texts.str.contains(_SIX_NUMERALS) & ~others).arg_true()
    return others.scatter(run, texts.gather(run).str.contains("|".join(_NUMBERS)))
