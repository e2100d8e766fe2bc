"""Rows that cannot be read: kept with file, line and reason, and with their text without numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet

from imilab.archive import Draft
from imilab.logs.delimited import Reject
from imilab.numbers import scrub

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["REJECT_COLUMNS", "RejectTable", "rejects_frame"]

REJECT_COLUMNS = ("file", "line", "reason", "text")
"""The columns of the table of rejects; `line` counts from 1, `text` is shortened and holds no number."""

_LONGEST_TEXT = 200
_MOST_TEXTS = 10_000  # of one import; hiding numbers takes its time
_FLUSH_ROWS = 100_000


class RejectTable:
    """The rejects of one import.

    Parameters
    ----------
    draft : Draft
        Where they are written.
    """

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._rows: list[tuple[str, int, str, str]] = []
        self._files = 0
        self.reasons: Counter[str] = Counter()

    @property
    def count(self) -> int:
        """How many there are."""
        return self.reasons.total()

    def add(self, file: str, rejects: Iterable[Reject]) -> None:
        """Note the rejects of a file."""
        for one in rejects:
            text = shown(one.text) if self.count < _MOST_TEXTS else ""
            self.reasons[one.reason] += 1
            self._rows.append((file, one.line, one.reason, text))
        if len(self._rows) >= _FLUSH_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what was noted."""
        if not self._rows:
            return
        columns = zip(*self._rows, strict=True)
        table = pa.table(dict(zip(REJECT_COLUMNS, map(list, columns), strict=True)))
        path = self._draft.folder / f"rejects-{self._files}.parquet"
        pa.parquet.write_table(table, path, compression="zstd")
        self._draft.add(path, "rejects", len(self._rows))
        self._rows, self._files = [], self._files + 1


def shown(text: str) -> str:
    """Return a row's text as it may be shown: without numbers, and not longer than a line or two."""
    hidden = scrub(text[: 2 * _LONGEST_TEXT])
    return hidden if len(text) <= _LONGEST_TEXT else hidden[:_LONGEST_TEXT] + "…"


def rejects_frame(files: Iterable[Path]) -> pd.DataFrame:
    """Return the rejects of an archive's files, in order."""
    import pandas as pd

    tables = [pa.parquet.read_table(path, partitioning=None) for path in files]
    kinds = {name: "int64" if name == "line" else "str" for name in REJECT_COLUMNS}
    if not tables:
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})
    frame: pd.DataFrame = pa.concat_tables(tables).to_pandas().astype(kinds)
    return frame
