"""JSON lines to columns: the platform's receipts, as the webhook gets them, or flat objects read through a mapping.

A query reads what is plain. A line that is odd in some way goes to the webhook's own reader, so that both doors take
and refuse the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import tzinfo
from typing import Literal

import duckdb
import numpy as np
import orjson
import pyarrow as pa

from imilab.errors import InvalidInputError, UnreadableReceiptError
from imilab.logs.delimited import RawRows, Reject
from imilab.logs.text_blocks import Block
from imilab.logs.times import STRICT_ISO
from imilab.wire import read_receipt

__all__ = ["RECEIPT_TEXTS", "columns_of", "kind_of", "read_flat", "read_receipts"]

RECEIPT_TEXTS = {
    "message_id": "transid",
    "correlation_id": "correlationid",
    "callback_data": "callbackData",
    "status": "deliveryInfo.deliveryStatus",
    "code": "deliveryInfo.code",
    "description": "deliveryInfo.Description",
    "event_at": "deliveryInfo.timeStamp",
    "msisdn": "deliveryInfo.destination",
}
"""Our names of a receipt's texts, and where they stand in ``deliveryInfoNotification``."""

_INFO = (
    *("deliveryStatus", "code", "Description", "timeStamp", "destination", "deliveryChannel", "additionalInfo"),
    "destinationType",
)
_NOTE = ("transid", "correlationid", "callbackData", "subtid")
_SHAPE = orjson.dumps(
    {
        "deliveryTransInfo": "JSON",
        "deliveryInfoNotification": {"deliveryInfo": dict.fromkeys(_INFO, "JSON"), **dict.fromkeys(_NOTE, "JSON")},
    }
).decode()
_NOTIFICATION = "j.deliveryInfoNotification"
_LEAVES = (
    "j.deliveryTransInfo",
    *(f"{_NOTIFICATION}.{name}" for name in _NOTE),
    *(f"{_NOTIFICATION}.deliveryInfo.{name}" for name in _INFO),
)
_OBJECTS = 2
_BATCH = 32_768
_LINE_FEED = 10
_LOOKED_AT = 200
_RECEIPT_KEY = "deliveryInfoNotification"
_BEGINNING = re.compile(r'\s*(\{\s*("|$)|\[\s*(\{|$))')  # of an object or an array; an id in braces is neither


def kind_of(sample: str) -> Literal["receipts", "json"] | None:
    """Say what lines the beginning of a log has, whatever its first line is: a log may begin in the middle of one.

    Returns
    -------
    {"receipts", "json"} or None
        Where some line is a receipt of the platform's; where half of the lines are objects or more; or neither.
    """
    lines = [line for line in sample.split("\n") if line.strip()][:_LOOKED_AT]
    objects = [one for one in map(_object_or_none, lines) if one is not None]
    if lines and not objects and _BEGINNING.match(lines[0]):  # no whole one; the reader says what is wrong
        return "receipts" if _RECEIPT_KEY in lines[0] else "json"
    if any(_RECEIPT_KEY in one for one in objects):
        return "receipts"
    return "json" if objects and 2 * len(objects) >= len(lines) else None


def _object_or_none(line: str) -> dict[str, object] | None:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def columns_of(sample: str) -> tuple[str, ...]:
    """Return the names in the first objects of a sample of JSON lines, in the order of their first occurrence.

    Raises
    ------
    InvalidInputError
        No line is an object.
    """
    names: dict[str, None] = {}
    for line in sample.split("\n")[:_LOOKED_AT]:
        names |= dict.fromkeys(_object_or_none(line) or {})
    if not names:
        raise InvalidInputError("path", "no line of it is a JSON object; JSON is read as lines, one object a line")
    return tuple(names)


def _lines(block: Block) -> pa.Table:
    """Return the lines of a block, mostly uncopied, as ``text`` and ``line``, in batches for several threads."""
    data = block.data if block.data.endswith(b"\n") else block.data + b"\n"
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == _LINE_FEED)
    offsets = np.concatenate(([0], ends + 1)).astype(np.int32)
    raw = pa.Array.from_buffers(pa.binary(), len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(data)])
    try:
        texts = raw.cast(pa.string())
    except pa.ArrowInvalid:  # some byte is no UTF-8
        texts = pa.array([_text_or_none(line) for line in data[:-1].split(b"\n")], pa.string())
    numbers = np.arange(block.first_line, block.first_line + len(ends))
    table = pa.table({"text": texts, "line": numbers})
    return pa.Table.from_batches(table.to_batches(max_chunksize=_BATCH))


def _text_or_none(line: bytes) -> str | None:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return None


def _is_text(name: str) -> str:
    """Return the SQL condition that a piece of JSON is missing, or a text without a NUL."""
    return f"""({name} IS NULL OR (starts_with({name}, '"') AND NOT contains({name}, '\\u0000')))"""


def _text(name: str) -> str:
    """Return the SQL of a text out of its JSON."""
    inner = f"CASE WHEN contains({name}, '\\') THEN {name} ->> '$' ELSE ({name}::VARCHAR)[2:-2] END"
    return f"CASE WHEN {name} IS NULL THEN '' ELSE {inner} END"


def _receipts_query() -> str:
    found = " + ".join(f"({name} IS NOT NULL)::INTEGER" for name in _LEAVES)
    texts = ", ".join(f"{_text(f'{_NOTIFICATION}.{place}')} AS {name}" for name, place in RECEIPT_TEXTS.items())
    # As many names as known fields are there: none stands twice, and none is new.
    return f"""
        WITH parsed AS (
            SELECT line, text, try(json_transform(text, '{_SHAPE}')) AS j
            FROM block WHERE text IS NULL OR trim(text, ' \t\r\n') <> ''
        ), texts AS (
            SELECT line, text, {texts},
                (strlen(text) - strlen(replace(text, '":', ''))) // 2 = {found} + {_OBJECTS}
                AND {" AND ".join(map(_is_text, _LEAVES))} AS is_known
            FROM parsed
        )
        SELECT line, {", ".join(RECEIPT_TEXTS)}, NULL::BIGINT AS given_ms, false AS is_given,
            CASE WHEN coalesce(is_known, false) AND (event_at = '' OR regexp_full_match(event_at, '{STRICT_ISO}'))
                THEN NULL ELSE coalesce(text, '') END AS odd
        FROM texts
    """  # noqa: S608 - names of ours alone


_RECEIPTS = _receipts_query()


def read_receipts(engine: duckdb.DuckDBPyConnection, block: Block, zone: tzinfo | None) -> RawRows:
    """Read the platform's receipts, a line each.

    Returns
    -------
    RawRows
        Columns `RECEIPT_TEXTS`, ``line``, and ``given_ms`` where ``is_given``: the time is then known already.
    """
    engine.register("block", _lines(block))
    found = engine.sql(_RECEIPTS).to_arrow_table()
    engine.unregister("block")
    odd = pa.compute.is_valid(found["odd"])
    plain = found.filter(pa.compute.invert(odd)).drop_columns(["odd"])
    strange = found.filter(odd)
    if not strange.num_rows:
        return RawRows(plain)
    rows, rejects = _read_odd(strange, zone)
    read = pa.table(
        {name: pa.array([row[name] for row in rows], plain.schema.field(name).type) for name in plain.column_names}
    )
    return RawRows(pa.concat_tables([plain, read]), rejects)


def _read_odd(strange: pa.Table, zone: tzinfo | None) -> tuple[list[dict[str, object]], list[Reject]]:
    rows: list[dict[str, object]] = []
    rejects: list[Reject] = []
    for line, text in zip(strange["line"].to_pylist(), strange["odd"].to_pylist(), strict=True):
        try:
            receipt = read_receipt(text.encode(), zone)
        except UnreadableReceiptError as problem:
            rejects.append(Reject(line, problem.reason if text else "not UTF-8", text))
            continue
        texts = {name: getattr(receipt, name) for name in RECEIPT_TEXTS if name != "event_at"}
        rows.append(
            {**texts, "event_at": receipt.event_at_raw, "line": line, "given_ms": receipt.event_at_ms, "is_given": True}
        )
    return rows, rejects


def read_flat(engine: duckdb.DuckDBPyConnection, block: Block, columns: Sequence[str]) -> RawRows:
    """Read flat objects, a line each.

    Parameters
    ----------
    columns : sequence of str
        The wanted names; their columns in the result are called ``c0`` and so on, in this order. Numbers and truth
        values become their texts, null and missing ones ''.
    """
    paths = ["/" + name.replace("~", "~0").replace("/", "~1") for name in columns]  # a JSON pointer takes any sign
    engine.register("block", _lines(block))
    places = ", ".join(f"coalesce(v[{place}], '') AS c{place - 1}" for place in range(1, len(columns) + 1))
    found = engine.sql(
        f"""
        WITH valid AS (
            SELECT line, text, coalesce(json_valid(text), false) AND ltrim(text)[1] = '{{' AS is_read
            FROM block WHERE text IS NULL OR trim(text, ' \t\r\n') <> ''
        ), parsed AS (
            SELECT line, text, is_read, CASE WHEN is_read THEN json_extract_string(text, $paths) END AS v FROM valid
        )
        SELECT line, {places}, CASE WHEN NOT is_read THEN coalesce(text, '') END AS odd FROM parsed
        """,  # noqa: S608 - places alone
        params={"paths": paths},
    ).to_arrow_table()
    engine.unregister("block")
    odd = pa.compute.is_valid(found["odd"])
    strange = found.filter(odd)
    rejects = [
        Reject(line, "not a JSON object" if text else "not UTF-8", text)
        for line, text in zip(strange["line"].to_pylist(), strange["odd"].to_pylist(), strict=True)
    ]
    return RawRows(found.filter(pa.compute.invert(odd)).drop_columns(["odd"]), rejects)
