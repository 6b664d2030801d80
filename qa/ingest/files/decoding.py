"""Bytes in a file's encoding to UTF-8: which encoding it is, and a fast conversion with the C library's iconv.

Python's own codecs cost twice as much; they stay as the fallback and find what is invalid.
"""

from __future__ import annotations

import codecs
import contextlib
import ctypes
import io
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from qa.ingest.files.shape import Blob, Tap

SAMPLE = 1 << 20
JUDGED = 64 << 10
"""Bytes by which encodings are told apart."""
UTF8, GB18030, BIG5, UTF16, WESTERN = "utf-8", "gb18030", "big5", "utf-16", "cp1252"
UTF16LE, UTF16BE = "utf-16-le", "utf-16-be"
ENCODINGS: tuple[str, ...] = (UTF8, GB18030, BIG5, UTF16, UTF16LE, UTF16BE, WESTERN)
CODECS = {BIG5: "cp950"}
OTHERWISE = "\ufdd0"
"""Stands in a line that was read in another encoding than its file, before its first character that tells them
apart."""
CHINESE = 0.3
"""Share of frequent characters from which a line is Chinese in an encoding, and not by chance."""
MOJIBAKE = tuple(mark.encode() for mark in "锛鐨銆鍦")
"""What ，, 的, 。 and 在 in UTF-8 become when they are read as GB18030; no shop writes these characters often."""
MOST_CONTROLS = 0.02
"""Share of control characters from which a file is no text."""
FREQUENT = frozenset(
    "的一是不了在有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之"
    "年过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心"
    "本前开但因只从想实日者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重新"
    "這個們來為國說時會對後裡過發還樣經麼學現當沒動開從實無與長機點業將兩間問們請謝貨買賣家"
    "退款客服訂單嗎您親感謝已發貨今天什麼尺碼顏色質量"
    "请谢货买卖家退款客服订单吗您亲感谢什么尺码颜色质量消息内容时间会话角色訊息內容時間會話發送方姓名"
)


def detect(blob: Blob) -> str:
    """The encoding of a text file, from its beginning, middle and end."""
    with blob.open() as file:
        head = unpadded(file.read(SAMPLE), UTF16)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return UTF16
        if _without_mark(head[0::2], head[1::2]):
            return UTF16LE
        if _without_mark(head[1::2], head[0::2]):
            return UTF16BE
        samples = [head]
        for place in (blob.size // 2, blob.size - SAMPLE):
            if place > SAMPLE:
                file.seek(place)
                samples.append(_from_line(file.read(SAMPLE)))
    if all(_valid(sample, UTF8) for sample in samples) or _mostly_utf8(head[:JUDGED]):
        return UTF8
    return _not_utf8(head[: head.rfind(b"\n", 0, JUDGED) + 1] or head[:JUDGED])


def _without_mark(low: bytes, high: bytes) -> bool:
    """UTF-16 that does not say so: the high bytes of its newlines, digits and delimiters are zero."""
    return high[:2000].count(0) > 0.2 * len(high[:2000]) and not low[:2000].count(0)


def _not_utf8(sample: bytes) -> str:
    """Chinese in one of its encodings (or UTF-8 with damage), by the share of frequent characters; Western when high
    bytes stand alone."""
    runs = re.findall(rb"[\x80-\xff]+", sample)
    alone = runs and sum(len(run) == 1 for run in runs) > 0.8 * len(runs)
    if alone and not re.search(rb"[\x81-\xfe]{4}", sample):
        return WESTERN
    best, best_score = GB18030, -10.0
    for encoding in (GB18030, BIG5, UTF8):
        wide = [c for c in sample.decode(CODECS.get(encoding, encoding), errors="replace") if c > "\u2e7f"]
        score = sum(c in FREQUENT for c in wide) / max(len(wide), 1) - 5 * wide.count("�") / max(len(wide), 1)
        if score > best_score + 0.02:
            best, best_score = encoding, score
    return best


def _mostly_utf8(sample: bytes) -> bool:
    """Whether most lines that are not ASCII are Chinese in UTF-8, though some are not: files that were put together."""
    lines = [line for line in sample.split(b"\n")[:-1] or [sample] if not line.isascii()]
    return 2 * sum(_chinese(line, UTF8) is not None for line in lines) > len(lines)


def _chinese(line: bytes, encoding: str) -> str | None:
    """The line in an encoding, if it then holds Chinese as people write it."""
    try:
        text = line.decode(CODECS.get(encoding, encoding))
    except UnicodeDecodeError:
        return None
    wide = [c for c in text if c > "\u2e7f"]
    return text if wide and sum(c in FREQUENT for c in wide) >= CHINESE * len(wide) else None


def _from_line(sample: bytes) -> bytes:
    return sample[sample.find(b"\n") + 1 :]  # a sample may begin inside a character


def _valid(sample: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        return False
    return True


def sample_text(blob: Blob, encoding: str) -> str:
    """The text at the beginning of the file, without a byte order mark."""
    with blob.open() as file:
        raw = unpadded(file.read(SAMPLE), encoding)
    text = Recoder(encoding).marked(raw, "replace") if encoding in (UTF8, GB18030) else _decoded(raw, encoding)
    return text.replace(OTHERWISE, "").lstrip("\ufeff")


def _decoded(raw: bytes, encoding: str) -> str:
    return raw.decode(CODECS.get(encoding, encoding), errors="replace")


def unpadded(raw: bytes, encoding: str) -> bytes:
    """Without the NUL at the end with which a file that was cut off may be filled up."""
    bare = raw.rstrip(b"\0")
    return bare + b"\0" if encoding.startswith(UTF16) and len(bare) % 2 else bare


def whole_text(raw: bytes, encoding: str) -> tuple[str, int]:
    """The text of a whole file, and the number of the first line (from 1) read in another encoding than the others; 0
    when there is none. What is valid in neither becomes U+FFFD."""
    raw = unpadded(raw, encoding)
    if encoding not in (UTF8, GB18030):
        return _decoded(raw, encoding).lstrip("\ufeff"), 0
    text = Recoder(encoding).marked(raw, "replace")
    at = text.find(OTHERWISE)
    return text.replace(OTHERWISE, "").lstrip("\ufeff"), text.count("\n", 0, at) + 1 if at >= 0 else 0


def is_binary(text: str) -> bool:
    """More control characters than damage explains.

    Customers paste control characters too: where the first line is clean and every byte was one of the encoding,
    they are somebody's text.
    """
    head = text[:JUDGED]
    if _controls(head) <= MOST_CONTROLS * len(head) + 3:
        return False
    return "\0" in head or "\ufffd" in head or _controls(head.split("\n", 1)[0]) > 0


def _controls(text: str) -> int:
    return sum(c < " " and c not in "\t\n\r\f" for c in text)


def is_damaged(cell: str) -> bool:
    """Whether bytes of the cell were invalid in the file's encoding (see `Recoder.marked`)."""
    return not cell.isascii() and any("\udc80" <= c <= "\udcff" for c in cell)


@contextlib.contextmanager
def opened(blob: Blob, encoding: str, tap: Tap | None) -> Iterator[tuple[Any, str]]:
    """The file as bytes after any mark, and their encoding.

    UTF-16 is read as UTF-8, because its bytes cannot be cut at newlines; lines that end in CR alone end in a newline.
    """
    with blob.open() as file:
        head = file.read(SAMPLE)
        file.seek(0)
        first = head.split(b"\n", 1)[0].rstrip(b"\r")
        cr_only = b"\r" in first and b'"' not in first  # the first line ends in one, so others do
        if encoding in (UTF16, UTF16LE, UTF16BE) or cr_only:
            whole = _Tapped(file, tap).read(-1)
            text = whole.decode(CODECS.get(encoding, encoding), errors="surrogateescape" if cr_only else "replace")
            text = text.lstrip("\ufeff").rstrip("\0")
            yield (
                io.BytesIO((_with_newlines(text) if cr_only else text).encode("utf-8", errors="surrogateescape")),
                UTF8,
            )
            return
        mark = file.read(3)
        if mark != codecs.BOM_UTF8:
            file.seek(0)
        elif tap:
            tap(mark)
        yield _Tapped(file, tap), encoding


def _with_newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


class _Tapped:
    """A file that shows what is read to `tap`."""

    def __init__(self, file: Any, tap: Tap | None) -> None:
        self._file, self._tap = file, tap

    def read(self, size: int) -> bytes:
        return self._shown(self._file.read(size))

    def readline(self) -> bytes:
        return self._shown(self._file.readline())

    def readinto(self, room: memoryview) -> int:
        got: int = self._file.readinto(room)
        if self._tap:
            self._tap(room[:got])
        return got

    def _shown(self, block: bytes) -> bytes:
        if self._tap:
            self._tap(block)
        return block


class Recoder:
    """Converts whole records of `encoding` to UTF-8."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._codec = CODECS.get(encoding, encoding)
        self._iconv = _open_iconv(self._codec) if encoding != UTF8 else None

    def __call__(self, raw: bytes | memoryview) -> tuple[bytes, bool]:
        """UTF-8 bytes, and whether anything was invalid (each invalid place became U+FFFD)."""
        if self._encoding == UTF8:
            return bytes(raw), False  # the CSV and JSON readers refuse what is not UTF-8; then `repair` is asked
        if self._iconv is not None:
            converted = self._iconv(raw)
            if converted is not None:
                return converted, False
        return self.repair(raw)

    def repair(self, raw: bytes | memoryview) -> tuple[bytes, bool]:
        """As calling, with Python's codec."""
        try:
            return str(raw, self._codec).encode(), False
        except UnicodeDecodeError:
            return str(raw, self._codec, errors="replace").encode(), True

    def mixed(self, text: bytes) -> bool:
        """Whether lines of UTF-8 may lie among what was converted from GB18030 without an error."""
        return self._encoding == GB18030 and any(mark in text for mark in MOJIBAKE)

    def marked(self, raw: bytes | memoryview, errors: str = "surrogateescape") -> str:
        """Text in which invalid bytes are lone surrogates, so that they differ from a U+FFFD the file really holds.

        Lines that are Chinese in the other of UTF-8 and GB18030 are read in that one and marked (`OTHERWISE`).
        """
        try:
            text = str(raw, self._codec)
            if not self.mixed(text.encode()):
                return text
        except UnicodeDecodeError:
            pass
        return "\n".join(self._line(line, errors) for line in bytes(raw).split(b"\n"))

    def _line(self, line: bytes, errors: str) -> str:
        other = {UTF8: GB18030, GB18030: UTF8}.get(self._encoding)
        if other is None or line.isascii() or (self._encoding == UTF8 and _valid(line, UTF8)):
            return str(line, self._codec, errors=errors)
        text = _chinese(line, other)
        if text is None:
            return str(line, self._codec, errors=errors)
        at = next(n for n, c in enumerate(text) if not c.isascii())
        return f"{text[:at]}{OTHERWISE}{text[at:]}"


class _Iconv:
    """`iconv` of the C library, over whole buffers; the call releases the interpreter lock."""

    def __init__(self, library: ctypes.CDLL, encoding: str) -> None:
        library.iconv_open.restype = ctypes.c_void_p
        library.iconv_open.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
        library.iconv.restype = ctypes.c_size_t
        text, size = ctypes.POINTER(ctypes.c_char_p), ctypes.POINTER(ctypes.c_size_t)
        library.iconv.argtypes = [ctypes.c_void_p, text, size, text, size]
        self._library = library
        self._handle = library.iconv_open(b"UTF-8", encoding.encode())
        if self._handle in (None, ctypes.c_void_p(-1).value):
            raise OSError(encoding)
        self._target = ctypes.create_string_buffer(1)

    def __call__(self, raw: bytes | memoryview) -> bytes | None:
        """The converted bytes, or None when something is invalid."""
        room = len(raw) * 2 + 16  # two bytes of GB18030 become three, four become at most four
        if len(self._target) < room:  # one buffer for all pieces: fresh memory would be cleared each time
            self._target = ctypes.create_string_buffer(room)
        target = self._target
        source = np.frombuffer(raw, np.uint8)  # the address of what is in memory already
        source_at, target_at = ctypes.c_char_p(source.ctypes.data), ctypes.cast(target, ctypes.c_char_p)
        source_left, target_left = ctypes.c_size_t(len(raw)), ctypes.c_size_t(room)
        self._library.iconv(self._handle, None, None, None, None)
        failed = self._library.iconv(
            self._handle,
            ctypes.byref(source_at),
            ctypes.byref(source_left),
            ctypes.byref(target_at),
            ctypes.byref(target_left),
        )
        if failed == ctypes.c_size_t(-1).value or source_left.value:
            return None
        return ctypes.string_at(target, room - target_left.value)


def _open_iconv(encoding: str) -> _Iconv | None:
    try:
        return _Iconv(ctypes.CDLL(None), encoding)
    except (OSError, AttributeError, TypeError):
        return None
