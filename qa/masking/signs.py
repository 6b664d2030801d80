"""What a text must have before masking can change it: a look at millions of texts in one pass.

Every rule of `mask_text` needs one of these signs. Most texts have none and need no careful look; those that have one
may still be left as they are. A rule that is added to masking needs its sign here: `tests/qa/test_masking.py` compares
the two.
"""

from __future__ import annotations

import polars as pl

from qa.masking.many import MANY

_NUMERAL = "0-9０-９〇○零一二三四五六七八九十百壹贰叁肆伍陆柒捌玖幺两"
_UNIT = "(?:号楼|单元|[号栋幢座弄室层楼房户])"
_SIX_NUMERALS = rf"[{_NUMERAL}](?:[^{_NUMERAL}]{{0,3}}[{_NUMERAL}]){{5}}"
"""Whatever is hidden as a number has this."""
_OTHERS = (
    r"[@＠]|[\[(（]at[\])）]|\s(?i:at)\s|艾特",
    r"[qQｑＱ][^0-9\n]{0,9}[0-9]{5}|加(?:我|个|下|一下)?\s?[vVｖＶ]",
    r"微\s信|wei信|薇xin|绿泡|[Ll]ine\s[Ii][Dd]",
    r"(?:[Cc]alled|[Uu]nder|[Gg]o by)(?: the name(?: of)?)? [A-Za-z]|[Ii](?:['’]?m| am) [A-Z]",
    r"[Cc]all me [A-Z]|[Ff]ull [Nn]ame [A-Z]|is my (?:full |real )?name|我是|本人|署名",
    r"[#＃](?i:qq|1[236]|gmail|foxmail|outlook|hotmail|sina|yeah|icloud|yahoo)|[0-9](?:栋|幢|号楼)[0-9]{3}",
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
    return others | texts.str.contains(_SIX_NUMERALS)
