"""Calls in the form that was asked for, with numbers hidden on the engine itself."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import narwhals as nw
import pyarrow as pa

from imilab.engines import Engine
from imilab.errors import InvalidInputError
from imilab.numbers import calling_codes, mask, scrub
from imilab.terms import Outcome

__all__ = ["FORMS", "hand_over", "masked", "masked_number"]

FORMS = ("duckdb", "spark", "arrow", "polars")
_HIDDEN = mask("")
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
    """Hide numbers as `imilab.numbers.mask` and `scrub` do; the engine does it, row by row."""
    hidden = calls.with_columns(**{name: masked_number(nw.col(name)) for name in ("msisdn", "caller_id")})
    refused = hidden.filter(nw.col("outcome") == str(Outcome.NOT_PLACED))
    reasons = engine.collect(refused.select("error_reason").unique())["error_reason"].drop_null()
    changed = {text: clean for text in reasons.to_pylist() if (clean := scrub(text)) != text}
    if not changed:
        return hidden
    words = engine.arrow(pa.table({"told": list(changed), "clean": list(changed.values())}))
    joined = hidden.join(words, left_on="error_reason", right_on="told", how="left")
    columns = hidden.collect_schema().names()
    return joined.with_columns(error_reason=nw.coalesce("clean", "error_reason")).select(*columns)


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
