"""`read_calls`: calls from a file, whatever wrote it; nothing is kept."""

from __future__ import annotations

import os
import secrets
import tempfile
import warnings
from collections.abc import Hashable
from collections.abc import Mapping as AnyMapping
from contextlib import ExitStack, closing
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal, overload
from zoneinfo import ZoneInfo

import duckdb
import narwhals as nw
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from imilab.archive import Archive
from imilab.calls import fold_calls
from imilab.clock import SystemClock
from imilab.config import Settings
from imilab.engines import Engine, open_engine
from imilab.engines.archived import archived_requests
from imilab.engines.duckdb_engine import DuckDBEngine
from imilab.engines.handing_over import masked, masked_number
from imilab.engines.limits import memory_limit_bytes
from imilab.errors import InvalidInputError, hides_arguments
from imilab.frames import calls_frame_of, ordered
from imilab.logs import (
    IMPORT_BYTES,
    ImportOptions,
    Mapping,
    find_logs,
    import_files,
    rejects_frame,
    zone_named,
)
from imilab.reading.own_tables import is_calls_table, read_calls_table
from imilab.reading.plain_receipts import PlainReceipts, is_packed, rejects_of
from imilab.reading.trusted_receipts import read_trusted
from imilab.store.project_key import key_file, read_project_key

__all__ = ["read_calls"]

_SHOWN_REJECTS = 20
_TEXTS = ("message_id", "correlation_id", "status", "code", "msisdn", "number_key", "country", "number_type")
_EVENT_COLUMNS = (*_TEXTS, "event_at_ms", "received_at_ms")
_NO_RECEIPTS = pa.table({name: pa.array([], pa.string() if name in _TEXTS else pa.int64()) for name in _EVENT_COLUMNS})
_NO_REQUESTS = _NO_RECEIPTS.select(["message_id", "correlation_id"])


@overload
def read_calls(
    path: str | os.PathLike[str],
    mapping: Mapping | str | None = None,
    tz: str | None = None,
    *,
    engine: object | None = None,
    progress: bool | None = None,
    unmasked: bool = False,
    options: AnyMapping[str, Any] | None = None,
    lazy: Literal[False] = False,
) -> pd.DataFrame: ...


@overload
def read_calls(
    path: str | os.PathLike[str],
    mapping: Mapping | str | None = None,
    tz: str | None = None,
    *,
    engine: object | None = None,
    progress: bool | None = None,
    unmasked: bool = False,
    options: AnyMapping[str, Any] | None = None,
    lazy: Literal[True],
    trusted: bool = False,
) -> duckdb.DuckDBPyRelation: ...


@hides_arguments
def read_calls(
    path: str | os.PathLike[str],
    mapping: Mapping | str | None = None,
    tz: str | None = None,
    *,
    engine: object | None = None,
    progress: bool | None = None,
    unmasked: bool = False,
    options: AnyMapping[str, Any] | None = None,
    lazy: bool = False,
    trusted: bool = False,
) -> pd.DataFrame | duckdb.DuckDBPyRelation:
    """Read calls from a file; nothing is kept.

    Parameters
    ----------
    path : path or URL
        A calls table that `imilab.report` wrote (``.csv``, ``.parquet``); or export logs of the platform: zip, csv,
        csv.gz, tsv, JSON lines, Parquet, a folder or a pattern with ``*``, here, at ``s3://`` or at ``sftp://``.
    mapping : Mapping or str, optional
        How the columns of logs are read, or a profile's name; by default what `imilab.inspect_logs` proposes. The
        platform's own receipts as JSON lines need none.
    tz : str, optional
        The IANA zone of times without one; by default the mapping's, else the setting `tenant_zone`.
    engine : SparkSession, optional
        Where logs are folded into calls; by default DuckDB.
    progress : bool, optional
        Show a progress bar; by default in a notebook or a terminal.
    unmasked : bool
        Show the full numbers that logs hold.
    options : mapping, optional
        For a URL: see docs/logs.md.
    lazy : bool
        Leave the calls of logs in DuckDB, for `imilab.rates`, `imilab.compare` or queries of your own.
    trusted : bool
        With `lazy`, take a file of the platform's receipts at its word, which is quicker: lines that are no receipts
        are left out and counted in a warning, a receipt that stands twice counts twice, and what takes a look at each
        number (key, country, type) is missing.

    Returns
    -------
    DataFrame or DuckDBPyRelation
        The columns and types of `Lab.calls`; times are aware, UTC. A pending call is told from a lost one as of the
        last event of the logs. ``attrs["import"]`` holds the counts ``read, kept, duplicate, rejected`` and the first
        rows that could not be read; a warning says that there are some. `number_key` is the project's where
        there is a project here (its store, or the setting `number_key`), else one that holds for this process.
        Where `lazy`, one row a call in no particular order, with times as integer milliseconds UTC, ``offered_at_ms``
        and so on, and numbers masked as well; it lives as long as it is held.

    Raises
    ------
    InvalidInputError
        No such file, a file that cannot be read, or columns that cannot be told.
    TimestampError
        A time without a zone, and none is known.

    Examples
    --------
    >>> import imilab, tempfile
    >>> calls = imilab.load_sample("calls")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read_calls(imilab.report(calls, f"{folder}/calls.csv")).equals(calls)
    True
    """
    zone = None if tz is None else zone_named(tz)
    source = Path(path).expanduser()
    if trusted:
        if not (lazy and mapping is None and engine is None and source.is_file()):
            raise InvalidInputError("trusted", "for one file of receipts here, with lazy=True and without mapping")
        return _trusted(source, zone, progress=progress, unmasked=unmasked)
    if mapping is None and source.is_file() and is_calls_table(source):
        if lazy:
            raise InvalidInputError("lazy", f"{source.name} is a calls table, which is read whole; leave lazy out")
        return read_calls_table(source, zone)
    settings = Settings()
    horizon_ms = settings.receipt_horizon // timedelta(milliseconds=1)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="imilab-")))
        how = ImportOptions(
            number_key=_number_key(settings),
            mapping=Mapping.load(mapping) if isinstance(mapping, str) else mapping,
            zone=zone,
            tenant_zone=settings.zone,
            now_ms=SystemClock().now_ms(),
            progress=progress,
            memory_bytes=min(memory_limit_bytes(settings.memory_limit), IMPORT_BYTES),
            remote=options or {},
        )
        spill = None if lazy else folder / "queries"
        runs = open_engine(engine, memory_limit=settings.memory_limit, spill_beside=spill, show=progress)
        if not lazy:
            stack.enter_context(closing(runs))
        if lazy and not isinstance(runs, DuckDBEngine):
            raise InvalidInputError(
                "lazy", "DuckDB alone hands files over; import them, and ask Lab(engine=).calls_table()"
            )
        plain = _plain_receipts(source, runs, how)
        if plain is not None:
            found = plain.calls(horizon_ms=horizon_ms, unmasked=unmasked)
            counts, rejects = plain.counts, rejects_of(source.name, plain.rejects[:_SHOWN_REJECTS])
        else:
            archive = Archive(folder / "archive")
            counts = import_files(path, archive, how).counts
            rejects = rejects_frame(archive.reject_files()).head(_SHOWN_REJECTS).to_dict("records")
            found = _fold(archive, runs, horizon_ms)
            found = masked(found, runs) if lazy and not unmasked else found
        if isinstance(runs, DuckDBEngine) and lazy:
            calls = runs.hand_over(found) if plain is None else found.to_native()
            runs.leave()
        else:
            done = unmasked or plain is not None  # its only numbers were hidden on the engine
            calls = calls_frame_of(runs.collect(ordered(found), "calls"), unmasked=done)
            calls.attrs["import"] = {**counts, "rejects": rejects}
        _warn(counts, rejects)
    return calls


def _trusted(source: Path, zone: ZoneInfo | None, *, progress: bool | None, unmasked: bool) -> duckdb.DuckDBPyRelation:
    settings = Settings()
    engine = DuckDBEngine(settings.memory_limit, show=progress)
    horizon_ms = settings.receipt_horizon // timedelta(milliseconds=1)
    calls, left_out = read_trusted(engine, [source], zone or settings.zone, horizon_ms)
    if left_out:
        warnings.warn(
            f"{left_out:,} lines of {source.name} are no receipts and were left out", UserWarning, stacklevel=4
        )
    engine.leave()
    shown = calls if unmasked else calls.with_columns(msisdn=masked_number(nw.col("msisdn")))
    relation: duckdb.DuckDBPyRelation = shown.to_native()
    return relation


def _plain_receipts(source: Path, engine: Engine, how: ImportOptions) -> PlainReceipts | None:
    """Read one file of receipts here the quick way; None where it is anything else."""
    if how.mapping is not None or not isinstance(engine, DuckDBEngine) or not source.is_file():
        return None
    with find_logs(source) as files:
        if len(files) != 1 or is_packed(source):
            return None
        plain = PlainReceipts(engine, source, files[0], how.zone or how.tenant_zone, how.number_key)
        return plain if plain.read() else None


def _fold(archive: Archive, engine: Engine, horizon_ms: int) -> nw.LazyFrame[Any]:
    """Return the calls that an archive tells of."""
    files, asked = archive.receipt_files(), archive.request_files()
    events = engine.parquet(files) if files else engine.arrow(_NO_RECEIPTS)
    requests = None
    if asked:
        requests = archived_requests(engine.parquet(asked), engine.arrow(_NO_REQUESTS))
    as_of_ms = _last_moment(files, asked)
    return fold_calls(events.select(*_EVENT_COLUMNS), requests, as_of_ms=as_of_ms, horizon_ms=horizon_ms)


def _last_moment(files: list[Path], asked: list[Path]) -> int:
    """Return the latest time in Parquet files, from their statistics."""
    latest = 0
    for path, name in [*((path, "event_at_ms") for path in files), *((path, "requested_at_ms") for path in asked)]:
        metadata = pa.parquet.read_metadata(path)
        place = metadata.schema.to_arrow_schema().get_field_index(name)
        for group in range(metadata.num_row_groups):
            statistics = metadata.row_group(group).column(place).statistics
            if statistics is not None and statistics.has_min_max:
                latest = max(latest, statistics.max)
    return latest


@cache
def _key_of_this_process() -> bytes:
    return secrets.token_bytes(32)


def _number_key(settings: Settings) -> bytes:
    """Return the project's key where there is a project, else one for this process."""
    if settings.number_key_bytes:
        return settings.number_key_bytes
    beside = key_file(settings.store)
    return read_project_key(settings.store) if beside.is_file() else _key_of_this_process()


def _warn(counts: dict[str, int], rejects: list[dict[Hashable, Any]]) -> None:
    """Say where rows were left out."""
    if counts["rejected"]:
        first = rejects[0]
        warnings.warn(
            f"{counts['rejected']:,} of {counts['read']:,} rows could not be read; the first: {first['file']} line"
            f" {first['line']}: {first['reason']}. A DataFrame has them in calls.attrs['import']",
            UserWarning,
            stacklevel=4,
        )
