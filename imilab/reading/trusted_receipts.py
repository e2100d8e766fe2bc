"""Receipts as JSON lines taken at their word: the quickest way from files that the webhook filled to rates.

`PlainReceipts` reads the same files with a second look at whatever is odd. Here an odd line is left out and counted, a
receipt that stands twice counts twice, and nothing is looked up of the numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import narwhals as nw

from imilab.buckets import offset_changes
from imilab.calls import calls_as_of, open_calls_of_receipts
from imilab.engines.duckdb_engine import DuckDBEngine
from imilab.logs.json_lines import RECEIPT_TEXTS

__all__ = ["read_trusted", "trusted_receipts"]

_FOLDED = ("message_id", "correlation_id", "status", "code", "event_at", "msisdn")
_HAS_OFFSET = r"[T ][0-9:.,]+ *[+-][0-9]{2}(:?[0-9]{2})?$"
_FIRST_MS, _LAST_MS = 946_684_800_000, 4_102_444_800_000  # 2000 to 2100; nearest offset outside
_LINE_BYTES = 4 * 2**20
_NO_RECEIPT = "chr(0) || 'no receipt'"


def read_trusted(
    engine: DuckDBEngine, paths: Sequence[Path], zone: ZoneInfo | None, horizon_ms: int
) -> tuple[nw.LazyFrame[Any], int]:
    """Fold files of receipts into calls.

    Parameters
    ----------
    engine : DuckDBEngine
        Gets the table ``opened``.
    paths, zone
        As for `trusted_receipts`.
    horizon_ms : int
        The receipt horizon; lost calls are told from pending ones as of the last event.

    Returns
    -------
    calls : narwhals LazyFrame
        `imilab.calls.CALL_COLUMNS`, with full numbers, and without key, country and type.
    left_out : int
        Lines that are no receipts.
    """
    receipts = nw.from_native(trusted_receipts(engine.connection, paths, zone))
    engine.keep(open_calls_of_receipts(receipts, maxima=("last_ms",)), "opened", "reading")
    run = engine.connection.execute
    left_out, last_ms = run(
        f"SELECT coalesce(sum(receipts) FILTER (message_id = {_NO_RECEIPT}), 0)::BIGINT, coalesce(max(last_ms), 0)"  # noqa: S608 - fixed text
        " FROM opened"
    ).fetchall()[0]
    if left_out:
        run(f"DELETE FROM opened WHERE message_id = {_NO_RECEIPT}")  # noqa: S608 - fixed text
    opened = nw.from_native(engine.connection.table("opened"))
    return calls_as_of(opened, as_of_ms=last_ms, horizon_ms=horizon_ms), left_out


def trusted_receipts(
    connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], zone: ZoneInfo | None
) -> duckdb.DuckDBPyRelation:
    """Open JSON lines as receipts.

    Parameters
    ----------
    connection : DuckDBPyConnection
        The relation belongs to it.
    paths : sequence of Path
        Files, plain or ``.gz``: one object a line, as the webhook gets them. Lines that are no receipts, or were torn,
        stand under one message id that no platform gives. Of a key that occurs twice in an object the first counts; a
        number is read as its text.
    zone : ZoneInfo or None
        Of times without one: a local time that occurs twice is the first of the two, one that does not exist is what
        it would be without the change. Without a zone such receipts have no time.

    Returns
    -------
    DuckDBPyRelation
        ``message_id, correlation_id, status, code, event_at_ms, received_at_ms, msisdn, last_ms``.
    """
    texts = ", ".join(f"{_leaf(name)} AS {name}" for name in _FOLDED)
    is_receipt = "coalesce((message_id <> '' OR correlation_id <> '') AND (status <> '' OR code <> ''), false)"
    return connection.sql(
        f"""
        SELECT CASE WHEN {is_receipt} THEN message_id ELSE {_NO_RECEIPT} END AS message_id, correlation_id, status,
            code, event_at_ms, NULL::BIGINT AS received_at_ms, msisdn, event_at_ms AS last_ms
        FROM (SELECT *, {_milliseconds("event_at", zone)} AS event_at_ms
            FROM (SELECT {texts} FROM ({_objects(paths)})))
        """  # noqa: S608 - quoted paths
    )


def _leaf(name: str) -> str:
    """Return the SQL of a receipt's text, '' where it is missing; a number may be missing as a whole."""
    text = "n." + ".".join(f'"{part}"' for part in RECEIPT_TEXTS[name].split("."))
    return text if name in {"msisdn", "event_at"} else f"coalesce({text}, '')"


def _objects(paths: Sequence[Path]) -> str:
    """Return the SQL that reads the files' notifications, null where a line is none."""
    files = ", ".join("'{}'".format(str(path).replace("'", "''")) for path in paths)
    parts = [RECEIPT_TEXTS[name].split(".") for name in _FOLDED]
    inner = ", ".join(f'"{one[1]}" VARCHAR' for one in parts if len(one) > 1)
    outer = ", ".join(f'"{one[0]}" VARCHAR' for one in parts if len(one) == 1)
    return f"""
        SELECT "deliveryInfoNotification" AS n FROM read_json([{files}], format = 'newline_delimited',
            columns = {{"deliveryInfoNotification": 'STRUCT("deliveryInfo" STRUCT({inner}), {outer})'}},
            ignore_errors = true, records = true, maximum_object_size = {_LINE_BYTES})
    """  # noqa: S608 - quoted paths


def _milliseconds(text: str, zone: ZoneInfo | None) -> str:
    """Return the SQL of a time stamp's milliseconds UTC, rounded down; null where it is none."""
    plain, exact = f"epoch_ms(TRY_CAST({text} AS TIMESTAMP))", f"epoch_ms(TRY_CAST({text} AS TIMESTAMPTZ))"
    local = "NULL" if zone is None else f"{plain} - {_offset_ms(plain, zone)}"
    return (
        f"CASE WHEN suffix({text}, 'Z') THEN {plain} WHEN regexp_matches({text}, '{_HAS_OFFSET}') THEN {exact}"
        f" ELSE {local} END"
    )


def _offset_ms(local_ms: str, zone: ZoneInfo) -> str:
    changes = offset_changes(zone, _FIRST_MS, _LAST_MS)
    before = changes[0][1]
    cases = []
    for moment_ms, seconds in changes[1:]:
        cases.append(f"WHEN {local_ms} < {moment_ms + max(before, seconds) * 1000} THEN {before * 1000}")
        before = seconds
    return f"CASE {' '.join(cases)} ELSE {before * 1000} END" if cases else str(before * 1000)
