"""Changes rows of the archive in place: each file that needs it is written anew beside itself and renamed over it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from imilab.archive.folder import MANIFESTS, RECEIPTS, REJECTS, REQUESTS, Archive

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

    Change = Callable[[pa.Table], tuple[pa.Table, int]]
else:
    Change = Callable
"""Returns a table of the same columns and rows, and how many rows it changed."""

__all__ = ["ArchivedFile", "Change", "archived_files", "rewrite_file", "rewrite_manifests"]

_DAY, _NO_DAY = "day=", "none"
_MOMENTS = ("send_at_ms", "requested_at_ms", "event_at_ms", "created_at_ms")


@dataclass(frozen=True)
class ArchivedFile:
    """One Parquet file of the archive.

    Attributes
    ----------
    path : Path
        Where it is.
    table : {"receipts", "requests", "rejects"}
        What it holds.
    day : str or None
        ``2026-03-02`` or ``none`` for receipts.
    imported_at_ms : int
        When, milliseconds UTC.
    """

    path: Path
    table: str
    day: str | None
    imported_at_ms: int

    def age_of(self, before_ms: int) -> Callable[[Mapping[str, int | None]], bool]:
        """Return what tells whether a row, given its times, is older than a moment.

        A row of a day is as old as the end of that day, any other as its `sendAt`, its request or its event; a row
        without a time is as old as its import.
        """
        if self.day and self.day != _NO_DAY:
            end = datetime.fromisoformat(self.day).replace(tzinfo=UTC) + timedelta(days=1)
            is_old = end.timestamp() * 1000 <= before_ms
            return lambda _: is_old

        def row_is_old(times: Mapping[str, int | None]) -> bool:
            known = (times.get(name) for name in _MOMENTS)
            return next((at_ms for at_ms in known if at_ms is not None), self.imported_at_ms) < before_ms

        return row_is_old


def archived_files(archive: Archive) -> list[ArchivedFile]:
    """Return every file of every finished import."""
    found = []
    for facts in archive.imports():
        for name in facts.files:
            table, _, rest = name.partition("/")
            if table in {RECEIPTS, REQUESTS, REJECTS}:
                day = rest.partition("/")[0].removeprefix(_DAY) if rest.startswith(_DAY) else None
                found.append(ArchivedFile(archive.folder / name, table, day, facts.imported_at_ms))
    return found


def rewrite_file(path: Path, change: Change) -> int:
    """Change a Parquet file, row group by row group; readers see the old file or the new one.

    Parameters
    ----------
    path : Path
        The file.
    change : Change
        See there.

    Returns
    -------
    int
        How many rows were changed; where none was, the file was not touched.
    """
    import pyarrow.parquet as pq

    draft = path.with_name(f".{path.name}.draft")
    changed = 0
    with pq.ParquetFile(path) as source:
        writer = None
        try:
            for group in range(source.num_row_groups):
                table, rows = change(source.read_row_group(group))
                if rows and writer is None:
                    draft.unlink(missing_ok=True)
                    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
                    writer = pq.ParquetWriter(draft, source.schema_arrow, compression=_compression(source))
                    for before in range(group):
                        writer.write_table(source.read_row_group(before))
                if writer is not None:
                    writer.write_table(table)
                changed += rows
        except BaseException:
            if writer is not None:
                writer.close()
            with suppress(OSError):
                draft.unlink()
            raise
        if writer is not None:
            writer.close()
    if changed:
        _put(draft, path)
    return changed


def rewrite_manifests(archive: Archive, change: Callable[[str], str]) -> int:
    """Change the text of manifests, which name what was imported; return how many were changed."""
    changed = 0
    for path in sorted((archive.folder / MANIFESTS).glob("*.json")):
        old = path.read_text(encoding="utf-8")
        if (new := change(old)) != old:
            draft = path.with_name(f".{path.name}")
            draft.unlink(missing_ok=True)
            with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
                file.write(new)
            _put(draft, path)
            changed += 1
    return changed


def _compression(source: pq.ParquetFile) -> str:
    kind = source.metadata.row_group(0).column(0).compression
    return "NONE" if kind == "UNCOMPRESSED" else str(kind)


def _put(draft: Path, path: Path) -> None:
    """Make a draft durable and put it in the place of a file."""
    handle = os.open(draft, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    draft.replace(path)
