"""One event told through two doors: what an export tells again, and what of it is new."""

from __future__ import annotations

from typing import Any

import narwhals as nw

__all__ = ["without_known"]


def without_known(exported: nw.LazyFrame[Any], finer: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Leave out the exported receipts that a finer door told as well.

    The same rule by which the store lets a finer receipt take a coarser one's place: the same message id and status,
    the same code or none, and the same whole second or no time at all.

    Parameters
    ----------
    exported : narwhals LazyFrame
        Receipts of export logs: ``message_id, status, code, event_at_ms, event_at_raw`` and any others.
    finer : narwhals LazyFrame
        Receipts that came by webhook or poll: ``message_id, status, code, event_at_ms``.

    Returns
    -------
    narwhals LazyFrame
        The columns of `exported`.
    """
    told = finer.filter(nw.col("message_id") != "")
    second = (nw.col("event_at_ms") // 1000).cast(nw.String)
    any_time, no_code = nw.lit("none"), nw.lit("")
    ways = [(code, time) for code in (nw.col("code"), no_code) for time in (second, any_time)]
    known = nw.concat([told.select(told_key=_key(code, time)) for code, time in ways]).unique()
    at = nw.when(nw.col("event_at_raw") == "").then(any_time).otherwise(second)
    keyed = exported.with_columns(told_key=_key(nw.col("code"), at))
    new = keyed.join(known, on="told_key", how="anti")
    return new.drop("told_key")


def _key(code: nw.Expr, time: nw.Expr) -> nw.Expr:
    # A time that is there but could not be read is null, and null is equal to nothing.
    status = nw.col("status").str.to_uppercase()
    return nw.concat_str(nw.col("message_id"), status, code, time, separator="\x1f")
