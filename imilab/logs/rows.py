"""Rows as texts to receipts and requests, in queries: what is kept of a log, and why a row is not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import starmap
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pyarrow as pa

from imilab.logs.delimited import Reject
from imilab.logs.mapping import Mapping
from imilab.logs.number_facts import NumberTable
from imilab.logs.times import ISO, ReadTimes, read_times
from imilab.terms import CODES, STATUSES
from imilab.wire.receipt import ENDS

__all__ = ["EVENT_KEY", "PARTS", "RECEIPT_COLUMNS", "REQUEST_COLUMNS", "RowReader", "Taken"]

RECEIPT_COLUMNS = (
    *("identity", "received_at_ms", "message_id", "correlation_id", "status", "code", "description", "event_at_ms"),
    *("event_at_raw", "msisdn", "callback_data", "number_key", "country", "number_type"),
)
"""The columns of an archived receipt."""

REQUEST_COLUMNS = (
    *("identity", "correlation_id", "plan_id", "position", "block", "stratum", "design", "campaign", "arm", "msisdn"),
    *("caller_id", "content_type", "media_id", "language", "voice", "voice_type", "gender", "region", "text"),
    *("send_at_ms", "state", "attempt", "message_id", "http_status", "code", "message", "created_at_ms"),
    *("requested_at_ms", "number_key", "country", "number_type"),
)
"""The columns of an archived request."""

PARTS = 4
"""A row tells of so many events at most; they are told apart by their place, the row's number times this and more."""

_TEXTS = ("message_id", "correlation_id", "status", "code", "description", "msisdn", "callback_data")
_REQUEST_TEXTS = (
    *("campaign", "arm", "caller_id", "content_type", "media_id", "language", "voice", "voice_type", "gender"),
    *("region", "text"),
)
_CALL_TIMES = ("requested_at", "offered_at", "accepted_at", "answered_at", "ended_at")
_DATE = (
    r"[0-9]{1,4}[-/. ][0-9]{1,2}[-/. ][0-9]{1,4}[ T,]{1,2}[0-9]{1,2}[:.][0-9]{2}([:.][0-9]{2}([.,][0-9]{1,9})?)?"
    r"( ?[AaPp][Mm])?"
)
_NOTHING = "('null', 'NULL', '-', 'NA', 'N/A', '\\N')"
_IDS = frozenset({"message_id", "correlation_id", "status", "code"})
_BEFORE_THE_CALL = "('QUEUED', 'SCHEDULED', 'SUBMITTED', '')"


@dataclass(frozen=True)
class Taken:
    """What became of a batch of rows.

    Attributes
    ----------
    rejects : tuple of Reject
        Rows that tell no event of any call.
    times : ReadTimes
        What was special about their times.
    """

    rejects: tuple[Reject, ...]
    times: ReadTimes


class RowReader:
    """Reads batches into the temporary tables ``receipts`` and ``requests``, which carry the ``place`` of each event.

    Parameters
    ----------
    engine : DuckDB connection
        Where the tables are made.
    mapping : Mapping or None
        None for the platform's own receipts.
    zone : ZoneInfo or None
        Of times without one.
    numbers : NumberTable
        For the numbers' keys and facts.
    """

    def __init__(
        self, engine: duckdb.DuckDBPyConnection, mapping: Mapping | None, zone: ZoneInfo | None, numbers: NumberTable
    ) -> None:
        self._engine, self._mapping, self._zone, self._numbers = engine, mapping, zone, numbers
        self.makes_requests = mapping is not None and mapping.kind == "call"
        self._times = _CALL_TIMES if self.makes_requests else ("event_at",)

    def take(self, table: pa.Table, first_row: int) -> Taken:
        """Read a batch.

        Parameters
        ----------
        table : pyarrow.Table
            A text column for each field that the log has, and ``line``.
        first_row : int
            The number of its first row.
        """
        row_ids = pa.array(np.arange(first_row, first_row + len(table)))
        self._engine.register("batch", table.append_column("row_id", row_ids))
        cleaned = ", ".join(self._cleaned(table))
        self._engine.execute(f"CREATE OR REPLACE TEMP TABLE texts AS SELECT {cleaned} FROM batch")
        self._engine.unregister("batch")
        time_format = self._mapping.time_format if self._mapping else "iso"
        times = read_times(self._engine, "texts", self._times, time_format, self._zone)
        self._numbers.add_to(self._engine, "texts")
        self._engine.execute(f"CREATE OR REPLACE TEMP TABLE judged AS SELECT *, {self._reason()} AS reason FROM texts")
        if self.makes_requests:
            self._engine.execute(_REQUESTS_OF_CALLS)
            self._engine.execute(_receipts(_EVENTS_OF_CALLS))
        else:
            self._engine.execute(_receipts(_EVENTS))
        return Taken(self._rejects(), times)

    def _cleaned(self, table: pa.Table) -> list[str]:
        there = set(table.column_names)
        names = (*_TEXTS, *(_REQUEST_TEXTS if self.makes_requests else ()))
        found = ["row_id", "line"]
        for name in (*names, *self._times):
            text = name if name in there else "''"
            if self._mapping is None or name not in there:
                found.append(f"{text} AS {name}")
            elif name in ("msisdn", "caller_id"):
                found.append(f"{_number(name)} AS {name}")
            elif name in _IDS or name in self._times:
                found.append(f"CASE WHEN trim({name}) IN {_NOTHING} THEN '' ELSE trim({name}) END AS {name}")
            else:
                found.append(f"trim({name}) AS {name}")
        given = "given_ms" in there
        return [
            *found,
            f"{'given_ms' if given else 'NULL::BIGINT'} AS given_ms",
            f"{'is_given' if given else 'false'} AS is_given",
        ]

    def _reason(self) -> str:
        # The webhook keeps a receipt whatever its time: what it says about the outcome counts.
        named = self._times if self._mapping else ()
        times = " ".join(f"WHEN {name}_odd THEN {_unread(name)}" for name in named)
        return f"""CASE
            WHEN message_id = '' AND correlation_id = '' THEN 'neither a message id nor a correlation id'
            WHEN status = '' AND code = '' {self._no_event()} THEN 'neither a status nor a code'
            {times} END"""

    def _no_event(self) -> str:
        return "".join(f" AND {name} = ''" for name in self._times) if self.makes_requests else ""

    def _rejects(self) -> tuple[Reject, ...]:
        shown = ", ".join(name for name in (*_TEXTS, *self._times))
        found = self._engine.execute(
            f"SELECT line, reason, concat_ws(' | ', {shown}) FROM judged WHERE reason IS NOT NULL ORDER BY line"
        ).fetchall()
        return tuple(Reject(*row) for row in found)


def _unread(name: str) -> str:
    """Return the SQL of why a time is not read: a date shows how it is written, every digit a 9."""
    text = f"trim({name})"
    shape = (
        f"CASE WHEN regexp_full_match({text}, '{_DATE}') THEN ' like ' || regexp_replace({text}, '[0-9]', '9', 'g') END"
    )
    return (
        f"CASE WHEN regexp_full_match({text}, '{ISO}') THEN 'a time that does not exist: {name}' ELSE concat("
        f"'a time that cannot be read: {name}', {shape}, '; say how times are written with time_format') END"
    )


def _number(name: str) -> str:
    """Return the SQL of a number in E.164 where a text is one in another spelling, else the text."""
    digits = f"regexp_replace(trim({name}), '[^0-9]', '', 'g')"
    bare = f"regexp_replace({digits}, '^00', '')"
    return (
        f"CASE WHEN regexp_full_match({name}, '\\+[1-9][0-9]{{6,14}}') THEN {name}"
        f" WHEN regexp_full_match(trim({name}), '[''+]*[0-9][0-9 ().-]*')"
        f" AND regexp_full_match({bare}, '[1-9][0-9]{{6,14}}') THEN '+' || {bare} ELSE trim({name}) END"
    )


_FACTS = "message_id, correlation_id, description, msisdn, callback_data"
_EVENTS = f"""
    SELECT row_id * {PARTS} AS place, {_FACTS}, status, code,
        CASE WHEN is_given THEN given_ms ELSE event_at_ms END AS event_at_ms, event_at AS event_at_raw
    FROM judged WHERE reason IS NULL
"""


def _one_time(part: int, status: str) -> str:
    name = f"{status.lower()}_at"
    return f"""
        SELECT row_id * {PARTS} + {part} AS place, {_FACTS}, '{status}' AS status, '{STATUSES[status].code}' AS code,
            {name}_ms AS event_at_ms, {name} AS event_at_raw
        FROM judged WHERE reason IS NULL AND {name}_ms IS NOT NULL
    """


def _words(known: Iterable[str]) -> str:
    return ", ".join(f"'{word}'" for word in known)


_SHORT = "upper(regexp_replace(status, '[\\s_-]+', ' ', 'g'))"
_IS_END = (
    f"CASE WHEN code IN ({_words(code for code, row in CODES.items() if row.event)})"
    f" THEN code IN ({_words(code for code, row in CODES.items() if row.event in ENDS)})"
    f" ELSE {_SHORT} IN ({_words(word for word, row in STATUSES.items() if row.event in ENDS)}) END"
)
# As a status answer is read (imilab.wire.status): an end is dated by the call's end, and where that is missing, a call
# that was never answered by its request. A status that is no end has no time of its own.
_LAST = f"""
    SELECT row_id * {PARTS} AS place, {_FACTS}, status, code,
        CASE WHEN NOT is_end THEN NULL WHEN ended_at_ms IS NOT NULL OR answered_at_ms IS NOT NULL THEN ended_at_ms
            ELSE requested_at_ms END AS event_at_ms,
        CASE WHEN NOT is_end THEN '' WHEN ended_at <> '' OR answered_at <> '' THEN ended_at
            ELSE requested_at END AS event_at_raw
    FROM (SELECT *, {_IS_END} AS is_end
        FROM judged WHERE reason IS NULL AND NOT (upper(status) IN {_BEFORE_THE_CALL} AND code = '')
        AND NOT ({_SHORT} = 'ANSWERED' AND answered_at_ms IS NOT NULL)
        AND NOT ({_SHORT} = 'OFFERED' AND offered_at_ms IS NOT NULL)
        AND NOT ({_SHORT} = 'ACCEPTED' AND accepted_at_ms IS NOT NULL))
"""
_EVENTS_OF_CALLS = " UNION ALL ".join((*starmap(_one_time, enumerate(("OFFERED", "ACCEPTED", "ANSWERED"), 1)), _LAST))

_CALL = "CASE WHEN message_id <> '' THEN message_id ELSE 'correlation:' || correlation_id END"
_MOMENT = "CASE WHEN event_at_ms IS NULL THEN event_at_raw ELSE event_at_ms::VARCHAR END"
EVENT_KEY = f"concat_ws(chr(31), {_CALL}, upper(status), code, {_MOMENT})"
"""What tells two events of archived receipts apart, but for the number, in SQL."""


def _receipts(events: str) -> str:
    # The content that tells two events apart is that of imilab.store.receipts.
    return f"""
        CREATE OR REPLACE TEMP TABLE receipts AS SELECT place,
            unhex(md5(concat_ws(chr(31), {EVENT_KEY}, msisdn))) AS identity,
            NULL::BIGINT AS received_at_ms, message_id, correlation_id, status, code, description, event_at_ms,
            event_at_raw, msisdn, callback_data, number_key, country, number_type
        FROM ({events}) LEFT JOIN numbers USING (msisdn)
    """


_OF_PLANS = {
    **dict.fromkeys(("plan_id", "stratum", "design", "code", "message"), "VARCHAR"),
    **dict.fromkeys(("position", "block", "send_at_ms", "http_status"), "BIGINT"),
}
_OF_REQUESTS = {
    "identity": f"unhex(md5({_CALL}))",
    "correlation_id": "CASE WHEN correlation_id <> '' THEN correlation_id ELSE message_id END",
    "message_id": "nullif(message_id, '')",
    "state": "'accepted'",
    "attempt": "1::BIGINT",
    "created_at_ms": "coalesce(requested_at_ms, offered_at_ms, accepted_at_ms, answered_at_ms, ended_at_ms)",
    **{name: f"NULL::{kind}" for name, kind in _OF_PLANS.items()},
    **{name: f"nullif({name}, '')" for name in _REQUEST_TEXTS},
}
_ASKED = ", ".join(f"{_OF_REQUESTS.get(name, name)} AS {name}" for name in REQUEST_COLUMNS)
_REQUESTS_OF_CALLS = f"""
    CREATE OR REPLACE TEMP TABLE requests AS
    SELECT row_id * {PARTS} AS place, {_ASKED}
    FROM judged LEFT JOIN numbers USING (msisdn) WHERE reason IS NULL
"""
