"""Columns of calls as whole numbers: what a comparison groups by, read once from text and then never again."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import narwhals as nw
import numpy as np
import numpy.typing as npt
import pandas as pd

from imilab.errors import InvalidInputError
from imilab.metrics import end_of_call
from imilab.terms import OUTCOMES

__all__ = ["coded", "ends_of", "outcomes_of"]

Codes = npt.NDArray[np.int64]
Small = npt.NDArray[np.int8]
Coded = tuple[Codes, Any]
"""Each row's code, -1 where missing, and the values by their code."""

_WORTH_A_THREAD = 50_000
_REASONS = (None, "released", "disconnected", "another")


def coded(data: pd.DataFrame, columns: Sequence[str], *, ordered: str | None = None) -> dict[str, Coded]:
    """Give every value of each column a number.

    Parameters
    ----------
    data : DataFrame
        The calls.
    columns : sequence of str
        Which columns; the first is begun first, so put the one with most values there.
    ordered : str, optional
        The column whose codes follow the order of its values; the others' follow the rows.
    """
    several = [data[name] for name in columns]
    orders = [name == ordered for name in columns]
    if len(data) < _WORTH_A_THREAD:
        return dict(zip(columns, map(_factorized, several, orders), strict=True))
    # Arrow hashes text with Python's lock released: a second processor takes half of the columns.
    with ThreadPoolExecutor(max_workers=len(columns) or 1) as pool:
        return dict(zip(columns, pool.map(_factorized, several, orders), strict=True))


def _factorized(column: pd.Series[Any], ordered: bool) -> Coded:
    codes, values = pd.factorize(column, sort=ordered)
    return codes.astype(np.int64, copy=False), values


def outcomes_of(found: Coded) -> Small:
    """Return each row's outcome as its place in `OUTCOMES`.

    Raises
    ------
    InvalidInputError
        One is missing or is none of the outcomes.
    """
    codes, seen = found
    places = {name: place for place, name in enumerate(OUTCOMES)}
    unknown = sorted({str(value) for value in seen} - set(places)) + (["nan"] if codes.min(initial=0) < 0 else [])
    if unknown:
        raise InvalidInputError("outcome", f"some calls have {', '.join(unknown)}; outcomes are {', '.join(OUTCOMES)}")
    return np.array([places[str(value)] for value in seen] or [0], dtype=np.int8).take(codes)


def ends_of(reason: Coded, talk: pd.Series[Any], early_hangup_seconds: float) -> Small:
    """Return how each call ended, as a number of `End`; see `end_of_call`."""
    seconds = talk.to_numpy(dtype=np.float64, na_value=np.nan)
    length = (seconds <= early_hangup_seconds).view(np.int8) + 2 * (seconds > early_hangup_seconds).view(np.int8)
    codes, seen = reason
    known = {name: place for place, name in enumerate(_REASONS)}
    table = _end_table()[[*(known.get(str(value), len(_REASONS) - 1) for value in seen), 0]]  # last: missing, code -1
    if len(table) * table.shape[1] > np.iinfo(np.int8).max:
        return np.asarray(table[codes, length], dtype=np.int8)
    place = codes.astype(np.int8)
    place[place < 0] = len(seen)
    return table.ravel().take(place * np.int8(table.shape[1]) + length)


@cache
def _end_table() -> Small:
    """Work out the end for no end reason, the two that are told apart and any other, by talk: none, short, long."""
    every = pd.DataFrame(
        {
            "end_reason": pd.Series(_REASONS, dtype="str").repeat(3),
            "talk_seconds": np.tile([np.nan, 1.0, 2.0], len(_REASONS)),
        }
    )
    ended = nw.from_native(every, eager_only=True).select(end=end_of_call(1.0))["end"].to_numpy()
    found: Small = ended.astype(np.int8).reshape(len(_REASONS), 3)
    return found
