"""The one HTML frame of pages outside the workbench: paper, ink, one quiet card."""

from __future__ import annotations

from html import escape

from qa.i18n import Translator

STYLE = """
:root{--paper:#FAF7F0;--card:#FFFDF8;--line:#DDD5C4;--ink:#23201B;--muted:#6F675A;--indigo:#2F4B7C;--on:#FFFDF8;--ochre:#7D5B14;--wash:#F5EBD2}
@media(prefers-color-scheme:dark){:root{--paper:#1B1A18;--card:#23211D;--line:#3A372F;--ink:#ECE6D8;--muted:#A79F8F;--indigo:#8FA9DB;--on:#1B1A18;--ochre:#E3C078;--wash:#352B17}}
*{box-sizing:border-box}html{color-scheme:light dark}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--paper);color:var(--ink);
font:15px/1.65 "PingFang SC","Microsoft YaHei","Source Han Sans SC",
"Noto Sans CJK SC","Noto Sans SC",system-ui,sans-serif}
main{width:min(23rem,calc(100vw - 2rem));padding:2rem 2rem 1.4rem;background:var(--card);border:1px solid var(--line);
border-top:3px solid var(--ink);border-radius:6px}
header{display:flex;align-items:baseline;gap:.6rem;margin-bottom:1.4rem}
.mark{font:600 1.9rem/1 "Songti SC","STSong","Source Han Serif SC","Noto Serif CJK SC","SimSun",serif;
letter-spacing:.08em}
.name{color:var(--muted);letter-spacing:.02em}
h1{font-size:1.05rem;font-weight:600;margin:0 0 .8rem}
label{display:block;margin:.8rem 0 .25rem;color:var(--muted);font-size:.9rem}
input{width:100%;padding:.55rem .7rem;font:inherit;color:inherit;background:var(--paper);border:1px solid var(--line);
border-radius:5px}
input:focus-visible,button:focus-visible,a:focus-visible{outline:2px solid var(--indigo);outline-offset:2px}
button,.button{display:block;width:100%;margin-top:1.2rem;padding:.6rem;font:inherit;font-weight:600;text-align:center;text-decoration:none;color:var(--on);background:var(--indigo);border:0;border-radius:5px;cursor:pointer}
.error{margin:0 0 .4rem;padding:.5rem .7rem;color:var(--ochre);background:var(--wash);border-radius:5px}
.note{margin:1rem 0 0;color:var(--muted);font-size:.85rem}
footer{margin-top:1.4rem;padding-top:.8rem;border-top:1px solid var(--line);color:var(--muted);font-size:.85rem}
footer a{color:var(--indigo)}
"""


def page(_: Translator, title: str, body: str, footer: str) -> str:
    """A whole document. `body` and `footer` are HTML that the caller escaped."""
    language = _.language.replace("_", "-")
    foot = f"<footer>{footer}</footer>" if footer else ""
    return f"""<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><title>{escape(title)} · Spotcheck 抽检</title><style>{STYLE}</style></head>
<body><main><header><span class="mark" lang="zh-CN">抽检</span><span class="name">Spotcheck</span></header>
<h1>{escape(title)}</h1>
{body}
{foot}</main></body></html>"""
