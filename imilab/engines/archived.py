"""The receipts of imported logs, folded: the files of one import never change, so each import is folded once."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import narwhals as nw

from imilab.calls import STATE_COLUMNS, fold_receipts
from imilab.engines.duckdb_engine import DuckDBEngine
from imilab.engines.segment_files import DEFINITION, open_private
from imilab.engines.tables import REQUEST_FACTS
from imilab.engines.watching import watch

__all__ = ["ARCHIVED_COLUMNS", "ArchivedReceipts", "archived_requests", "fingerprint"]

ARCHIVED_COLUMNS = (
    *("message_id", "correlation_id", "status", "code", "event_at_ms", "event_at_raw", "received_at_ms", "msisdn"),
    *("number_key", "country", "number_type"),
)
"""What the definition of a call reads of an imported receipt."""

_INTEGERS = frozenset({"position", "block", "send_at_ms", "http_status", "requested_at_ms", "attempt", "created_at_ms"})


def fingerprint(files: Sequence[Path]) -> str:
    """Name a set of files by their paths, sizes and times: an erasure writes a file anew."""
    facts = [(str(path), (status := path.stat()).st_size, status.st_mtime_ns) for path in files]
    return hashlib.sha256(repr((DEFINITION, sorted(facts))).encode()).hexdigest()[:32]


class ArchivedReceipts:
    """Folds imported receipts; what an import came to is kept beside the store.

    Parameters
    ----------
    folder : Path
        Made with mode 0700 when first needed.
    show : bool, optional
        Whether folding much shows a bar.
    """

    def __init__(self, folder: Path, *, show: bool | None = None) -> None:
        self._folder, self._show = folder, show

    def refresh(self, engine: DuckDBEngine, files: Sequence[Path]) -> list[Path]:
        """Return a Parquet file of states for each import."""
        imports: dict[str, list[Path]] = {}
        for path in files:
            imports.setdefault(path.stem.rpartition("-")[0], []).append(path)
        states = [self._states(engine, paths) for paths in imports.values()]
        if self._folder.is_dir():
            for old in set(self._folder.glob("archive-*.parquet")) - set(states):
                with contextlib.suppress(OSError):
                    old.unlink()
        return states

    def _states(self, engine: DuckDBEngine, files: Sequence[Path]) -> Path:
        """Return what an import came to, from the folder; where that cannot be written, for as long as the engine."""
        name = f"archive-{fingerprint(files)}.parquet"
        kept, passing = self._folder / name, engine.spill_folder / name
        if kept.exists() or passing.exists():
            return kept if kept.exists() else passing
        try:
            self._fold(engine, files, kept)
        except (OSError, duckdb.IOException):
            self._fold(engine, files, passing)
            return passing
        return kept

    def _fold(self, engine: DuckDBEngine, files: Sequence[Path], target: Path) -> None:
        states = fold_receipts(engine.parquet(files).select(*ARCHIVED_COLUMNS)).select(*STATE_COLUMNS)
        target.parent.mkdir(mode=0o700, exist_ok=True)
        with open_private(target) as name, watch(engine.connection, "folding imported receipts", show=self._show):
            relation: duckdb.DuckDBPyRelation = states.to_native()
            relation.write_parquet(name, compression="zstd")


def archived_requests(
    requests: nw.LazyFrame[Any], live: nw.LazyFrame[Any], columns: Sequence[str] = REQUEST_FACTS
) -> nw.LazyFrame[Any]:
    """Bring imported requests into the form of the live ones: each call once, and none that the live store knows.

    A call goes by its message id, as a log's correlation id may be that of a whole campaign.
    """
    message, correlation = nw.col("message_id"), nw.col("correlation_id")
    known = [name for name in requests.collect_schema().names() if name in columns]
    keyed = requests.select(*known, "identity").with_columns(
        message_id=nw.when(message != "").then(message),
        **{name: nw.col(name).cast(nw.Int64) for name in known if name in _INTEGERS},
    )
    keyed = keyed.with_columns(correlation_id=nw.coalesce(nw.col("message_id"), correlation))
    first = keyed.group_by("correlation_id").agg(nw.col("identity").min())
    once = keyed.join(first, on=["correlation_id", "identity"], how="semi")
    messages = live.filter(~message.is_null()).select(known_message=message)
    new = once.join(messages, left_on="message_id", right_on="known_message", how="anti")
    new = new.join(live.select(known_id=correlation), left_on="correlation_id", right_on="known_id", how="anti")
    missing = [name for name in columns if name not in known]
    kinds = {name: nw.Int64 if name in _INTEGERS else nw.String for name in missing}
    new = new.with_columns(**{name: nw.lit(None, dtype=kind) for name, kind in kinds.items()}) if missing else new
    return new.select(*columns)
