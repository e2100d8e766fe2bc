"""An import from its files to the archive: read in batches, merged by time, published in one moment."""

from __future__ import annotations

import os
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from collections.abc import Mapping as AnyMapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from imilab.archive import Archive, Draft, ImportFacts, import_lock
from imilab.archive.rewriting import Change
from imilab.errors import InvalidInputError, StoreError
from imilab.logs.log_rows import Form, LogReader, look_at_all
from imilab.logs.mapping import Mapping
from imilab.logs.number_facts import NumberTable
from imilab.logs.rejects import RejectTable
from imilab.logs.rows import RowReader
from imilab.logs.sources import LogFile, find_logs
from imilab.logs.staging import Staging
from imilab.logs.summary import ImportSummary
from imilab.progress import make_progress

__all__ = ["IMPORT_BYTES", "ImportOptions", "import_files", "zone_named"]

IMPORT_BYTES = 2 << 30
"""An import gains nothing from more memory for its queries."""

_BATCH_ROWS = 400_000
_MB = 1_000_000


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """How an import goes.

    Attributes
    ----------
    number_key : bytes
        The project's secret.
    mapping : Mapping, optional
        By default what each file's columns propose.
    zone : ZoneInfo, optional
        Of times without one, whatever the mapping says.
    tenant_zone : ZoneInfo, optional
        Of times without one where neither `zone` nor the mapping names one.
    now_ms : int
        The moment of the import.
    change : callable
        Asked once no other import and no erasure can come between; returns what changes each file before it is kept,
        see `imilab.archive.Draft`, or None.
    progress : bool, optional
        See `imilab.progress.make_progress`.
    memory_bytes : int
        What queries may take.
    free_space_floor_bytes : int
        With less free space in the archive's folder the import ends, and keeps nothing.
    remote : mapping
        Options of the file system of a URL.
    """

    number_key: bytes = field(repr=False)
    mapping: Mapping | None = None
    zone: ZoneInfo | None = None
    tenant_zone: ZoneInfo | None = None
    now_ms: int = 0
    change: Callable[[], Change | None] = field(default=lambda: None, repr=False)
    progress: bool | None = None
    memory_bytes: int = IMPORT_BYTES
    free_space_floor_bytes: int = 0
    remote: AnyMapping[str, Any] = field(default_factory=dict, repr=False)


def zone_named(name: str) -> ZoneInfo:
    """Return an IANA zone.

    Raises
    ------
    InvalidInputError
        There is none of this name.
    """
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise InvalidInputError("tz", f"{name!r} is no time zone; give an IANA name such as 'Europe/London'") from None


def import_files(path: str | os.PathLike[str], archive: Archive, options: ImportOptions) -> ImportSummary:
    """Bring logs into an archive.

    Parameters
    ----------
    path : path or URL
        See `imilab.logs.sources.find_logs`.
    archive : Archive
        Gets all of it or, where an error is raised or the process dies, nothing.
    options : ImportOptions

    Returns
    -------
    ImportSummary

    Raises
    ------
    InvalidInputError
        A file or its mapping cannot be used.
    TimestampError
        Times without a zone, and none is given.
    StoreError
        The archive cannot be written, or another import is under way.
    """
    with find_logs(path, options.remote) as files, _as_store_errors(archive):
        looks = look_at_all(files, options.mapping)
        with import_lock(archive):
            import_id = _new_id(options.now_ms)
            with (
                Draft(archive, import_id, options.change()) as draft,
                _engine(draft.folder, options.memory_bytes) as engine,
            ):
                return _Import(draft, engine, options).run(files, looks)


class _Import:
    """One import under way."""

    def __init__(self, draft: Draft, engine: duckdb.DuckDBPyConnection, options: ImportOptions) -> None:
        self._draft, self._engine, self._options = draft, engine, options
        self._staging = Staging(engine, draft)
        self._rejects = RejectTable(draft)
        self._numbers = NumberTable(options.number_key)
        self._rows = self._read_count = 0
        self._odd: Counter[str] = Counter()

    def run(self, files: list[LogFile], looks: list[tuple[LogFile, Form]]) -> ImportSummary:
        """Read the files that are not empty, keep what is new, and publish it."""
        total = sum(file.size_bytes for file, _ in looks) // _MB + 1
        with make_progress("reading", total, show=self._options.progress) as bar:
            behind = 0
            for file, form in looks:
                for position in self._read(file, form):
                    bar.update({"MB": min((behind + position) // _MB, total)})
                behind += file.size_bytes
            bar.update({"MB": total})
        self._rejects.flush()
        with make_progress("writing", self._staging.spans, show=self._options.progress) as bar:
            steps = iter(range(1, self._staging.spans + 1))
            kept = self._staging.merge(self._rows, lambda: bar.update({"steps": next(steps)}))
        return self._publish(files, looks, kept)

    def _read(self, file: LogFile, form: Form) -> Iterator[int]:
        """Stage one file's rows, and give how many of its bytes are behind after each batch."""
        zone = self._zone(form.mapping)
        rows = RowReader(self._engine, form.mapping, zone, self._numbers)
        reader = LogReader(file, form, zone, self._engine)
        for table in self._batches(file, reader):
            self._check_space()
            taken = rows.take(table, self._rows)
            self._rows += len(table)
            self._rejects.add(file.name, taken.rejects)
            self._odd.update(asdict(taken.times))
            self._staging.add(requests=rows.makes_requests)
            yield reader.position

    def _check_space(self) -> None:
        free, floor = shutil.disk_usage(self._draft.folder).free, self._options.free_space_floor_bytes
        if free < floor:
            raise StoreError(
                f"nothing was imported: {free // _MB} MB are free beside the archive, and {floor // _MB} MB must stay;"
                " make space, then import again"
            )

    def _zone(self, mapping: Mapping | None) -> ZoneInfo | None:
        own = zone_named(mapping.tz) if mapping is not None and mapping.tz else None
        return self._options.zone or own or self._options.tenant_zone

    def _batches(self, file: LogFile, reader: LogReader) -> Iterator[pa.Table]:
        """Give a file's rows in tables that are worth a query."""
        waiting: list[pa.Table] = []
        for rows in reader.batches():
            self._rejects.add(file.name, rows.rejects)
            self._read_count += rows.table.num_rows + len(rows.rejects)
            if rows.table.num_rows:
                waiting.append(rows.table)
            if sum(map(len, waiting)) >= _BATCH_ROWS:
                yield pa.concat_tables(waiting)
                waiting = []
        if waiting:
            yield pa.concat_tables(waiting)

    def _publish(self, files: list[LogFile], looks: list[tuple[LogFile, Form]], kept: int) -> ImportSummary:
        added = self._draft.rows
        summary = ImportSummary(
            import_id=self._draft.import_id,
            sources=tuple(file.name for file, _ in looks),
            empty=tuple(file.name for file in files if file not in [read for read, _ in looks]),
            read=self._read_count,
            kept=kept,
            duplicate=self._read_count - kept - self._rejects.count,
            rejected=self._rejects.count,
            receipts=added["receipts"],
            requests=added["requests"],
            reasons=dict(self._rejects.reasons.most_common()),
            **self._odd,
        )
        mapping = next((form.mapping for _, form in looks if form.mapping), None)
        zone = self._zone(mapping)
        self._draft.publish(
            ImportFacts(
                import_id=summary.import_id,
                imported_at_ms=self._options.now_ms,
                sources=summary.sources,
                counts=summary.counts,
                files={},
                mapping=mapping.to_dict() if mapping else {},
                zone=zone.key if zone else None,
            )
        )
        return summary


def _new_id(now_ms: int) -> str:
    moment = datetime.fromtimestamp(now_ms / 1000, UTC)
    return f"{moment:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"


@contextmanager
def _engine(folder: Path, memory_bytes: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a DuckDB of bounded memory that spills into the folder."""
    with duckdb.connect() as engine:
        engine.execute(f"SET memory_limit = '{memory_bytes}B'")
        engine.execute(f"SET temp_directory = '{str(folder / 'spill').replace(chr(39), chr(39) * 2)}'")
        engine.execute("SET preserve_insertion_order = false")
        engine.execute("SET TimeZone = 'UTC'")
        engine.execute("SET enable_progress_bar = false")
        yield engine


@contextmanager
def _as_store_errors(archive: Archive) -> Iterator[None]:
    """Turn what the disk and the engine raise into one sentence."""
    try:
        yield
    except duckdb.InterruptException:
        raise KeyboardInterrupt from None
    except RuntimeError as problem:  # what the engine makes of Ctrl-C in the main thread
        if "interrupted" in str(problem):
            raise KeyboardInterrupt from None
        raise
    except (OSError, duckdb.IOException, duckdb.OutOfMemoryException) as problem:
        reason = getattr(problem, "strerror", None) or str(problem).splitlines()[0]
        raise StoreError(f"nothing was imported into {archive.folder}: {reason}") from None
