"""`read_calls`: calls from a file, whatever wrote it; nothing is kept."""

from __future__ import annotations

import os
import secrets
import tempfile
import warnings
from collections.abc import Mapping as AnyMapping
from contextlib import closing
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from imilab.archive import Archive
from imilab.calls import fold_calls
from imilab.clock import SystemClock
from imilab.config import Settings
from imilab.engines import Engine, open_engine
from imilab.engines.archived import archived_requests
from imilab.engines.limits import memory_limit_bytes
from imilab.errors import hides_arguments
from imilab.frames import calls_frame_of, ordered
from imilab.logs import (
    IMPORT_BYTES,
    ImportOptions,
    ImportSummary,
    Mapping,
    import_files,
    rejects_frame,
    zone_named,
)
from imilab.reading.own_tables import is_calls_table, read_calls_table
from imilab.store.project_key import read_project_key

__all__ = ["read_calls"]

_SHOWN_REJECTS = 20
_TEXTS = ("message_id", "correlation_id", "status", "code", "msisdn", "number_key", "country", "number_type")
_EVENT_COLUMNS = (*_TEXTS, "event_at_ms", "received_at_ms")
_NO_RECEIPTS = pa.table({name: pa.array([], pa.string() if name in _TEXTS else pa.int64()) for name in _EVENT_COLUMNS})
_NO_REQUESTS = _NO_RECEIPTS.select(["message_id", "correlation_id"])


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
) -> pd.DataFrame:
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

    Returns
    -------
    DataFrame
        The columns and types of `Lab.calls`; times are aware, UTC. A pending call is told from a lost one as of the
        last event of the logs. ``attrs["import"]`` holds the counts ``read, kept, duplicate, rejected`` and the first
        rows that could not be read; a warning says that there are some. `number_key` is the project's where
        there is a project here (its store, or the setting `number_key`), else one that holds for this process.

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
    if mapping is None and source.is_file() and is_calls_table(source):
        return read_calls_table(source, zone)
    settings = Settings()
    with tempfile.TemporaryDirectory(prefix="imilab-") as folder:
        archive = Archive(Path(folder) / "archive")
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
        summary = import_files(path, archive, how)
        with closing(open_engine(engine, memory_limit=settings.memory_limit, spill_beside=archive.folder)) as runs:
            table = _fold(archive, runs, settings.receipt_horizon // timedelta(milliseconds=1))
        calls = calls_frame_of(table, unmasked=unmasked)
        _note(calls, summary, archive)
    return calls


def _fold(archive: Archive, engine: Engine, horizon_ms: int) -> pa.Table:
    """Return the calls that an archive tells of, in order."""
    files, asked = archive.receipt_files(), archive.request_files()
    events = engine.parquet(files) if files else engine.arrow(_NO_RECEIPTS)
    requests = None
    if asked:
        requests = archived_requests(engine.parquet(asked), engine.arrow(_NO_REQUESTS))
    as_of_ms = _last_moment(files, asked)
    calls = fold_calls(events.select(*_EVENT_COLUMNS), requests, as_of_ms=as_of_ms, horizon_ms=horizon_ms)
    return engine.collect(ordered(calls), "calls")


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
    beside = settings.store.with_name(settings.store.name + ".key")
    return read_project_key(settings.store) if beside.is_file() else _key_of_this_process()


def _note(calls: pd.DataFrame, summary: ImportSummary, archive: Archive) -> None:
    """Leave the counts with the frame, and say where rows were left out."""
    rejects = rejects_frame(archive.reject_files()).head(_SHOWN_REJECTS).to_dict("records")
    calls.attrs["import"] = {**summary.counts, "rejects": rejects}
    if summary.rejected:
        first = rejects[0]
        warnings.warn(
            f"{summary.rejected:,} of {summary.read:,} rows could not be read; the first: {first['file']} line"
            f" {first['line']}: {first['reason']}. See calls.attrs['import']",
            UserWarning,
            stacklevel=4,
        )
