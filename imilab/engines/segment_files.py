"""Folded stretches of receipts as Parquet files beside the store: a cache, never the only copy of anything."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from imilab.calls import KINDS, STATE_COLUMNS
from imilab.terms import CODES, STATUSES

__all__ = ["DEFINITION", "Segment", "SegmentFiles", "open_private"]

_FORMAT = 2
DEFINITION = hashlib.sha256(
    repr((_FORMAT, KINDS, STATE_COLUMNS, sorted(CODES.items()), sorted(STATUSES.items()))).encode()
).hexdigest()
"""Names the definition that a cache was made by; another one is not read."""

_MARK = b"imilab"


@dataclass(frozen=True)
class Segment:
    """One stretch: its receipts and their states, in files, or in memory where none could be written.

    Attributes
    ----------
    number, changes : int
        Which stretch, and how often its receipts had been changed when it was folded.
    events, states : Path or pyarrow.Table
        The receipts, and what they come to.
    """

    number: int
    changes: int
    events: Path | pa.Table = field(repr=False)
    states: Path | pa.Table = field(repr=False)

    @property
    def exists(self) -> bool:
        """Whether its files are still there."""
        return all(not isinstance(part, Path) or part.exists() for part in (self.events, self.states))

    @property
    def stamp(self) -> tuple[int, int]:
        """Equal for equal receipts."""
        return (self.number, self.changes)


class SegmentFiles:
    """Finds and writes stretches. Several processes may do so at once: each file is put in place whole.

    Parameters
    ----------
    folder : Path
        Made with mode 0700 when first needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, number: int, changes: int, anchor: bytes | None) -> Segment | None:
        """Return a stretch that was kept, unless it is missing, broken, of another store or of another definition."""
        events, states = self._paths(number)
        wanted = _mark(number, changes, anchor)
        if all(_read_mark(path) == wanted for path in (events, states)):
            return Segment(number, changes, events, states)
        return None

    def add(self, number: int, changes: int, anchor: bytes | None, events: pa.Table, states: pa.Table) -> Segment:
        """Keep a stretch: in files, or in memory where no file can be written."""
        paths, mark = self._paths(number), _mark(number, changes, anchor)
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            for path, table in zip(paths, (events, states), strict=True):
                _write(path, table, mark)
        except OSError:
            return Segment(number, changes, events, states)
        return Segment(number, changes, *paths)

    def remove(self) -> None:
        """Remove all of them."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _paths(self, number: int) -> tuple[Path, Path]:
        return self._folder / f"live-{number}-events.parquet", self._folder / f"live-{number}-states.parquet"


def _mark(number: int, changes: int, anchor: bytes | None) -> bytes:
    return f"{DEFINITION}/{number}/{changes}/{(anchor or b'').hex()}".encode()


def _read_mark(path: Path) -> bytes | None:
    try:
        return (pyarrow.parquet.read_metadata(path).metadata or {}).get(_MARK)
    except (OSError, pa.ArrowInvalid):
        return None


def _write(path: Path, table: pa.Table, mark: bytes) -> None:
    with open_private(path) as target:
        pyarrow.parquet.write_table(table.replace_schema_metadata({_MARK: mark}), target, compression="zstd")


@contextlib.contextmanager
def open_private(path: Path) -> Iterator[str]:
    """Give a temporary path beside a file, for this user alone, that takes its place if all goes well."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    os.close(handle)
    made = Path(name)
    try:
        yield name
        with made.open("rb") as written:
            os.fsync(written.fileno())
        made.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            made.unlink()
        raise
