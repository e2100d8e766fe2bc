"""Folds rows by imilab.calls and by a second definition in plain SQL, many scenarios at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import islice, permutations
from pathlib import Path
from typing import Any

import duckdb
import narwhals as nw
import pyarrow as pa

from imilab.calls import fold_calls

ORACLE = Path(__file__).with_name("calls_oracle.sql").read_text(encoding="utf-8")
HORIZON_MS = 1_800_000
NOW_MS = 10_000_000
T0 = NOW_MS - 60_000

RECEIPT_TYPES = {
    **dict.fromkeys(("message_id", "correlation_id", "status", "code"), pa.string()),
    **dict.fromkeys(("event_at_ms", "received_at_ms"), pa.int64()),
    **dict.fromkeys(("msisdn", "number_key", "country", "number_type"), pa.string()),
}
REQUEST_TYPES = {
    **dict.fromkeys(("correlation_id", "plan_id"), pa.string()),
    **dict.fromkeys(("position", "block"), pa.int64()),
    **dict.fromkeys(("stratum", "design", "campaign", "arm", "msisdn", "caller_id", "content_type"), pa.string()),
    **dict.fromkeys(("media_id", "language", "voice", "voice_type", "gender", "region", "text"), pa.string()),
    **dict.fromkeys(("send_at_ms", "attempt", "http_status", "created_at_ms", "requested_at_ms"), pa.int64()),
    **dict.fromkeys(("state", "message_id", "code", "message", "number_key", "country", "number_type"), pa.string()),
}
Row = dict[str, Any]
Scenario = tuple[Sequence[Row], Sequence[Row] | None]


def table(rows: Sequence[Row], types: dict[str, pa.DataType]) -> pa.Table:
    return pa.table({name: pa.array([row.get(name) for row in rows], kind) for name, kind in types.items()})


def receipt(status: str = "", code: str = "", at: int | None = T0, **more: Any) -> Row:
    """A receipt `at` milliseconds, or with no time."""
    texts = {"message_id": "m1", "correlation_id": "", "msisdn": "+12025550123", "number_key": "k", "country": "US"}
    return {**texts, "status": status, "code": code, "event_at_ms": at, **more}


def request(correlation_id: str = "c1", **more: Any) -> Row:
    texts = {"correlation_id": correlation_id, "state": "accepted", "message_id": "m1", "msisdn": "+12025550123"}
    return {**texts, "content_type": "TTS", "requested_at_ms": T0, **more}


@cache
def engine() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    return connection


def fold(
    receipts: Sequence[Row],
    requests: Sequence[Row] | None = None,
    *,
    now_ms: int = NOW_MS,
    horizon_ms: int = HORIZON_MS,
) -> list[Row]:
    asked = None if requests is None else nw.from_native(engine().from_arrow(table(requests, REQUEST_TYPES)))
    events = nw.from_native(engine().from_arrow(table(receipts, RECEIPT_TYPES)))
    folded = fold_calls(events, asked, as_of_ms=now_ms, horizon_ms=horizon_ms).to_native()
    return [dict(zip(folded.columns, row, strict=True)) for row in folded.fetchall()]


def oracle(
    receipts: Sequence[Row],
    requests: Sequence[Row] | None = None,
    *,
    now_ms: int = NOW_MS,
    horizon_ms: int = HORIZON_MS,
) -> list[Row]:
    engine().register("receipts", table(receipts, RECEIPT_TYPES))
    engine().register("requests", table(requests or [], REQUEST_TYPES))
    found = engine().execute(ORACLE, {"as_of_ms": now_ms, "horizon_ms": horizon_ms})
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


IDS = ("call_id", "correlation_id", "message_id")


def apart(scenario: int, rows: Sequence[Row]) -> list[Row]:
    """Give rows ids of their own, so that many scenarios fold at once without touching each other."""
    return [row | {name: f"{scenario}|{row[name]}" for name in IDS if row.get(name)} for row in rows]


def fold_each(scenarios: Sequence[Scenario], by: Callable[..., list[Row]] = fold, **moments: int) -> list[list[Row]]:
    """Fold scenarios of receipts and requests, all at once, and return the calls of each."""
    receipts = [row for number, (rows, _) in enumerate(scenarios) for row in apart(number, rows)]
    asked = [row for number, (_, rows) in enumerate(scenarios) for row in apart(number, rows or [])]
    found: list[list[Row]] = [[] for _ in scenarios]
    for row in by(receipts, None if scenarios[0][1] is None else asked, **moments):
        number = int(row["call_id"].partition("|")[0])
        found[number].append(row | {name: row[name].partition("|")[2] for name in IDS if row[name]})
    return [sorted(rows, key=repr) for rows in found]


def without_counts(rows: Sequence[Row]) -> list[Row]:
    return sorted(({**row, "receipts": None, "unknown_receipts": None} for row in rows), key=repr)


def only_calls(scenarios: Sequence[Scenario], **moments: int) -> list[Row]:
    """The one call of each scenario, checked against the oracle and in other orders of arrival."""
    orders = [[(order, requests) for order in islice(permutations(rows), 24)] for rows, requests in scenarios]
    found = fold_each([order for orders_of_one in orders for order in orders_of_one], **moments)
    calls = []
    for orders_of_one, expected in zip(orders, fold_each(scenarios, oracle, **moments), strict=True):
        assert [found.pop(0) for _ in orders_of_one] == [expected] * len(orders_of_one)
        assert len(expected) == 1
        calls += expected
    return calls


def only_call(receipts: Sequence[Row], requests: Sequence[Row] | None = None, **moments: int) -> Row:
    return only_calls([(receipts, requests)], **moments)[0]
