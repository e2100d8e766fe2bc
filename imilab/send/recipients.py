"""Recipients from a list, a DataFrame or a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imilab.errors import InvalidInputError
from imilab.numbers import is_e164, scrub
from imilab.send.eligibility import canonical_number

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Recipients", "Refusal", "read_recipients"]


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
    """Numbers to call, each once and with its row in the input, and what was refused."""

    numbers: tuple[str, ...] = field(repr=False)
    refused: tuple[Refusal, ...] = field(repr=False)
    rows: tuple[int, ...] = field(default=(), repr=False)


def read_recipients(source: Iterable[str] | pd.DataFrame | str | Path, column: str = "msisdn") -> Recipients:
    """Read recipients.

    Parameters
    ----------
    source : iterable of str, DataFrame, or path of a CSV file
        Numbers in E.164 as text; a table holds them in `column`.
    column : str
        The column of numbers.

    Returns
    -------
    Recipients
        In the given order. Numbers that are not E.164 or stand there twice are refused.

    Raises
    ------
    InvalidInputError
        There is no such file or column, or no number at all.

    Examples
    --------
    >>> found = read_recipients(["+12025550123", "12025550124", "+12025550123"])
    >>> len(found.numbers), [(refusal.row, refusal.reason) for refusal in found.refused]
    (1, [(2, 'not E.164: write +, country code and number'), (3, 'stands in the list already')])
    """
    values = _values(source, column)
    numbers: dict[str, tuple[str, int]] = {}
    refused: list[Refusal] = []
    for row, value in enumerate(values, start=1):
        number = value.strip() if isinstance(value, str) else ""
        if not is_e164(number):
            refused.append(Refusal(row, str(value), "not E.164: write +, country code and number"))
        elif (spelling := canonical_number(number) or number) in numbers:
            refused.append(Refusal(row, number, "stands in the list already"))
        else:
            numbers[spelling] = number, row
    if not values:
        raise InvalidInputError("recipients", "there is none; give at least one number")
    kept = tuple(numbers.values())
    return Recipients(tuple(number for number, _ in kept), tuple(refused), tuple(row for _, row in kept))


def _values(source: Iterable[str] | pd.DataFrame | str | Path, column: str) -> list[object]:
    if isinstance(source, Path) or (isinstance(source, str) and not source.startswith("+")):
        return list(_csv_column(Path(source), column))
    if isinstance(source, str):
        return [source]
    frame: Any = source
    if not hasattr(frame, "columns"):
        return list(source)
    if column not in frame.columns:
        raise InvalidInputError("recipients", f"no column {column!r}; {_named(frame.columns)}")
    return list(frame[column])


def _csv_column(path: Path, column: str) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            names = rows.fieldnames or []
            if column not in names:
                raise InvalidInputError("recipients", f"{scrub(path.name)} has no column {column!r}; {_named(names)}")
            return [row[column] or "" for row in rows]
    except OSError as problem:
        raise InvalidInputError("recipients", f"cannot read the file {scrub(path.name)}: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidInputError("recipients", f"{scrub(path.name)} is not UTF-8; save it as CSV UTF-8") from None
    except csv.Error as problem:
        raise InvalidInputError("recipients", f"{scrub(path.name)} is not CSV: {problem}") from None


def _named(columns: Iterable[object]) -> str:
    """Say which columns there are; without a header, the first row's numbers stand in their place."""
    return f"there are {scrub(', '.join(map(str, columns)))}"
