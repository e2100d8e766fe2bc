"""The calls table on its way out: its columns and types, checked, and no full number in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pandas as pd

from imilab.errors import InvalidInputError
from imilab.frames import CALL_FRAME_COLUMNS
from imilab.metrics import near
from imilab.numbers import mask
from imilab.terms import OUTCOMES

__all__ = ["CALL_DTYPES", "TIMES", "check_calls", "conform", "hide_numbers", "hide_numbers_in_text"]

_SPECIAL = {
    **dict.fromkeys(("block", "position"), "Int64"),
    **dict.fromkeys(("ring_seconds", "talk_seconds"), "float64"),
    **dict.fromkeys(("answer_inferred", "transferred"), "bool"),
    **dict.fromkeys(("receipts", "unknown_receipts"), "int64"),
}
TIMES = tuple(name for name in CALL_FRAME_COLUMNS if name.endswith("_at"))
"""The columns that hold times."""

CALL_DTYPES: Mapping[str, Any] = MappingProxyType(
    {name: "datetime64[ms, UTC]" if name in TIMES else _SPECIAL.get(name, "str") for name in CALL_FRAME_COLUMNS}
)
"""Every column of the calls table with its pandas type, in order."""

_NUMBERS = ("msisdn", "caller_id")
_E164_ANYWHERE = r"\+[1-9][0-9]{6,14}"


def check_calls(calls: object, arm: str | None = None) -> pd.DataFrame:
    """Return the calls with the table's columns and types, then the column `arm` if it is another one.

    Further columns are left out: what was joined to the calls (names, addresses) is not meant for a report.

    Raises
    ------
    InvalidInputError
        It is no DataFrame, lacks a column, or a column holds what does not belong there.
    """
    if not isinstance(calls, pd.DataFrame):
        raise InvalidInputError("calls", f"{type(calls).__name__} is no pandas DataFrame; give lab.calls() or the like")
    twice = calls.columns[calls.columns.duplicated()]
    if len(twice):
        raise InvalidInputError("calls", f"the column {twice[0]!r} is there twice; drop or rename one")
    missing = [name for name in CALL_FRAME_COLUMNS if name not in calls]
    if missing:
        listed = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        raise InvalidInputError(
            "calls",
            f"no column {listed}; give a whole calls table: lab.calls(), read_calls(...) or load_sample('calls')",
        )
    if arm is not None and arm not in calls:
        raise InvalidInputError("arm", f"no column {arm!r}; {near(str(arm), list(map(str, calls)))}")
    table = conform(calls)
    unknown = sorted(set(table["outcome"].astype("object")) - set(OUTCOMES), key=str)
    if unknown:
        listed = ", ".join(map(str, unknown[:5]))
        raise InvalidInputError("outcome", f"some calls have {listed}; outcomes are {', '.join(OUTCOMES)}")
    if arm is not None and arm not in table:
        table[arm] = calls[arm].array
    return table


def conform(calls: pd.DataFrame) -> pd.DataFrame:
    """Return the table's columns in their order and with their types, numbered from 0.

    Raises
    ------
    InvalidInputError
        A column's values do not fit its type; times must have a zone.
    """
    return pd.DataFrame({name: _typed(calls[name], name, dtype) for name, dtype in CALL_DTYPES.items()}).reset_index(
        drop=True
    )


def _typed(column: pd.Series[Any], name: str, dtype: Any) -> pd.Series[Any]:
    if str(column.dtype) == dtype:
        return column
    if name in TIMES and not column.isna().all() and not isinstance(column.dtype, pd.DatetimeTZDtype):
        raise InvalidInputError(name, f"holds {column.dtype}, not times with a zone; say it with .dt.tz_localize")
    if dtype in {"bool", "int64"} and column.isna().any():
        raise InvalidInputError(name, "has missing values; fill them with what is true of those calls")
    try:
        typed: pd.Series[Any] = column.astype(dtype)
    except (TypeError, ValueError, OverflowError):
        raise InvalidInputError(name, f"holds {column.dtype} that cannot be read as {dtype}") from None
    return typed


def hide_numbers(calls: pd.DataFrame) -> tuple[pd.DataFrame, bool]:
    """Mask every full number, in the columns of numbers and wherever in a text one stands.

    Returns
    -------
    DataFrame, bool
        The calls, and whether there was a full number in them.
    """
    masked_calls, found = calls.copy(), False
    for name in map(str, calls):
        column = calls[name]
        if name in _NUMBERS:
            masked = column.map({number: mask(number) for number in column.dropna().unique()}).astype("str")
        elif isinstance(column.dtype, pd.StringDtype) or column.dtype == "object":
            texts = column.astype("str")
            if not texts.str.contains(_E164_ANYWHERE).any():
                continue
            masked = texts.map({text: hide_numbers_in_text(text) for text in texts.dropna().unique()}).astype("str")
        else:
            continue
        if not masked.equals(column):
            masked_calls[name], found = masked, True
    return masked_calls, found


def hide_numbers_in_text(text: str) -> str:
    """Mask the E.164 numbers in a text.

    Examples
    --------
    >>> hide_numbers_in_text("calls to +12025550123")
    'calls to +1•••••123'
    """
    return re.sub(_E164_ANYWHERE, lambda found: mask(found.group()), text)
