"""Imports that are killed or meet errors, and a look at what readers of the archive see afterwards."""

from __future__ import annotations

import itertools
import multiprocessing
import random
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet

from imilab.archive import Archive
from imilab.logs import import_files
from tests.faults.import_job import Fault, options, run_import
from tests.logs_factory import csv_text, event_rows, zipped

__all__ = ["ImportPoint", "ImportRig"]

_PATIENCE_SECONDS = 120.0
_CALLS = 60
_KEPT_BEFORE = 30  # rows of an import that was there first


@dataclass(frozen=True)
class ImportPoint:
    """One fault: at a step, or a kill after so many seconds; into an empty archive, or into one that has some rows."""

    fault: Fault | None = None
    seconds: float = 0.0
    filled: bool = False


class ImportRig:
    """Runs points in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        days = [f"2026-03-{day:02d}" for day in (2, 3)]
        rows = [(*row[:5], f"{days[int(row[1][1:]) % 2]}{row[5][10:]}", row[6]) for row in event_rows(_CALLS)]
        half = len(rows) // 2
        broken = ("no", "row")
        members = {"a.csv": csv_text([*rows[:half], broken]), "b.csv": csv_text([*rows[half - 5 :], rows[0]])}
        self._log = zipped(folder / "log.zip", {name: text.encode() for name, text in members.items()})
        self._rows = {(row[0], row[2]) for row in rows}
        self._first = folder / "first.csv"
        self._first.write_text(csv_text(rows[:_KEPT_BEFORE]), encoding="utf-8")
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload(["tests.faults.import_job"])
        self._numbers = itertools.count(1)
        self.counts: dict[str, int] = self._run(self._new_archive(filled=True), None)["counts"]
        started = time.monotonic()
        self._run(self._new_archive(filled=False), None)
        self.seconds = time.monotonic() - started

    def points(self) -> list[ImportPoint]:
        """Every step killed, and met by a full or a broken disk, before or after it; and kills at even moments."""
        steps = [(kind, when) for kind, count in self.counts.items() for when in range(1, count + 1)]
        found = [
            ImportPoint(Fault(kind, when, how, after=place % 2 == 1), filled=place // 2 % 2 == 1)
            for place, (kind, when) in enumerate(steps)
            for how in ("kill", "full" if place % 2 else "broken")
        ]
        moments = [self.seconds * place / 40 for place in range(1, 41)]
        return [*found, *(ImportPoint(seconds=moment, filled=place % 2 == 1) for place, moment in enumerate(moments))]

    def sample(self, count: int, seed: int) -> list[ImportPoint]:
        """Return some of the points."""
        return random.Random(seed).sample(self.points(), count)

    def try_point(self, point: ImportPoint) -> tuple[bool, list[str]]:
        """Let a fault happen, look, import again, look again.

        Returns
        -------
        reached, findings
            Whether the fault happened, and what was wrong.
        """
        folder = self._new_archive(filled=point.filled)
        before = self._visible(folder)
        told = self._run(folder, point.fault, point.seconds)
        reached = "counts" not in told
        findings = self._look(folder, before, finished="counts" in told)
        summary = import_files(self._log, Archive(folder), options())
        if summary.read != summary.kept + summary.duplicate + summary.rejected or summary.rejected != 1:
            findings.append(f"the counts do not add up: {summary.counts}")
        if self._visible(folder) != sorted(self._rows):
            findings.append("imported again, rows are missing or there twice")
        findings += self._remains(folder)
        shutil.rmtree(folder)
        return reached, findings

    def _new_archive(self, *, filled: bool) -> Path:
        folder = self._folder / f"archive-{next(self._numbers)}"
        if filled:
            import_files(self._first, Archive(folder), options())
        return folder

    def _run(self, folder: Path, fault: Fault | None, seconds: float = 0.0) -> dict[str, Any]:
        here, there = self._processes.Pipe(duplex=False)
        process = self._processes.Process(target=run_import, args=(str(self._log), str(folder), fault, there))
        process.start()
        there.close()
        if seconds:
            process.join(seconds)
            process.kill()
        try:
            told = here.recv() if here.poll(_PATIENCE_SECONDS) else {"error": "silence"}
        except EOFError:
            told = {"killed": True}
        process.join(_PATIENCE_SECONDS)
        here.close()
        process.close()
        return told  # type: ignore[no-any-return]  # it came through a pipe

    def _look(self, folder: Path, before: Sequence[tuple[str, str]], *, finished: bool) -> list[str]:
        """Say what is wrong with what readers see: all of the import, or nothing of it."""
        seen = self._visible(folder)
        everything = sorted(self._rows)
        if seen not in (before, everything):
            return [f"{len(seen)} rows are visible, and there should be {len(before)} or {len(everything)}"]
        return ["it finished, and its rows are not there"] if finished and seen != everything else []

    def _visible(self, folder: Path) -> list[tuple[str, str]]:
        archive = Archive(folder)
        for facts in archive.imports():
            for name, rows in facts.files.items():
                assert pa.parquet.read_metadata(folder / name).num_rows == rows
        files = [str(path) for path in archive.receipt_files()]
        if not files:
            return []
        with duckdb.connect() as engine:
            return sorted(engine.execute("SELECT message_id, status FROM read_parquet(?)", [files]).fetchall())

    def _remains(self, folder: Path) -> list[str]:
        archive = Archive(folder)
        listed = {folder / name for facts in archive.imports() for name in facts.files}
        there = set(folder.rglob("*.parquet"))
        manifests = set((folder / "imports").iterdir())
        odd = (there ^ listed) | {path for path in manifests if path.suffix != ".json" or path.name.startswith(".")}
        return [f"left over: {path.relative_to(folder)}" for path in sorted(odd)]
