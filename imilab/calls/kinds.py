"""What each receipt is: its kind by code, else by status, and whether one of them is unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import narwhals as nw

from imilab.terms import CODES, STATUSES, Code, Event

__all__ = [
    "CODE_BY_KIND",
    "ENDS_OF_AN_ANSWER",
    "FAILURES",
    "KIND",
    "KINDS",
    "KIND_BY_CODE",
    "choose",
    "classify",
    "lookup",
    "no_empty",
]

KINDS: tuple[str, ...] = (
    *("unknown", "offered", "accepted", "answered"),
    *("trombone_connected", "trombone_released", "disconnected", "released"),
    *("other_by_status", "other", "no_answer", "busy", "rejected", "expired", "dropped"),
)
"""Kinds of receipts, in the order that breaks ties: of two failures at the same time the later kind wins, of two ends
of an answered call the earlier."""

KIND: Mapping[str, int] = {name: number for number, name in enumerate(KINDS)}
FAILURES = KINDS[KIND["other_by_status"] :]
ENDS_OF_AN_ANSWER = ("released", "disconnected", "dropped")


def _kind_of(row: Code) -> str:
    if row.event is not Event.REJECTED:
        return str(row.event)
    return str(row.outcome) if row.code else "other_by_status"


KIND_BY_CODE = {code: KIND[_kind_of(row)] for code, row in CODES.items() if row.event}
CODE_BY_KIND = {kind: code for code, kind in KIND_BY_CODE.items()}
_KIND_BY_STATUS = {status: KIND[_kind_of(row)] for status, row in STATUSES.items()}


def choose(cases: Sequence[tuple[nw.Expr, Any]], otherwise: Any) -> nw.Expr:
    """Return a CASE over conditions, the first that holds."""
    value = otherwise if isinstance(otherwise, nw.Expr) else nw.lit(otherwise)
    return reduce(lambda rest, case: nw.when(case[0]).then(case[1]).otherwise(rest), reversed(cases), value)


def lookup(column: nw.Expr, table: Mapping[Any, Any], otherwise: Any) -> nw.Expr:
    """Return a CASE over a column's values."""
    return choose([(column == key, nw.lit(value)) for key, value in table.items()], otherwise)


def no_empty(*names: str) -> nw.Expr:
    """Return the first of the columns that is neither null nor empty."""
    return nw.coalesce(*(nw.when(nw.col(name) != "").then(nw.col(name)) for name in names))


def classify(receipts: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Add each receipt's time ``at_ms``, ``clean_code``, ``kind``, and ``strange``: 1 where code or status is unknown.

    A text is cleaned only where it is not a known one as it came: nearly all are, and a pattern costs as much as all
    the rest of the fold.
    """
    code, status = nw.col("code"), nw.col("status")
    clean_code = code.str.strip_chars(" \t\n\r")
    clean_status = status.str.replace_all(r"[ \t\n\r\f\x0B_-]+", " ").str.strip_chars(" ").str.to_uppercase()
    rows = receipts.with_columns(
        at_ms=nw.coalesce(nw.col("event_at_ms"), nw.col("received_at_ms")),
        kind_by_code=lookup(code, {"": 0, **KIND_BY_CODE}, lookup(clean_code, KIND_BY_CODE, 0)),
        kind_by_status=lookup(status, {"": 0, **_KIND_BY_STATUS}, lookup(clean_status, _KIND_BY_STATUS, 0)),
    )
    known_code, known_status = nw.col("kind_by_code") > 0, nw.col("kind_by_status") > 0
    return rows.with_columns(
        clean_code=nw.when(~known_code).then(clean_code),
        kind=nw.when(known_code).then(nw.col("kind_by_code")).otherwise(nw.col("kind_by_status")),
        strange=choose(
            [
                (~known_code & (code != ""), nw.when(clean_code != "").then(1).otherwise(_odd(clean_status))),
                (~known_status & (status != ""), _odd(clean_status)),
            ],
            0,
        ),
    )


def _odd(clean_status: nw.Expr) -> nw.Expr:
    return nw.when((nw.col("kind_by_status") == 0) & (clean_status != "")).then(1).otherwise(0)
