"""CSV that a spreadsheet cannot take for a formula, and that can be read back exactly."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from imilab.errors import InvalidInputError

__all__ = ["BYTE_ORDER_MARK", "guard", "read_safe_csv", "to_safe_csv", "unguard"]

BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""Begins a file, so that Excel reads it as UTF-8; `to_safe_csv` leaves it to who writes the file."""

# What makes a spreadsheet calculate, in the East Asian full widths too.
_STARTS = "[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
_DANGEROUS = f"^'*{_STARTS}"
_GUARDED = f"^'+{_STARTS}"
_E164 = r"\+[1-9][0-9]{6,14}"


def to_safe_csv(frame: pd.DataFrame) -> str:
    r"""Write a frame as CSV.

    A cell or header of text that begins with ``=``, ``+``, ``-``, ``@``, a tab or a line end gets an apostrophe in
    front, except a phone number in strict E.164. One that begins with apostrophes before such a sign gets one more,
    so that `read_safe_csv` can undo it exactly.

    Parameters
    ----------
    frame : DataFrame
        Its index is left out. Times with a zone are written in that zone with their offset, to the millisecond.

    Returns
    -------
    str
        Comma separated, text in quotes, lines end in a line feed. A missing value is an empty field, an empty text is
        a pair of quotes.

    Examples
    --------
    >>> print(to_safe_csv(pd.DataFrame({"campaign": ["=1+1", "lunch"], "calls": [2, 3]})), end="")
    "campaign","calls"
    "'=1+1",2
    "lunch",3
    """
    columns = [pa.array(_written(frame.iloc[:, place]), from_pandas=True) for place in range(frame.shape[1])]
    names = guard(pd.Series([str(name) for name in frame.columns], dtype="str"))
    table = pa.Table.from_arrays(columns, list(names))
    sink = io.BytesIO()
    pa.csv.write_csv(table, sink)
    return sink.getvalue().decode()


def read_safe_csv(raw: bytes, types: Mapping[str, pa.DataType]) -> pa.Table:
    """Read CSV that `to_safe_csv` wrote, or another program's of the same form.

    Parameters
    ----------
    raw : bytes
        UTF-8, with or without a byte order mark.
    types : mapping of str to pyarrow.DataType
        By column; other columns are text.

    Raises
    ------
    InvalidInputError
        It is not UTF-8, two columns have the same name, or a field does not fit its column's type.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInputError("path", "not UTF-8; save it as CSV UTF-8") from None
    header = next(csv.reader(io.StringIO(text, newline="")), [])
    names = list(unguard(pd.Series(header, dtype="str")))
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice or not names:
        raise InvalidInputError("path", f"the column {twice[0]!r} is there twice" if twice else "empty; no header")
    convert = pa.csv.ConvertOptions(
        column_types={shown: types.get(name, pa.string()) for shown, name in zip(header, names, strict=True)},
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    try:
        table = pa.csv.read_csv(
            io.BytesIO(text.encode()),
            parse_options=pa.csv.ParseOptions(newlines_in_values=True),
            convert_options=convert,
        )
    except pa.ArrowInvalid as problem:
        raise InvalidInputError("path", f"not a CSV of calls: {_without_value(str(problem))}") from None
    return table.rename_columns(names)


def guard(texts: pd.Series[str]) -> pd.Series[str]:
    """Put an apostrophe in front of what a spreadsheet would calculate."""
    dangerous = texts.str.match(_DANGEROUS) & ~texts.str.fullmatch(_E164)
    return texts.where(~dangerous, "'" + texts)


def unguard(texts: pd.Series[str]) -> pd.Series[str]:
    """Undo `guard`."""
    return texts.where(~texts.str.match(_GUARDED), texts.str.slice(1))


def _written(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column as CSV shows it: numbers and truth values as they are, everything else as guarded text."""
    kind = column.dtype
    if isinstance(kind, pd.DatetimeTZDtype):
        return _moments(column)
    if pd.api.types.is_bool_dtype(kind) or (pd.api.types.is_numeric_dtype(kind) and not _is_complex(kind)):
        return column
    return guard(column.astype("str"))


def _is_complex(kind: Any) -> bool:
    return pd.api.types.is_complex_dtype(kind)


def _moments(column: pd.Series[Any]) -> pd.Series[str]:
    """Write aware times as ISO 8601 with the offset; where an offset has seconds, in UTC."""
    utc_ms = column.dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[ms]")
    local_ms = column.dt.tz_localize(None).astype("datetime64[ms]")
    seconds = ((local_ms - utc_ms) // pd.Timedelta(seconds=1)).fillna(0).astype("int64")
    uneven = seconds % 60 != 0
    seconds, shown = seconds.where(~uneven, 0), local_ms.where(~uneven, utc_ms)
    texts = pd.Series(np.datetime_as_string(shown.to_numpy(), unit="ms"), column.index, dtype="str")
    offsets = seconds.map({offset: _offset(offset) for offset in seconds.unique()}).astype("str")
    written: pd.Series[str] = (texts + offsets).where(column.notna())
    return written


def _offset(seconds: int) -> str:
    minutes = abs(seconds) // 60
    return f"{'-' if seconds < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"


def _without_value(problem: str) -> str:
    """Leave out the value that pyarrow quotes: it may be a phone number."""
    return problem.split(" invalid value", maxsplit=1)[0]
