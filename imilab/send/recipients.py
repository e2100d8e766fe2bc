"""Recipients from a list, a DataFrame or a CSV file, with what else stands beside each number."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from imilab.errors import InvalidInputError
from imilab.names import check_name
from imilab.numbers import is_e164, scrub
from imilab.send.eligibility import canonical_number
from imilab.wire.rules import required_text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Recipients", "RecipientsSource", "Refusal", "read_recipients"]

RecipientsSource: TypeAlias = "Iterable[str | Mapping[str, object]] | pd.DataFrame | str | Path"
"""Numbers, or rows that hold a number and further fields."""

Fields: TypeAlias = Mapping[str, object]

_NO_FIELDS: Fields = MappingProxyType({})
_NONE_GIVEN = "(missing)"
_MISSING = object()


@dataclass(frozen=True)
class Refusal:
    """A recipient that will not be called.

    Attributes
    ----------
    row : int
        Its place in the input, from 1.
    msisdn : str
        As it was given.
    reason : str
        Why.
    """

    row: int
    msisdn: str = field(repr=False)
    reason: str


@dataclass(frozen=True)
class Recipients:
    """Numbers to call, each once and with its row in the input, and what was refused.

    Attributes
    ----------
    numbers : tuple of str
        E.164.
    refused : tuple of Refusal
        Rows that are no number, or one that stands there already.
    rows : tuple of int
        Where each number stands in the input, from 1.
    fields : tuple of mapping
        What else stands in each number's row; empty where the input has numbers alone.
    columns : tuple of str
        The names of these fields.
    """

    numbers: tuple[str, ...] = field(repr=False)
    refused: tuple[Refusal, ...] = field(repr=False)
    rows: tuple[int, ...] = field(default=(), repr=False)
    fields: tuple[Fields, ...] = field(default=(), repr=False)
    columns: tuple[str, ...] = field(default=(), repr=False)

    def fields_of(self, recipient: int) -> Fields:
        """Return what stands beside the number at a place, from 0."""
        return self.fields[recipient] if self.fields else _NO_FIELDS

    def strata(self, names: Sequence[str]) -> tuple[str, ...] | None:
        """Return each recipient's stratum: the texts of some columns together.

        Parameters
        ----------
        names : sequence of str
            The columns; none for no strata.

        Returns
        -------
        tuple of str or None
            One a recipient, such as ``GB`` or ``GB / new``; an empty or missing value reads ``(missing)``.

        Raises
        ------
        InvalidInputError
            There is no such column, or a phone number stands in it.
        """
        if not names:
            return None
        for name in names:
            if name not in self.columns:
                raise InvalidInputError(
                    "strata", f"the recipients have no column {scrub(str(name))!r}; {_named(self.columns)}"
                )
        several = len(names) > 1
        return tuple(
            " / ".join(_stratum(row.get(name), several=several) for name in names)
            for row in map(self.fields_of, range(len(self.numbers)))
        )


def read_recipients(source: RecipientsSource, column: str = "msisdn") -> Recipients:
    """Read recipients.

    Parameters
    ----------
    source : iterable of str, iterable of mapping, DataFrame, or path of a CSV file
        Numbers in E.164 as text; a table, or a list of mappings, holds them in `column` and may hold further fields.
        Everything in a CSV file (UTF-8, commas) stays the text that it is. A set, which has no order of its own, is
        taken in the order of its texts.
    column : str
        The column of numbers.

    Returns
    -------
    Recipients
        In the given order. Numbers that are not E.164 or stand there twice are refused.

    Raises
    ------
    InvalidInputError
        There is no such file or column, a column stands there twice, or there is no number at all.

    Examples
    --------
    >>> found = read_recipients(["+12025550123", "2025550124", "+12025550123"])
    >>> len(found.numbers), [(refusal.row, refusal.reason) for refusal in found.refused]
    (1, [(2, 'not E.164: write +, country code and number'), (3, 'stands in the list already')])
    >>> read_recipients([{"msisdn": "+12025550123", "first_name": "Ann"}]).fields_of(0)["first_name"]
    'Ann'
    """
    columns, values = _values(source, column)
    numbers: dict[str, tuple[str, int, Fields]] = {}
    refused: list[Refusal] = []
    for row, (value, fields) in enumerate(values, start=1):
        number = value.strip() if isinstance(value, str) else ""
        if not is_e164(number):
            refused.append(Refusal(row, str(value), "not E.164: write +, country code and number"))
        elif (spelling := canonical_number(number) or number) in numbers:
            refused.append(Refusal(row, number, "stands in the list already"))
        else:
            numbers[spelling] = number, row, fields
    if not values:
        raise InvalidInputError("recipients", "there is none; give at least one number")
    kept = tuple(numbers.values())
    return Recipients(
        numbers=tuple(number for number, _, _ in kept),
        refused=tuple(refused),
        rows=tuple(row for _, row, _ in kept),
        fields=tuple(fields for _, _, fields in kept) if columns else (),
        columns=columns,
    )


Values: TypeAlias = tuple[tuple[str, ...], Sequence[tuple[object, Fields]]]
"""The names of the further fields, and each row: what stands in the number's place, and its fields."""


def _values(source: RecipientsSource, column: str) -> Values:
    if isinstance(source, str) and not source:
        raise InvalidInputError("recipients", "an empty text; give a list of numbers, a DataFrame or a CSV file")
    if isinstance(source, Path) or (isinstance(source, str) and not source.startswith("+")):
        return _csv_rows(Path(source), column)
    if isinstance(source, str):
        return (), [(source, _NO_FIELDS)]
    frame: Any = source
    if hasattr(frame, "columns"):
        return _frame_rows(frame, column)
    if isinstance(source, set | frozenset):
        source = sorted(source, key=str)  # its own order differs from process to process, and would make another plan
    if isinstance(source, Mapping | bytes | bytearray) or not isinstance(source, Iterable):
        raise InvalidInputError(
            "recipients", f"of type {type(source).__name__}; give a list of numbers, a DataFrame or a CSV file"
        )
    rows = list(source)
    columns = dict.fromkeys(str(name) for row in rows if isinstance(row, Mapping) for name in row)
    if columns and columns.pop(column, _MISSING) is _MISSING:
        raise InvalidInputError("recipients", f"no row has a field {column!r}; {_named(columns)}")
    return tuple(columns), [
        (row.get(column, ""), _without(row, column)) if isinstance(row, Mapping) else (row, _NO_FIELDS) for row in rows
    ]


def _frame_rows(frame: Any, column: str) -> Values:
    names = _checked_columns([str(name) for name in frame.columns], column, "the table")
    fields = [name for name in names if name != column]
    # A column whose name is no text can be neither placeholder nor stratum: it is known by its text, and read by place.
    places = {str(name): name for name in frame.columns}
    columns = {name: list(frame[places[name]]) for name in names}
    rows = [MappingProxyType({name: columns[name][row] for name in fields}) for row in range(len(columns[column]))]
    return tuple(fields), list(zip(columns[column], rows, strict=True))


def _csv_rows(path: Path, column: str) -> Values:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            names = _checked_columns([name.strip() for name in next(rows, [])], column, scrub(path.name))
            cells = [row for row in rows if row]
    except OSError as problem:
        raise InvalidInputError("recipients", f"cannot read the file {scrub(path.name)}: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidInputError("recipients", f"{scrub(path.name)} is not UTF-8; save it as CSV UTF-8") from None
    except InvalidInputError:
        raise
    except ValueError:
        raise InvalidInputError("recipients", "holds a character that no file's name can hold; give a path") from None
    except csv.Error as problem:
        raise InvalidInputError("recipients", f"{scrub(path.name)} is not CSV: {problem}") from None
    found = [dict.fromkeys(names, "") | dict(zip(names, row, strict=False)) for row in cells]
    return tuple(name for name in names if name != column), [(row[column], _without(row, column)) for row in found]


def _checked_columns(names: list[str], column: str, where: str) -> list[str]:
    if column not in names:
        raise InvalidInputError("recipients", f"{where} has no column {column!r}; {_named(names)}")
    twice = [name for name, times in Counter(names).items() if times > 1 and name]
    if twice:
        raise InvalidInputError(
            "recipients", f"{where} has the column {scrub(twice[0])!r} twice; name each column once"
        )
    return names


def _without(row: Mapping[str, object], column: str) -> Fields:
    return MappingProxyType({str(name): value for name, value in row.items() if name != column})


def _stratum(value: object, *, several: bool) -> str:
    missing = value is None or str(value).strip().lower() in {"", "nan", "nat", "<na>"}
    text = _NONE_GIVEN if missing else check_name(required_text(str(value).strip(), "strata"), "strata")
    return text.replace("/", "//") if several else text


def _named(columns: Iterable[object]) -> str:
    """Say which columns there are; without a header, the first row's numbers stand in their place."""
    return f"there are {scrub(', '.join(map(str, columns)))}"
