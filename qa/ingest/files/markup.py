"""HTML, MHT and XML as lines, tables and records of text. Nothing of it is ever shown or run; scripts and styles are
dropped."""

from __future__ import annotations

import email
import email.policy
import html
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from typing import Any

from qa.errors import Invalid
from qa.i18n import N_

BLOCKS = frozenset(
    [
        "p",
        "div",
        "br",
        "tr",
        "li",
        "ul",
        "ol",
        "table",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "section",
        "article",
        "blockquote",
        "hr",
        "dt",
        "dd",
        "header",
        "footer",
        "center",
        "pre",
    ]
)
SILENT = frozenset(("script", "style", "head", "title"))
INLINE = frozenset(
    [
        "a",
        "b",
        "i",
        "u",
        "s",
        "em",
        "strong",
        "span",
        "font",
        "small",
        "big",
        "sub",
        "sup",
        "br",
        "p",
        "div",
        "img",
        "blockquote",
        "ul",
        "ol",
        "li",
        "code",
        "pre",
        "table",
        "tbody",
        "thead",
        "tr",
        "td",
        "th",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "center",
        "hr",
        "label",
    ]
)
TAG = re.compile(r"</?([a-zA-Z][a-zA-Z0-9]*)\b[^<>]*>")
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
SPACES = re.compile(r"[ \t\r\f\v]*\n[ \t\r\f\v]*")


class _Lines(HTMLParser):
    """Text with a newline where a block begins or ends."""

    def __init__(self, picture: str) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent, self._picture, self._link = 0, picture, ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in SILENT:
            self._silent += 1
        elif tag in BLOCKS:
            self.parts.append("\n")
        elif tag in ("td", "th"):
            self.parts.append(" ")
        elif tag == "img":
            self.parts.append(self._picture)
        elif tag == "a":
            self._link = next((value or "" for name, value in attrs if name == "href"), "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._link.startswith(("http://", "https://")):
            if self._link not in "".join(self.parts[-3:]):
                self.parts.append(f" {self._link} ")  # what a reader would be led to
            self._link = ""
        if tag in SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in BLOCKS and tag != "br":
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(data)


def text_of(markup: str, picture: str = "[图片]") -> str:
    """What a reader sees of HTML: one line a block, no blank lines."""
    parser = _Lines(picture)
    parser.feed(markup)
    parser.close()
    return "\n".join(line for line in SPACES.sub("\n", "".join(parser.parts)).split("\n") if line.strip()).strip()


def is_formatted(text: str) -> bool:
    """Whether a message is HTML a program wrote: closed formatting tags, or line breaks; not a lone tag that somebody
    typed."""
    if COMMENT.search(text):
        return True
    tags = [(name.lower(), text[at.start() + 1] == "/") for at in TAG.finditer(text) if (name := at.group(1))]
    if not tags or any(name not in INLINE for name, _ in tags):
        return False
    opened = {name for name, closing in tags if not closing}
    return "br" in opened or any(name in opened for name, closing in tags if closing)


def plain(text: str, always: bool = False) -> str:
    """A message without its markup; unchanged when it has none. `always`: the export writes all texts as HTML."""
    for _ in range(2):  # exports that escape what was escaped
        if is_formatted(text) or (always and TAG.search(text)):
            text = text_of(text)
        elif ENTITY.search(text):
            text = html.unescape(text)
    return text


MOST_SPANNED = 2_000
ENTITY = re.compile(r"&(?:nbsp|amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});")


class _Tables(HTMLParser):
    """The rows of all tables."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[list[list[str]]] = []
        self._cell: list[str] | None = None
        self._span = (1, 1)
        self._below: dict[int, tuple[int, str]] = {}  # column → rows it still fills, with what

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append([])
            self._below = {}
        elif tag == "tr" and self.tables:
            self.tables[-1].append([])
        elif tag in ("td", "th") and self.tables and self.tables[-1]:
            self._close()
            self._fill_down()
            self._cell = []
            said = dict(attrs)
            self._span = (_count(said.get("rowspan")), _count(said.get("colspan")))
        elif tag == "br" and self._cell is not None:
            self._cell.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "tr", "table"):
            self._close()
            if tag == "tr" and self.tables and self.tables[-1]:
                self._fill_down()

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)

    def _close(self) -> None:
        if self._cell is not None and self.tables and self.tables[-1]:
            row, text = self.tables[-1][-1], "".join(self._cell).strip()
            rows, columns = self._span
            for _ in range(columns):
                if rows > 1:
                    self._below[len(row)] = (rows - 1, text)
                row.append(text)
        self._cell = None

    def _fill_down(self) -> None:
        """Cells of rows above that reach into this one."""
        row = self.tables[-1][-1]
        while len(row) in self._below:
            left, text = self._below.pop(len(row))
            if left > 1:
                self._below[len(row)] = (left - 1, text)
            row.append(text)


def _count(said: str | None) -> int:
    """How many rows or columns a cell spans."""
    return min(int(said), MOST_SPANNED) if said and said.isascii() and said.isdigit() and int(said) > 0 else 1


def tables_of(markup: str) -> list[list[list[str]]]:
    """The tables with at least two columns, as rows of cells."""
    parser = _Tables()
    parser.feed(markup)
    parser.close()
    return [rows for rows in parser.tables if max((len(row) for row in rows), default=0) >= 2]


OFFICE = "urn:schemas-microsoft-com:office:spreadsheet"


def is_spreadsheet(text: str) -> bool:
    """Whether a file is a workbook written as XML."""
    return text[:200].lstrip().startswith("<?xml") and OFFICE in text[:4000]


def sheets_of(text: str, name: str) -> list[tuple[str, list[list[str]]]]:
    """Name and rows of the sheets of a workbook written as XML."""
    found = []
    for sheet in _parsed(text, name).iter(f"{{{OFFICE}}}Worksheet"):
        rows: list[list[str]] = []
        for line in sheet.iter(f"{{{OFFICE}}}Row"):
            row: list[str] = []
            for cell in line.iter(f"{{{OFFICE}}}Cell"):
                place = int(cell.get(f"{{{OFFICE}}}Index", len(row) + 1))
                row += [""] * min(place - 1 - len(row), MOST_SPANNED)
                row.append("".join(cell.itertext()).strip())
            rows.append(row)
        found.append((sheet.get(f"{{{OFFICE}}}Name", ""), rows))
    return found


def mht_html(raw: bytes) -> str:
    """The HTML inside a saved web page; empty when there is none."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    for part in message.walk():
        if part.get_content_type() in ("text/html", "text/plain"):
            content = part.get_payload(decode=True)
            charset = part.get_content_charset() or "utf-8"
            if isinstance(content, bytes):
                return content.decode("gb18030" if charset.lower() in ("gb2312", "gbk") else charset, errors="replace")
    return ""


def xml_record(text: str, name: str) -> dict[str, Any]:
    """An XML document as a record: attributes and elements become fields, repeated elements lists. Definitions are
    refused."""
    root = _parsed(text, name)
    record = _element(root, 0)
    return record if isinstance(record, dict) else {_local(root.tag): record}


def _parsed(text: str, name: str) -> ET.Element:
    if re.search(r"<!(?:DOCTYPE|ENTITY)", text[:100_000], re.IGNORECASE):
        raise Invalid(
            N_("The XML file {file} defines entities, which are not read. Export it without a document type."),
            file=name,
        )
    try:
        return ET.fromstring(re.sub(r"^\s*<\?xml.*?\?>", "", text.replace("\0", ""), flags=re.DOTALL))
    except ET.ParseError as problem:
        raise Invalid(
            N_("The file {file} is damaged and cannot be read as XML: {reason}"), file=name, reason=str(problem)
        ) from problem


def _local(tag: str) -> str:
    return tag.rsplit("}", 1)[-1]


def _element(node: ET.Element, depth: int) -> Any:
    children = list(node)
    text = (node.text or "").strip()
    if not children and not node.attrib:
        return text
    found: dict[str, Any] = dict(node.attrib)
    if text:
        found["text"] = text
    names = [_local(child.tag) for child in children]
    for child, name in zip(children, names, strict=True):
        value = _element(child, depth + 1) if depth < 20 else ""
        if names.count(name) > 1 or (len(set(names)) == 1 and isinstance(value, dict)):
            found.setdefault(name, []).append(value)
        else:
            found[name] = value
    return found
