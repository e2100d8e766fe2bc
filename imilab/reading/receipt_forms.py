"""The forms in which a file writes receipts: its first lines, with the values that differ from line to line cut out.

A line that is one of the forms, byte for byte, once its own values are filled in, is a receipt like those at the
beginning. So it needs no look at its keys, their types or its escapes.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from imilab.errors import UnreadableReceiptError
from imilab.logs.json_lines import RECEIPT_TEXTS
from imilab.wire import read_receipt

__all__ = ["ReceiptForms", "forms_of"]

Path = tuple[str, ...]

_FOLDED = ("message_id", "correlation_id", "status", "code", "event_at", "msisdn")
_PLACES: dict[str, Path] = {name: ("deliveryInfoNotification", *RECEIPT_TEXTS[name].split(".")) for name in _FOLDED}
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
_MOST_FORMS = 6
_LINES = 400
_MOSTLY = 0.9


@dataclass(frozen=True)
class ReceiptForms:
    """How receipts are written.

    Attributes
    ----------
    forms : tuple
        Each a line in pieces: fixed text, and in between the path of the value that stands there.
    """

    forms: tuple[tuple[str | Path, ...], ...]

    @property
    def shape(self) -> str:
        """What ``json_transform`` is to take out of a line."""
        tree: dict[str, Any] = {}
        for path in {*_PLACES.values(), *(piece for form in self.forms for piece in form if isinstance(piece, tuple))}:
            inner = tree
            for name in path[:-1]:
                inner = inner.setdefault(name, {})
            inner[path[-1]] = "VARCHAR"
        return json.dumps(tree)

    def texts(self, parsed: str) -> str:
        """Return the SQL of the texts that make a call, '' where missing."""
        return ", ".join(f"coalesce({_value(parsed, path)}, '') AS {name}" for name, path in _PLACES.items())

    def parsed(self, text: str) -> str:
        """Return the SQL of what can be taken out of a line: null where it neither begins nor ends like a form.

        A line that is cut off would make the engine look at its neighbours one by one.
        """
        ends = {(str(form[0]), str(form[-1])) for form in self.forms}
        alike = " OR ".join(
            f"starts_with({text}, {_quoted(start)}) AND ends_with({text}, {_quoted(end)})"
            for start, end in sorted(ends)
        )
        return f"CASE WHEN {alike} THEN try(json_transform({text}, {_quoted(self.shape)})) END"

    def fits(self, text: str, parsed: str) -> str:
        """Return the SQL condition that a line is one of the forms."""
        return " OR ".join(f"{text} = concat({_pieces(form, parsed)})" for form in self.forms)


def forms_of(sample: str) -> ReceiptForms | None:
    r"""Return the forms of a file's first lines, None where they have too many, or where many are no receipts.

    Examples
    --------
    >>> line = '{"deliveryInfoNotification": {"transid": "%s", "deliveryInfo": {"code": "7519"}}}'
    >>> found = forms_of("\n".join([line % "m1", line % "m2"]))
    >>> [piece for piece in found.forms[0] if isinstance(piece, tuple)]
    [('deliveryInfoNotification', 'transid'), ('deliveryInfoNotification', 'deliveryInfo', 'code')]
    """
    lines = [line for line in sample.split("\n")[:_LINES] if line.strip()]
    receipts = [(line, list(_values(line))) for line in lines if _is_receipt(line)]
    seen: defaultdict[Path, set[str]] = defaultdict(set)
    for line, values in receipts:
        for path, start, end in values:
            seen[path].add(line[start:end])
    cut = {path for path, texts in seen.items() if len(texts) > 1} | set(_PLACES.values())
    counted = Counter(_form(line, [one for one in values if one[0] in cut]) for line, values in receipts)
    forms = counted.most_common(_MOST_FORMS)
    if not lines or sum(count for _, count in forms) < _MOSTLY * len(lines):
        return None
    return ReceiptForms(tuple(form for form, _ in forms))


def _is_receipt(line: str) -> bool:
    try:
        read_receipt(line.encode(), UTC)
    except (UnreadableReceiptError, UnicodeEncodeError):
        return False
    return True


def _values(line: str) -> Iterator[tuple[Path, int, int]]:
    """Give the path, start and end of each text in a valid line that has no escape."""
    parents: list[str] = []
    key: str | None = None
    for match in _WORD.finditer(line):
        word = match[0]
        if word in "{[":
            parents.append(key or "")
            key = None
        elif word in "}]":
            parents.pop()
        elif word == ",":
            key = None
        elif word[0] == '"' and key is None:
            key = json.loads(word)
        elif word[0] == '"' and key is not None and "\\" not in word:
            yield (*parents[1:], key), match.start() + 1, match.end() - 1


def _form(line: str, values: Sequence[tuple[Path, int, int]]) -> tuple[str | Path, ...]:
    pieces: list[str | Path] = []
    behind = 0
    for path, start, end in values:
        pieces += [line[behind:start], path]
        behind = end
    return (*pieces, line[behind:])


def _value(parsed: str, path: Path) -> str:
    return parsed + "".join('."{}"'.format(name.replace('"', '""')) for name in path)


def _pieces(form: tuple[str | Path, ...], parsed: str) -> str:
    return ", ".join(_value(parsed, one) if isinstance(one, tuple) else _quoted(one) for one in form)


def _quoted(text: str) -> str:
    return "'{}'".format(text.replace("'", "''"))
