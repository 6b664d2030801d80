"""Bytes in a file's encoding to UTF-8: which encoding it is, and a fast conversion with the C library's iconv.

Python's own GB18030 codec costs twice as much; it stays as the fallback and finds what is invalid.
"""

from __future__ import annotations

import codecs
import ctypes
from pathlib import Path

import numpy as np

SAMPLE = 1 << 20
UTF8, GB18030, UTF16 = "utf-8", "gb18030", "utf-16"
ENCODINGS: tuple[str, ...] = (UTF8, GB18030, UTF16)


def detect(path: Path) -> str:
    """`utf-8`, `gb18030` or `utf-16` (by its mark), from the beginning, the middle and the end of the file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(SAMPLE)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return UTF16
        samples = [head]
        for place in (size // 2, size - SAMPLE):
            if place > SAMPLE:
                file.seek(place)
                samples.append(_from_line(file.read(SAMPLE)))
    for encoding in (UTF8, GB18030):
        if all(_valid(sample, encoding) for sample in samples):
            return encoding
    damage = {encoding: sum(_damage(sample, encoding) for sample in samples) for encoding in (UTF8, GB18030)}
    return UTF8 if damage[UTF8] <= damage[GB18030] else GB18030


def _from_line(sample: bytes) -> bytes:
    return sample[sample.find(b"\n") + 1 :]  # a sample may begin inside a character


def _valid(sample: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        return False
    return True


def _damage(sample: bytes, encoding: str) -> int:
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    return decoder.decode(sample).count("�")  # not final: a character cut by the sample's end is no damage


class Recoder:
    """Converts whole records of `encoding` to UTF-8."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._iconv = _open_iconv(encoding) if encoding != UTF8 else None

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
            return str(raw, self._encoding).encode(), False
        except UnicodeDecodeError:
            return str(raw, self._encoding, errors="replace").encode(), True


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
