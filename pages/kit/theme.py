"""Paper, ink and the inspector's vermilion brush: the colours as Python constants for figures, and the shared CSS.

Vermilion means red lines and violations and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st


@dataclass(frozen=True)
class Palette:
    """The colours of one mode, as hex strings."""

    PAPER: str
    CARD: str
    LINE: str
    MUTED: str
    INK: str
    INDIGO: str
    CELADON: str
    VERMILION: str
    OCHRE: str
    """Caution that is not a violation: waiting, late, uncertain."""


LIGHT = Palette("#FAF7F0", "#F1ECE1", "#DDD5C4", "#6F675A", "#23201B", "#2F4B7C", "#4F8A76", "#C8361D", "#A87B1E")
DARK = Palette("#1B1A18", "#26241F", "#3A372F", "#A79F8F", "#ECE6D8", "#8FA9DB", "#86BFA9", "#F0654A", "#D9AE55")

PAPER, CARD, LINE, MUTED, INK = LIGHT.PAPER, LIGHT.CARD, LIGHT.LINE, LIGHT.MUTED, LIGHT.INK
INDIGO, CELADON, VERMILION, OCHRE = LIGHT.INDIGO, LIGHT.CELADON, LIGHT.VERMILION, LIGHT.OCHRE

FONT = (
    '"Noto Sans SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei", "Hiragino Sans GB", "Noto Sans CJK SC", '
    "system-ui, sans-serif"
)


def palette() -> Palette:
    """The colours of the mode the browser shows now."""
    return DARK if st.context.theme.type == "dark" else LIGHT


def style() -> str:
    """The shared style sheet with the palette as CSS variables. Pages may use the `sc-` classes and `--sc-`
    variables."""
    return f"<style>:root{{{_variables()}}}{_RULES}</style>"


def _variables() -> str:
    """Both modes at once: Streamlit sets the colour scheme in the browser, so a switch needs no new run of the page."""
    dark = vars(DARK)
    return "".join(f"--sc-{name.lower()}:light-dark({value},{dark[name]});" for name, value in vars(LIGHT).items())


_RULES = """
.stApp{font-variant-numeric:tabular-nums lining-nums;line-height:1.6}
.stMainBlockContainer{max-width:1600px;padding:3.9rem 1.6rem 4rem}
[data-testid="stHeader"]{background:var(--sc-paper)!important}
[data-testid="stLayoutWrapper"]:has(>.st-key-account),[data-testid="stLayoutWrapper"]:has(>.st-key-menu),[data-testid="stLayoutWrapper"]:has(>.st-key-frame_place),
.stElementContainer:has(>.stHtml>style:only-child),.stElementContainer:has(>.stHtml>.sc-demo){position:absolute}
@media (max-width:640px){.stMainBlockContainer{padding-left:.8rem;padding-right:.8rem}}
.stApp em,.stApp i{font-style:normal}
.stMainBlockContainer h1,.stMainBlockContainer h2{font-weight:600;letter-spacing:0}
.stMainBlockContainer h2{font-size:1.05rem;padding:0;margin:0 0 .4rem}
.sc-title{display:flex;align-items:baseline;gap:.8rem;flex-wrap:wrap;border-bottom:1px solid var(--sc-line);
padding-bottom:.35rem}
.sc-title h1{font-size:1.35rem;padding:0;margin:0}
.sc-title span,.sc-draw small{color:var(--sc-muted)}
.sc-text{white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.65}
.sc-empty{display:flex;flex-direction:column;gap:.25rem;padding:1.2rem 1.1rem;border:1px dashed var(--sc-line);
border-radius:6px}
.sc-empty span{color:var(--sc-muted)}
.sc-vermilion{color:var(--sc-vermilion)!important}
.sc-ochre{color:var(--sc-ochre)!important}
.sc-finding{display:grid;grid-template-columns:1.5rem 10rem 1fr;gap:.6rem;padding:.35rem 0;
border-bottom:1px solid var(--sc-line)}
.sc-finding span:last-child{overflow-wrap:anywhere}
.sc-celadon{color:var(--sc-celadon)!important}
[class*="st-key-todo_"],[class*="st-key-setup_"]{border-bottom:1px solid var(--sc-line);padding:.3rem 0;
flex-wrap:nowrap}
.sc-todo{display:flex;align-items:baseline;gap:.9rem}
.stMainBlockContainer [data-testid="stPageLink"] p{color:var(--sc-indigo)}
.sc-score{display:flex;align-items:baseline;flex-wrap:wrap;gap:0 .8rem}
.sc-score b{font-size:1.15rem;font-weight:600}
.sc-score strong{font-size:1.15rem;font-weight:600;color:var(--sc-indigo)}
.sc-score p{flex-basis:100%;margin:.1rem 0;font-size:.88rem;color:var(--sc-muted)}
[data-testid="InputInstructions"]{display:none}
.sc-label{display:block;font-size:.875rem;line-height:1.5}
.st-key-more_filters{gap:.35rem}
.sc-number{font-size:1.5rem;font-weight:600;min-width:3.6rem;text-align:right;line-height:1.2}
.sc-step{display:flex;gap:.6rem}
.sc-step i{color:var(--sc-indigo)}
.sc-done{color:var(--sc-muted)}
.sc-done i{color:var(--sc-celadon)}
.sc-draw{display:grid;grid-template-columns:1fr auto;gap:.1rem .8rem;padding:.35rem 0;
border-bottom:1px solid var(--sc-line)}
.sc-bar{align-self:center;height:6px;border-radius:3px;background:var(--sc-line);overflow:hidden}
.sc-bar i{display:block;height:100%;background:var(--sc-celadon)}
.js-plotly-plot .main-svg{background:transparent!important}
.js-plotly-plot .bglayer .bg,.js-plotly-plot .legend .bg{fill:transparent!important}
.js-plotly-plot .modebar-btn::before,.js-plotly-plot .modebar-btn::after,.plotly-notifier{display:none!important}
.js-plotly-plot [class*=axislayer] text,.js-plotly-plot .infolayer text{fill:var(--sc-muted)!important}
.js-plotly-plot .infolayer .legend text{fill:var(--sc-ink)!important}
.js-plotly-plot .gridlayer path,.js-plotly-plot .zerolinelayer path{stroke:var(--sc-line)!important}
.sc-demo{position:fixed;top:.8rem;right:8.6rem;cursor:help;z-index:1000001;padding:0 .5rem;font-size:.75rem;
line-height:1.5rem;color:var(--sc-muted);
background:var(--sc-card);border:1px solid var(--sc-line);border-radius:4px;white-space:nowrap}
.st-key-menu{position:fixed;top:.8rem;left:.9rem;right:8.4rem;z-index:1000000;flex-wrap:nowrap!important;gap:0!important;
overflow-x:auto;scrollbar-width:none;width:auto!important}
.stApp:has(.sc-demo) .st-key-menu{right:calc(8.6rem + 3.6rem)}
.st-key-menu>*{width:auto!important;flex:0 0 auto!important}
.st-key-menu [data-testid="stPageLink"] a{padding:.15rem .5rem;border-radius:4px}
.st-key-menu [data-testid="stPageLink"] p{color:var(--sc-ink)!important;white-space:nowrap;font-size:.95rem}
[class*="st-key-menu_"][class*="_here"] p{font-weight:600;color:var(--sc-indigo)!important}
[class*="st-key-menu_"][class*="_here"] a{background:var(--sc-card)}
[class*="st-key-menu_apart_"]{margin-left:.35rem;padding-left:.35rem;border-left:1px solid var(--sc-line)}
@media (max-width:1439px){.st-key-menu [data-testid="stPageLink"] a{padding:.15rem .3rem}
.st-key-menu [data-testid="stPageLink"] p{font-size:.9rem}}
.sc-menu-break{display:none}
.st-key-menu>*:has(>.stHtml>.sc-menu-break),.st-key-menu>.stHtml:has(.sc-menu-break){display:none}
@media (min-width:1200px) and (max-width:1699px){.st-key-menu:has(.sc-menu-break){flex-wrap:wrap!important;top:.2rem;
row-gap:0!important}
.st-key-menu>*:has(.sc-menu-break){display:block!important;flex:1 0 100%!important;height:0}
.st-key-menu>*:has(.sc-menu-break)+* [class*="st-key-menu_apart_"],
.st-key-menu>*:has(.sc-menu-break)+[class*="st-key-menu_apart_"]{margin-left:0;padding-left:0;border-left:0}}
.st-key-frame_place{position:absolute;height:0;overflow:hidden}
@media (max-width:1279px){.stApp:not(:has(.st-key-desk_saver)) .sc-demo{top:auto;bottom:.4rem;right:.6rem}
.stApp:has(.sc-demo):not(:has(.st-key-desk_saver)) .st-key-menu{right:8.4rem}}
@media (max-width:640px){[class*="st-key-wide_"]{display:none}}
@media (min-width:641px){[class*="st-key-narrow_"]{display:none}}
@media (max-width:640px){.st-key-account button [data-testid="stMarkdownContainer"]{position:absolute;width:1px;
height:1px;overflow:hidden;clip-path:inset(50%)}
.stApp .st-key-menu,.stApp:has(.sc-demo):not(:has(.st-key-desk_saver)) .st-key-menu{right:4.2rem}
.st-key-menu:not(:has(>:nth-child(9))){flex-wrap:wrap!important;top:.35rem;row-gap:0!important}
.st-key-menu:not(:has(>:nth-child(9))) [data-testid="stPageLink"] a{padding:0 .35rem;min-height:0}
[class*="st-key-todo_decided"]{flex-wrap:wrap}[class*="st-key-todo_decided"]>:first-child{flex:1 0 100%}}
[data-testid="stCaptionContainer"],[data-testid="stCaptionContainer"] p{color:var(--sc-muted)!important;
opacity:1!important}
.stApp [data-testid^="stBaseButton-primary"]:enabled,.stApp [data-testid^="stBaseButton-primary"]:enabled p{
color:light-dark(#FFFFFF,#1B1A18)!important}
[data-testid="stMultiSelect"] [data-tag],[data-testid="stMultiSelect"] [data-tag] *{
color:light-dark(#FFFFFF,#1B1A18)!important}
.sc-lines a{color:var(--sc-indigo)}
.st-key-account{position:fixed;top:.45rem;right:.9rem;z-index:1000001;width:auto!important}
.st-key-account button{background:transparent;border-color:transparent}
"""
