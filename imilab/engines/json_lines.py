"""JSON lines of the platform's own receipts as a lazy relation on DuckDB: read where they lie, nothing is kept.

The quick way to rates over files that the platform's webhook filled. `Lab.import_logs` keeps logs, looks at each odd
line closely and says what is wrong with it; here it is left out and counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from imilab.buckets import offset_changes

__all__ = ["count_rejected", "receipts_from_json_lines"]

_SHAPE = (
    'STRUCT("deliveryInfo" STRUCT("timeStamp" VARCHAR, code VARCHAR, destination VARCHAR, "deliveryStatus" VARCHAR),'
    " transid VARCHAR, correlationid VARCHAR)"
)
_HAS_OFFSET = r"[T ][0-9:.,]+ *[+-][0-9]{2}(:?[0-9]{2})?$"
_IS_RECEIPT = "(message_id <> '' OR correlation_id <> '') AND (status <> '' OR code <> '')"
_FIRST_MS, _LAST_MS = 946_684_800_000, 4_102_444_800_000  # 2000 to 2100; nearest offset outside
_LINE_BYTES = 4 * 2**20


def receipts_from_json_lines(
    connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], zone: ZoneInfo | None
) -> duckdb.DuckDBPyRelation:
    """Open JSON lines as receipts.

    Parameters
    ----------
    connection : DuckDBPyConnection
        The relation belongs to it.
    paths : sequence of Path
        Files, plain or ``.gz``: one object a line, as the webhook gets them. A line that is no receipt is left out, as
        is one that was torn. Of a key that occurs twice in an object the first counts; a number is read as its text.
    zone : ZoneInfo or None
        Of times without one: a local time that occurs twice is the first of the two, one that does not exist is what
        it would be without the change. Without a zone such receipts have no time.

    Returns
    -------
    DuckDBPyRelation
        ``message_id, correlation_id, status, code, event_at_ms, received_at_ms, msisdn``, for `fold_calls`. What costs
        a look at each number (its key, country and type) is not there.
    """
    return connection.sql(f"SELECT * FROM ({_texts(paths, zone)}) WHERE {_IS_RECEIPT}")  # noqa: S608 - quoted paths


def count_rejected(connection: duckdb.DuckDBPyConnection, paths: Sequence[Path]) -> int:
    """Count the lines that `receipts_from_json_lines` leaves out; blank lines are none."""
    query = f"SELECT count(*) FROM ({_texts(paths, None)}) WHERE ({_IS_RECEIPT}) IS NOT TRUE"  # noqa: S608 - quoted paths
    return int(connection.execute(query).fetchall()[0][0])


def _texts(paths: Sequence[Path], zone: ZoneInfo | None) -> str:
    files = ", ".join("'{}'".format(str(path).replace("'", "''")) for path in paths)
    moment = 'n."deliveryInfo"."timeStamp"'
    return f"""
        SELECT coalesce(n.transid, '') AS message_id, coalesce(n.correlationid, '') AS correlation_id,
            coalesce(n."deliveryInfo"."deliveryStatus", '') AS status, coalesce(n."deliveryInfo".code, '') AS code,
            {_milliseconds(moment, zone)} AS event_at_ms, NULL::BIGINT AS received_at_ms,
            n."deliveryInfo".destination AS msisdn
        FROM (
            SELECT "deliveryInfoNotification" AS n FROM read_json([{files}], format = 'newline_delimited',
                columns = {{"deliveryInfoNotification": '{_SHAPE}'}}, ignore_errors = true, records = true,
                maximum_object_size = {_LINE_BYTES})
        )
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
