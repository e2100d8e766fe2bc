"""Reports on calls: HTML, XLSX, CSV and Parquet, with definitions, provenance and masked numbers."""

from __future__ import annotations

from imilab.reporting.writing import report

__all__ = ["report"]
