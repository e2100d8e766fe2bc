"""Calls from files: tables that `imilab.report` wrote, and the platform's export logs."""

from __future__ import annotations

from imilab.logs.inspection import LogInspection, inspect_logs
from imilab.reading.calls import read_calls

__all__ = ["LogInspection", "inspect_logs", "read_calls"]
