"""How a log is written: its encoding, delimiter, quotes and header, told from its first bytes."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, field

from imilab.errors import InvalidInputError
from imilab.logs.columns import field_of

__all__ = ["ENCODINGS", "SAMPLE_BYTES", "Dialect", "detect_dialect", "detect_encoding"]

SAMPLE_BYTES = 1 << 20
"""So much of a file is looked at."""

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16-le", "utf-16-be", "latin-1")
"""What can be read; ``utf-8-sig`` begins with a byte order mark."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DELIMITERS = (",", ";", "\t", "|", "^", "~", "\x1f", "\x01")
_LINES = 200
_VALUE = re.compile(r"[+'(]{0,3}\d[\d ().-]{5,}\d|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?!\d).*")  # a number or a time


@dataclass(frozen=True)
class Dialect:
    r"""How a delimited file is written.

    Attributes
    ----------
    encoding : str
        One of `ENCODINGS`.
    delimiter : str
        Between two fields, one character.
    quote : str
        Around a field that holds a delimiter or a line end; inside it, it is written twice.
    escaped : bool
        A quote inside a quoted field is written with a backslash instead.
    has_header : bool
        The first line names the columns.
    columns : tuple of str
        The columns' names; ``column_1`` and so on where there is no header.

    Examples
    --------
    >>> print(Dialect("utf-8", "\t", columns=("Status", "Code")))
    utf-8, tab between fields, quote ", a header of 2 columns
    """

    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    escaped: bool = False
    has_header: bool = True
    columns: tuple[str, ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        names = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar", " ": "space"}
        between = names.get(self.delimiter, repr(self.delimiter))
        header = (
            f"a header of {len(self.columns)} columns" if self.has_header else f"no header, {len(self.columns)} columns"
        )
        inside = ", backslash before a quote inside" if self.escaped else ""
        return f"{self.encoding}, {between} between fields, quote {self.quote}{inside}, {header}"

    def rows(self, text: str) -> list[list[str]]:
        """Split a text into rows of fields, leniently; for looking at a sample."""
        reader = csv.reader(io.StringIO(text, newline=""), self.reading(strict=False))
        found: list[list[str]] = []
        try:
            found.extend(row for row in reader if row)
        except csv.Error:  # what was read until here is enough
            return found
        return found

    def reading(self, *, strict: bool) -> type[csv.Dialect]:
        """Return the standard library's dialect; a strict one refuses a quote in the middle of a quoted field."""

        class Reading(csv.excel):
            delimiter = self.delimiter
            quotechar = self.quote
            doublequote = not self.escaped
            escapechar = "\\" if self.escaped else None

        Reading.strict = strict
        return Reading


def detect_encoding(sample: bytes) -> str:
    r"""Say in which encoding a sample is written.

    A byte order mark decides; else zero bytes at every second place tell UTF-16, and bytes that are no UTF-8 Latin-1.

    Examples
    --------
    >>> detect_encoding("Stätus".encode("utf-16-be")), detect_encoding("Stätus".encode("latin-1"))
    ('utf-16-be', 'latin-1')
    """
    for mark, encoding in _MARKS:
        if sample.startswith(mark):
            return encoding
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = max(len(sample) // 2, 1)
    if max(even, odd) > 0.3 * half and min(even, odd) < 0.1 * half:
        return "utf-16-be" if even > odd else "utf-16-le"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample, final=False)
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def detect_dialect(
    sample: bytes,
    encoding: str | None = None,
    delimiter: str | None = None,
    *,
    quote: str | None = None,
    header: bool | None = None,
) -> Dialect:
    """Tell how a delimited file is written.

    Parameters
    ----------
    sample : bytes
        Its beginning.
    encoding, delimiter, quote : str, optional
        Where they are known already.
    header : bool, optional
        Whether the first line names the columns, where that is known. A line that holds a time or a number is not
        taken for one, nor is one of values that are mostly digits, unless it has two names that are known.

    Raises
    ------
    InvalidInputError
        There is nothing in it, or nothing that is a row.
    """
    encoding = encoding or detect_encoding(sample)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(sample).removeprefix("\ufeff")
    cut = text.rfind("\n") + 1 if len(sample) >= SAMPLE_BYTES else len(text)
    lines = [line for line in text[: cut or len(text)].splitlines(keepends=True) if line.strip()][:_LINES]
    if not lines:
        raise InvalidInputError("path", "empty; there is no header and no row")
    first = Dialect(encoding, delimiter or ",", quote=quote or _quote(lines), escaped='\\"' in "".join(lines))
    candidates = [Dialect(encoding, one, first.quote, first.escaped) for one in (delimiter or "".join(_DELIMITERS))]
    best = max(candidates, key=lambda candidate: _evenness(candidate, "".join(lines)))
    rows = best.rows("".join(lines))  # the first can be longer than a line: a line end in a quoted name
    if not rows:
        raise InvalidInputError("path", f"its first field has more than {csv.field_size_limit():,} characters")
    fields = rows[0]
    has_header = _names_columns(fields) if header is None else header
    names = [name.strip() for name in fields] if has_header else [""] * len(fields)
    columns = tuple(name or f"column_{place}" for place, name in enumerate(names, 1))
    return Dialect(encoding, best.delimiter, best.quote, best.escaped, has_header, _apart(columns))


def _quote(lines: list[str]) -> str:
    single = sum(line.lstrip().startswith("'") and line.rstrip().endswith("'") for line in lines)
    return "'" if single > len(lines) / 2 and not any('"' in line for line in lines) else '"'


def _evenness(dialect: Dialect, text: str) -> tuple[float, int]:
    """Say which share of the rows has the commonest number of fields, and that number; one field tells nothing."""
    widths = Counter(len(row) for row in dialect.rows(text))
    if not widths:
        return 0.0, 0
    width, count = widths.most_common(1)[0]
    return (round(count / widths.total(), 1), width) if width > 1 else (0.0, 1)


def _names_columns(first: list[str]) -> bool:
    """Say whether the fields of the first line are names rather than values; one word that is known proves nothing."""
    if any(_VALUE.fullmatch(name.strip()) for name in first):
        return False
    known = sum(field_of(name) is not None for name in first)
    return known > 1 or not any(_is_data(name) for name in first if name.strip() or not known)


def _is_data(name: str) -> bool:
    """Say whether a field of the first line looks like a value: digits are rare in names."""
    return not name.strip() or sum(character.isdigit() for character in name) * 2 > len(name.strip())


def _apart(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return names of which none is there twice, by numbering them."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(found)
