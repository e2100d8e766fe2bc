"""Sets of numbers that hold no number: the do-not-call list, checked last, and the allow-list. Pure."""

from __future__ import annotations

import csv
import hmac
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator

from imilab.errors import InvalidInputError, hides_arguments
from imilab.numbers import is_e164
from imilab.send.eligibility import canonical_number

__all__ = ["NumberSet", "csv_entries"]

_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_BYTES = 16  # of a keyed hash: among a thousand million entries, two agree by chance once in 10**20 lists
_COLUMNS = ("msisdn", "number_key")


class NumberSet:
    """Numbers to look up, kept as keyed hashes, 16 bytes each.

    Make one with `from_entries`. Numbers are compared in their canonical spelling, see
    `imilab.send.eligibility.canonical_number`.

    Examples
    --------
    >>> key = b"a key of the docs"
    >>> listed = NumberSet.from_entries(["+12025550123"], key)
    >>> "+12025550123" in listed, "+12025550124" in listed, listed
    (True, False, NumberSet(1 number))
    """

    def __init__(self, buckets: tuple[bytes, ...], key: bytes) -> None:
        self._buckets = buckets
        self._key = key
        self._length = sum(map(len, buckets)) // _BYTES

    @classmethod
    @hides_arguments
    def from_entries(cls, entries: Iterable[object], key: bytes, *, field: str = "do_not_call") -> NumberSet:
        """Read entries, numbers and keyed hashes mixed as they come.

        Parameters
        ----------
        entries : iterable
            Numbers in E.164, or their `number_key`: 64 hexadecimal digits.
        key : bytes
            The project's number key, with which the hashes were made.
        field : str
            The list's name, for the error.

        Raises
        ------
        InvalidInputError
            An entry is neither, or the key is empty. A list that cannot be read whole is not used: it would let
            through the person whose entry was misspelled.
        """
        return cls(_sorted_digests(entries, key, field), key)

    def joined(self, other: NumberSet) -> NumberSet:
        """Return who is in this set or in another one of the same key."""
        both = zip(self._buckets, other._buckets, strict=True)
        return NumberSet(tuple(_sorted_once(bytearray(ours + theirs)) for ours, theirs in both), self._key)

    def __contains__(self, msisdn: object) -> bool:
        if not isinstance(msisdn, str):
            return False
        wanted = _digest(msisdn, self._key)
        bucket = self._buckets[wanted[0]]
        length = len(bucket) // _BYTES
        place = bisect_left(range(length), wanted, key=lambda number: _entry(bucket, number))
        return place < length and _entry(bucket, place) == wanted

    def __len__(self) -> int:
        return self._length

    def __repr__(self) -> str:
        return f"NumberSet({self._length} number{'' if self._length == 1 else 's'})"


def csv_entries(lines: Iterable[str], column: str | None = None) -> Iterator[str]:
    """Give the entries of an open CSV file, for `NumberSet.from_entries`.

    Parameters
    ----------
    lines : iterable of str
        The file, opened with ``newline=""``.
    column : str, optional
        Which column holds them; by default ``msisdn``, else ``number_key``, else the only one of a file without a
        heading.

    Raises
    ------
    InvalidInputError
        There is no such column.

    Examples
    --------
    >>> list(csv_entries(["name,msisdn", "Ann,+12025550123"])), list(csv_entries(["+12025550123", "", "+12025550124"]))
    (['+12025550123'], ['+12025550123', '+12025550124'])
    """
    rows = (row for row in csv.reader(lines) if any(cell.strip() for cell in row))
    first = [cell.strip().removeprefix("\ufeff") for cell in next(rows, [])]
    if not first:
        return
    names = [cell.lower() for cell in first]
    wanted = (column.lower(),) if column else _COLUMNS
    place = next((names.index(name) for name in wanted if name in names), None)
    if place is None:
        if column or len(first) > 1 or not _is_entry(names[0]):
            raise InvalidInputError("column", f"the file has none called {' or '.join(wanted)}; name the column")
        place = 0
        yield first[0]
    for row in rows:
        yield row[place] if place < len(row) else ""


def _sorted_digests(entries: Iterable[object], key: bytes, field: str) -> tuple[bytes, ...]:
    if not key:
        raise InvalidInputError("key", "empty; give the project's number key")
    buckets = [bytearray() for _ in range(256)]  # sorted one by one, so that sorting needs little memory of its own
    wrong: list[int] = []
    for row, entry in enumerate(entries, start=1):
        text = entry.strip() if isinstance(entry, str) else ""
        digest = _digest_of_entry(text, key)
        if digest is None:
            wrong.append(row)
        else:
            buckets[digest[0]] += digest
    if wrong:
        raise InvalidInputError(
            field,
            f"{len(wrong)} entries, the first in place {wrong[0]}, are neither E.164 numbers nor keyed hashes of 64"
            " hexadecimal digits; correct them",
        )
    return tuple(_sorted_once(bucket) for bucket in buckets)


def _sorted_once(bucket: bytearray) -> bytes:
    return b"".join(sorted({_entry(bucket, number) for number in range(len(bucket) // _BYTES)}))


def _entry(bucket: bytes | bytearray, number: int) -> bytes:
    return bytes(bucket[number * _BYTES : (number + 1) * _BYTES])


def _is_entry(text: str) -> bool:
    return is_e164(text) or _HASH.fullmatch(text.lower()) is not None


def _digest_of_entry(text: str, key: bytes) -> bytes | None:
    if _HASH.fullmatch(text.lower()):
        return bytes.fromhex(text)[:_BYTES]
    return _digest(text, key) if is_e164(text) else None


def _digest(msisdn: str, key: bytes) -> bytes:
    """Return the start of the number's keyed hash, as `imilab.numbers.number_key` makes it."""
    spelling = canonical_number(msisdn) or msisdn
    return hmac.digest(key, spelling.encode("utf-8", "surrogatepass"), "sha256")[:_BYTES]
