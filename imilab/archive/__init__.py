"""The archive: imported logs as Parquet, partitioned by day, beside the live store."""

from __future__ import annotations

from imilab.archive.draft import Draft, import_lock
from imilab.archive.folder import Archive, ImportFacts

__all__ = ["Archive", "Draft", "ImportFacts", "import_lock"]
