"""The archive's folder, as its readers see it: the files of finished imports, and what is known of each import."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imilab.errors import StoreError

__all__ = ["INCOMING", "MANIFESTS", "RECEIPTS", "REJECTS", "REQUESTS", "Archive", "ImportFacts"]

RECEIPTS, REQUESTS, REJECTS = "receipts", "requests", "rejects"
"""The folders of the three tables."""

MANIFESTS = "imports"
"""The folder of manifests: an import is there for readers once its manifest is."""

INCOMING = ".incoming"
"""Where an import under way writes; no reader looks there."""

_VERSION = 1


@dataclass(frozen=True)
class ImportFacts:
    """One finished import.

    Attributes
    ----------
    import_id : str
        Sorts by the time of the import.
    imported_at_ms : int
        Milliseconds UTC.
    sources : tuple of str
        What was read, without secrets.
    counts : mapping of str to int
        ``read, kept, duplicate, rejected`` (read is the sum of the others) and what else was counted.
    files : mapping of str to int
        Path inside the archive to its rows.
    mapping : mapping
        How the columns were read.
    zone : str or None
        The zone of times without one.
    """

    import_id: str
    imported_at_ms: int
    sources: tuple[str, ...]
    counts: Mapping[str, int]
    files: Mapping[str, int] = field(repr=False)
    mapping: Mapping[str, Any] = field(repr=False)
    zone: str | None

    def to_json(self) -> dict[str, Any]:
        """Return the manifest."""
        return {
            "version": _VERSION,
            "import_id": self.import_id,
            "imported_at_ms": self.imported_at_ms,
            "sources": list(self.sources),
            "counts": dict(self.counts),
            "files": dict(self.files),
            "mapping": dict(self.mapping),
            "zone": self.zone,
        }


class Archive:
    """Imported logs in a folder; where there is none yet, an empty archive.

    Parameters
    ----------
    folder : path
        ``receipts/day=2026-03-02/<import>-<n>.parquet``, ``requests/<import>-<n>.parquet``,
        ``rejects/<import>-<n>.parquet`` and ``imports/<import>.json``.

    Examples
    --------
    >>> Archive("no/such/folder").receipt_files()
    []
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def imports(self) -> list[ImportFacts]:
        """Return what is known of each finished import, the earliest first.

        Raises
        ------
        StoreError
            A manifest cannot be read.
        """
        try:
            names = sorted((self.folder / MANIFESTS).iterdir())
        except FileNotFoundError:
            return []
        except OSError as problem:
            raise StoreError(f"the archive {self.folder} cannot be read: {problem.strerror}") from None
        # A manifest that is being written has a name that begins with a dot.
        return [_read_manifest(path) for path in names if path.suffix == ".json" and not path.name.startswith(".")]

    def receipt_files(self) -> list[Path]:
        """Return the Parquet files of receipts that readers may see, in a fixed order."""
        return self._files(RECEIPTS)

    def request_files(self) -> list[Path]:
        """Return the Parquet files of requests, from logs whose rows are calls."""
        return self._files(REQUESTS)

    def reject_files(self) -> list[Path]:
        """Return the Parquet files of rows that could not be read: ``file, line, reason, text``."""
        return self._files(REJECTS)

    def _files(self, table: str) -> list[Path]:
        names = sorted(name for facts in self.imports() for name in facts.files if name.startswith(f"{table}/"))
        return [self.folder / name for name in names]

    def __repr__(self) -> str:
        return f"Archive({str(self.folder)!r})"


def _read_manifest(path: Path) -> ImportFacts:
    try:
        found = json.loads(path.read_bytes())
        if found["version"] > _VERSION:
            raise StoreError(f"{path} was written by a newer imilab; upgrade imilab to read this archive")
        return ImportFacts(
            import_id=found["import_id"],
            imported_at_ms=found["imported_at_ms"],
            sources=tuple(found["sources"]),
            counts=found["counts"],
            files=found["files"],
            mapping=found["mapping"],
            zone=found["zone"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        raise StoreError(f"{path} is no manifest of an import; remove it and import its logs again") from None
