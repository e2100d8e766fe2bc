"""Calls in the form that was asked for, with numbers hidden on the engine itself."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import narwhals as nw
import pyarrow as pa

from imilab.engines import Engine
from imilab.errors import InvalidInputError
from imilab.names import hide_in_name
from imilab.numbers import calling_codes, mask, scrub
from imilab.terms import Outcome

__all__ = ["FORMS", "hand_over", "masked", "masked_number"]

FORMS = ("duckdb", "spark", "arrow", "polars")
_HIDDEN = mask("")
_NAMES = ("campaign", "arm", "stratum")
_LEAST = 7  # digits behind a calling code of a number that can be masked: three stay


def hand_over(calls: nw.LazyFrame[Any], engine: Engine, form: str | None) -> Any:
    """Return calls as a lazy table of the engine, or as Arrow or Polars.

    Raises
    ------
    InvalidInputError
        There is no such form, the engine is another one, or Polars is not installed.
    """
    if form is None or form == engine.name:
        return engine.hand_over(calls)
    if form not in FORMS:
        raise InvalidInputError("form", f"{form!r} is none of {', '.join(FORMS)}")
    if form in {"duckdb", "spark"}:
        raise InvalidInputError("form", f"this engine is {engine.name}; leave form out, or take 'arrow'")
    table = engine.collect(calls)
    if form == "arrow":
        return table
    try:
        polars = import_module("polars")
    except ImportError:
        raise InvalidInputError("form", "polars is not installed; pip install polars, or take 'arrow'") from None
    return polars.from_arrow(table)


def masked(calls: nw.LazyFrame[Any], engine: Engine) -> nw.LazyFrame[Any]:
    """Hide numbers as `imilab.numbers.mask`, `scrub` and `hide_in_name` do; the engine does it, row by row."""
    hidden = calls.with_columns(**{name: masked_number(nw.col(name)) for name in ("msisdn", "caller_id")})
    refused = hidden.filter(nw.col("outcome") == str(Outcome.NOT_PLACED))
    reasons = engine.collect(refused.select("error_reason").unique())["error_reason"]
    hidden = _replaced(hidden, engine, "error_reason", reasons, scrub)
    known = [name for name in hidden.collect_schema().names() if name in _NAMES]
    names = engine.collect(hidden.select(*known).unique()) if known else pa.table({})
    for name in known:
        hidden = _replaced(hidden, engine, name, names[name].unique(), hide_in_name)
    return hidden


def _replaced(
    calls: nw.LazyFrame[Any], engine: Engine, name: str, told: pa.ChunkedArray, hide: Callable[[str], str]
) -> nw.LazyFrame[Any]:
    """Put clean texts in the place of those of `told` that hold a number."""
    changed = {text: clean for text in told.drop_null().to_pylist() if (clean := hide(text)) != text}
    if not changed:
        return calls
    words = engine.arrow(pa.table({"told": list(changed), "clean": list(changed.values())}))
    joined = calls.join(words, left_on=name, right_on="told", how="left")
    columns = calls.collect_schema().names()
    return joined.with_columns(**{name: nw.coalesce("clean", name)}).select(*columns)


def masked_number(number: nw.Expr) -> nw.Expr:
    """Return the masked number, as `imilab.numbers.mask` writes it."""
    shown = nw.lit(_HIDDEN)
    for digits in (3, 2, 1):
        codes = [code for code in calling_codes() if len(code) == digits]
        fits = number.str.slice(1, digits).is_in(codes)
        long_enough = number.str.len_chars() - 1 - digits >= _LEAST
        whole = nw.concat_str(number.str.slice(0, digits + 1), nw.lit(_HIDDEN), number.str.slice(-3))
        shown = nw.when(fits & long_enough).then(whole).when(fits).then(nw.lit(_HIDDEN)).otherwise(shown)
    is_number = number.str.contains(r"^\+[1-9][0-9]{6,14}$")
    is_masked = number.str.contains(rf"^\+[1-9][0-9]{{0,2}}{_HIDDEN}[0-9]{{3}}$")
    known = nw.when(is_number).then(shown).when(is_masked | (number == "")).then(number)
    return nw.when(~number.is_null()).then(known.otherwise(nw.lit(_HIDDEN)))
