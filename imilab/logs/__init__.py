"""Export logs and logbooks: zip, csv, JSON lines, Parquet; here, on S3 or by SFTP; to receipts in Parquet."""

from __future__ import annotations

from imilab.logs.importer import IMPORT_BYTES, ImportOptions, import_files, zone_named
from imilab.logs.mapping import Mapping
from imilab.logs.rejects import rejects_frame
from imilab.logs.sources import find_logs
from imilab.logs.summary import ImportSummary

__all__ = [
    "IMPORT_BYTES",
    "ImportOptions",
    "ImportSummary",
    "Mapping",
    "find_logs",
    "import_files",
    "rejects_frame",
    "zone_named",
]
