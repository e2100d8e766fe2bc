"""Texts of times to milliseconds UTC, inside a query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import duckdb

from imilab.errors import TimestampError
from imilab.logs.zones import local_to_utc, odd_hours

__all__ = ["ISO", "STRICT_ISO", "ReadTimes", "read_times"]

ISO = (
    r"[0-9]{4}-[01][0-9]-[0-3][0-9][ T]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.,][0-9]{1,9})?)?"
    r"( ?([Zz]|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?))?"
)
"""The texts that are read as ISO 8601; what follows the minutes may be missing."""

STRICT_ISO = (
    r"[0-9]{4}-[01][0-9]-[0-3][0-9][ T]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?"
    r"(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?"
)
"""Those of them that `imilab.wire.parse_timestamp` reads too, and as the same moment."""

_YEAR_1_MS, _YEAR_9999_MS = -62_135_596_800_000, 253_402_300_799_999
_OFFSET = r"([Zz]|:[0-9.,]+ ?[+-][0-9]{2}(:?[0-9]{2})?)$"
_EMPTY = "('', 'null', 'NULL', '-', 'NA', 'N/A', '\\N')"


@dataclass(frozen=True)
class ReadTimes:
    """What became of the times of a batch.

    Attributes
    ----------
    without_zone, twice, never : int
        Times that named no zone; of those, the ones that occur twice and those that never do on the zone's clock.
    """

    without_zone: int = 0
    twice: int = 0
    never: int = 0


def read_times(
    engine: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str], time_format: str, zone: ZoneInfo | None
) -> ReadTimes:
    """Add ``<column>_ms`` and ``<column>_odd`` (there is a text, and it is no time) to a temporary table.

    Parameters
    ----------
    engine : DuckDB connection
        Holds the table, whose columns are texts.
    table : str
        Is replaced.
    columns : sequence of str
        Those with times. A text that stands for nothing, such as ``-`` or ``NULL``, counts as ''.
    time_format : str
        See `imilab.Mapping`.
    zone : ZoneInfo or None
        For times without one.

    Raises
    ------
    TimestampError
        A time without a zone, and `zone` is None.
    """
    parts = [
        f"{_local(column, time_format)} AS {column}_local, {_exact(column, time_format)} AS {column}_utc"
        for column in columns
    ]
    engine.execute(f"CREATE OR REPLACE TEMP TABLE timed AS SELECT *, {', '.join(parts)} FROM {table}")
    ranges = ", ".join(f"count({c}_local), min({c}_local), max({c}_local)" for c in columns)
    found = engine.execute(f"SELECT {ranges} FROM timed").fetchall()[0]
    spans = {column: found[3 * place : 3 * place + 3] for place, column in enumerate(columns)}
    if zone is None and (naive := [column for column, span in spans.items() if span[0]]):
        raise TimestampError(
            naive[0],
            "times without a zone; give tz=, such as tz='Asia/Kolkata', or set tenant_zone (IMILAB_TENANT_ZONE) to the "
            "tenant's time zone",
        )
    done, odd = [], {"twice": ["0"], "never": ["0"]}
    for column, (count, first_ms, last_ms) in spans.items():
        local = f"{column}_local"
        moment = f"{column}_utc"
        if count and zone is not None:
            moment = f"coalesce({column}_utc, {local_to_utc(local, zone, first_ms, last_ms)})"
            for word, counts in odd.items():
                hours = odd_hours(local, zone, first_ms, last_ms, twice=word == "twice")
                counts.append(f"count(*) FILTER (WHERE {hours})")
        moment = f"CASE WHEN {moment} BETWEEN {_YEAR_1_MS} AND {_YEAR_9999_MS} THEN {moment} END"
        blank = f"trim({column}) IN {_EMPTY}"
        done.append(f"{moment} AS {column}_ms, {moment} IS NULL AND NOT {blank} AS {column}_odd")
    counted = engine.execute(f"SELECT {' + '.join(odd['twice'])}, {' + '.join(odd['never'])} FROM timed").fetchall()[0]
    hidden = ", ".join(f"{column}_local, {column}_utc" for column in columns)
    engine.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT * EXCLUDE ({hidden}), {', '.join(done)} FROM timed")
    engine.execute("DROP TABLE timed")
    return ReadTimes(sum(span[0] for span in spans.values()), *counted)


def _ms(moment: str) -> str:
    """Return the SQL of whole milliseconds, rounded down."""
    micros = f"epoch_us({moment})"
    return f"({micros} - (({micros} % 1000) + 1000) % 1000) // 1000"


def _clean(column: str) -> str:
    return f"upper(replace(trim({column}), ',', '.'))"


def _zoned(column: str) -> str:
    """Return the SQL of a moment whose text names its offset, perhaps after a space, which the engine does not take."""
    text = _clean(column)
    closed_up = f"regexp_replace({text}, ' ([Z+-])', '\\1')"
    return f"coalesce(try_cast({text} AS TIMESTAMPTZ), try_cast({closed_up} AS TIMESTAMPTZ))"


def _local(column: str, time_format: str) -> str:
    """Return the SQL of milliseconds on the local clock, null for a time that names its offset."""
    if time_format == "iso":
        fits = f"regexp_full_match(trim({column}), '{ISO}') AND NOT regexp_matches(trim({column}), '{_OFFSET}')"
        return f"CASE WHEN {fits} THEN {_ms(f'try_cast({_clean(column)} AS TIMESTAMP)')} END"
    if time_format.startswith("epoch_"):
        return "NULL::BIGINT"
    if "%z" in time_format:
        return "NULL::BIGINT"
    return _ms(f"try_strptime(trim({column}), '{_quoted(time_format)}')")


def _exact(column: str, time_format: str) -> str:
    """Return the SQL of milliseconds UTC of a time that names its offset, or needs none."""
    if time_format == "iso":
        fits = f"regexp_full_match(trim({column}), '{ISO}') AND regexp_matches(trim({column}), '{_OFFSET}')"
        return f"CASE WHEN {fits} THEN {_ms(_zoned(column))} END"
    if time_format == "epoch_ms":
        return f"try_cast(trim({column}) AS BIGINT)"
    if time_format == "epoch_s":
        return f"floor(try_cast(trim({column}) AS DECIMAL(20, 6)) * 1000)::BIGINT"
    if "%z" in time_format:
        return _ms(f"try_strptime(trim({column}), '{_quoted(time_format)}')")
    return "NULL::BIGINT"


def _quoted(text: str) -> str:
    return text.replace("'", "''")
