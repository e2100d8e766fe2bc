"""A stream of text as blocks of whole records, in UTF-8, each with the number of its first line."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

__all__ = ["BLOCK_BYTES", "Block", "read_blocks"]

BLOCK_BYTES = 4 << 20
"""What is split into fields at a time; the caches of a processor hold it."""

_LONGEST_BYTES = 64 << 20  # of one record; what is longer is cut, and does not fill the memory
_MOST_STEPS = 2000  # lines that are tried backwards for the end of a record


@dataclass(frozen=True)
class Block:
    """Whole records.

    Attributes
    ----------
    data : bytes
        UTF-8 where the log is; ends with a line feed except perhaps at the log's end.
    first_line : int
        From 1.
    """

    data: bytes
    first_line: int


def read_blocks(stream: BinaryIO, encoding: str, quote: str | None = None, size: int = BLOCK_BYTES) -> Iterator[Block]:
    """Cut a stream into blocks.

    Parameters
    ----------
    stream : binary file
        At its beginning.
    encoding : str
        One of `imilab.logs.dialect.ENCODINGS`; a byte order mark is left out. UTF-8 is handed on unchecked, in any
        other encoding what cannot be decoded becomes U+FFFD.
    quote : str, optional
        Where given, a block does not end inside a quoted field, unless a quote that never closes leaves no other way.
    size : int
        About how many bytes a block has.
    """
    mark = quote.encode() if quote else b""
    line, rest = 1, b""
    for data in _utf8(stream, encoding, size):
        rest += data
        end = _end_of_records(rest, mark)
        if end == 0 and len(rest) > _LONGEST_BYTES:
            end = rest.rfind(b"\n") + 1 or len(rest)
        if end:
            yield Block(rest[:end], line)
            line += rest.count(b"\n", 0, end)
            rest = rest[end:]
    if rest:
        yield Block(rest, line)


def _utf8(stream: BinaryIO, encoding: str, size: int) -> Iterator[bytes]:
    """Give a stream's bytes in UTF-8, without a byte order mark."""
    if encoding in ("utf-8", "utf-8-sig"):
        first = stream.read(size).removeprefix(codecs.BOM_UTF8)
        while first:
            yield first
            first = stream.read(size)
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    at_start = True
    while data := stream.read(size):
        text = decoder.decode(data)
        yield (text.removeprefix("\ufeff") if at_start else text).encode()
        at_start = at_start and not text
    yield decoder.decode(b"", final=True).encode()


def _end_of_records(data: bytes, quote: bytes) -> int:
    """Return where the last whole record ends, 0 where more may have to come: after a line end outside of quotes."""
    end = data.rfind(b"\n") + 1
    if not quote or not end:
        return end
    inside = data.count(quote, 0, end) % 2
    if not inside:
        return end
    last = end
    for _ in range(_MOST_STEPS):
        before = data.rfind(b"\n", 0, end - 1) + 1
        if not before:
            return 0
        inside = (inside + data.count(quote, before, end)) % 2
        end = before
        if not inside:
            return end
    return last
