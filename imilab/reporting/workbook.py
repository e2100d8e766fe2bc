"""The report as an Excel workbook: what the page says, as numbers, and the calls."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import xlsxwriter

from imilab.comparison import Comparison
from imilab.errors import InvalidInputError
from imilab.rate_table import RateTable
from imilab.reporting.calls_table import TIMES
from imilab.reporting.content import Content
from imilab.reporting.provenance import version
from imilab.reporting.sheets import Column, Writer

__all__ = ["MOST_CALLS", "check_size", "write_workbook"]

MOST_CALLS = 1_048_575
"""Rows of a worksheet, less its heading."""

_MANY_CALLS = 50_000
_DAY_MS = 86_400_000
_EXCEL_DAY_OF_1970 = 25_569
_LOOKS = {
    **dict.fromkeys(("block", "position", "receipts", "unknown_receipts"), "count"),
    **dict.fromkeys(("ring_seconds", "talk_seconds"), "seconds"),
    **dict.fromkeys(TIMES, "moment"),
}


def check_size(calls: pd.DataFrame) -> None:
    """Refuse more calls than a worksheet has rows.

    Raises
    ------
    InvalidInputError
        Names the way out.
    """
    if len(calls) > MOST_CALLS:
        raise InvalidInputError(
            "calls",
            f"{len(calls):,} calls, and a worksheet holds {MOST_CALLS:,}; write .parquet (or .csv), or filter them",
        )


def write_workbook(content: Content, path: Path) -> None:
    """Write the workbook: Summary, By voice, By code, By hour, Comparison, Calls, Definitions, Provenance.

    Parameters
    ----------
    content : Content
        What the report says.
    path : Path
        Where to.
    """
    options = {
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "constant_memory": len(content.calls) > _MANY_CALLS,
        "in_memory": len(content.calls) <= _MANY_CALLS,
    }
    with xlsxwriter.Workbook(str(path), options) as workbook:
        workbook.set_properties(
            {
                "title": content.order.title,
                "author": f"imilab {version()}",
                "created": content.order.made_at.astimezone(UTC).replace(tzinfo=None),
            }
        )
        writer = Writer(workbook)
        _write_summary(writer, content)
        _write_rates(writer, "By voice", content.by_voice, "voice")
        _write_codes(writer, content)
        _write_rates(writer, "By hour", content.by_hour, f"hour_of_day ({content.order.zone.key})")
        _write_comparison(writer, content)
        writer.start("Calls")
        writer.table(_call_columns(content.calls, content.order.zone))
        _write_definitions(writer, content)
        writer.start("Provenance")
        facts = [Column("what", [one.name for one in content.provenance])]
        writer.table([*facts, Column("value", [one.value for one in content.provenance], "wrapped")])


def _write_summary(writer: Writer, content: Content) -> None:
    writer.start("Summary")
    writer.line(content.order.title, "title")
    if len(content.calls):
        writer.line(f"{len(content.calls):,} calls, requested {content.period}")
    writer.line()
    for finding in content.findings:
        writer.line(finding, "bold")
    for caution in content.cautions:
        writer.line(f"Careful: {caution}")
    writer.line()
    figures = content.figures
    writer.table(
        [
            Column("calls", [one.name for one in figures]),
            Column("count", [one.count for one in figures], "count"),
            Column("what it is", [one.note for one in figures]),
        ],
        alone=False,
    )
    writer.line()
    writer.table(_rate_columns(content.summary), alone=False)
    writer.line()
    for note in content.methods:
        writer.line(note)


def _write_rates(writer: Writer, name: str, table: RateTable, head: str) -> None:
    writer.start(name)
    groups = [None if pd.isna(value) else str(value) for value in table.rows[table.by[0]]]
    writer.table([Column(head, groups), *_rate_columns(table)])


def _rate_columns(table: RateTable) -> list[Column]:
    rows = table.rows
    return [
        Column("outcome", _list(rows["outcome"])),
        Column("count", _list(rows["count"]), "count"),
        Column(f"n ({table.denominator})", _list(rows["n"]), "count"),
        *(Column(name, _list(rows[name]), "percent") for name in ("rate", "low", "high")),
        Column("pending", _list(rows["pending"]), "count"),
        Column("pending_share", _list(rows["pending_share"]), "percent"),
    ]


def _write_codes(writer: Writer, content: Content) -> None:
    rows = content.by_code
    texts = ("code", "outcome", "reason", "meaning")
    writer.start("By code")
    writer.table(
        [
            *(Column(name, [getattr(row, name) for row in rows]) for name in texts),
            Column("count", [row.count for row in rows], "count"),
            Column("n", [row.n for row in rows], "count"),
            *(Column(name, [getattr(row, name) for row in rows], "percent") for name in ("rate", "low", "high")),
            Column("share of", [f"{row.denominator} calls" for row in rows]),
        ]
    )


def _write_comparison(writer: Writer, content: Content) -> None:
    writer.start("Comparison")
    for finding in content.findings:
        writer.line(finding, "bold")
    for caution in content.cautions:
        writer.line(f"Careful: {caution}")
    comparison = content.comparison
    if comparison is None:
        return
    writer.line()
    writer.table(_arm_columns(comparison), alone=False)
    writer.line()
    writer.line("Differences from the baseline, by the outcome compared and by the other main outcomes", "bold")
    writer.line("p is adjusted for the number of arms (Holm), not for looking at several outcomes.")
    writer.table(_difference_columns([comparison, *content.other_comparisons]), alone=False)


def _arm_columns(comparison: Comparison) -> list[Column]:
    arms = comparison.arms
    counts, shares = ("pending", "numbers"), ("rate", "low", "high")
    return [
        Column(f"arm ({comparison.arm})", [str(arm) for arm in arms["arm"]]),
        Column(comparison.outcome, _list(arms["count"]), "count"),
        Column(f"n ({comparison.denominator})", _list(arms["n"]), "count"),
        *(Column(name, _list(arms[name]), "percent") for name in shares),
        *(Column(name, _list(arms[name]), "count") for name in counts),
        Column("pending_share", _list(arms["pending_share"]), "percent"),
    ]


def _difference_columns(comparisons: Sequence[Comparison]) -> list[Column]:
    rows = pd.concat([one.differences for one in comparisons], ignore_index=True)
    points = {"estimate": "difference, points", "low": "low, points", "high": "high, points"}
    return [
        Column("arm", [str(arm) for arm in rows["arm"]]),
        Column("outcome", _list(rows["metric"])),
        Column("baseline", [str(arm) for arm in rows["baseline"]]),
        *(Column(head, _list(rows[name] * 100), "points") for name, head in points.items()),
        *(Column(name, _list(rows[name]), "p") for name in ("p", "p_adjusted")),
        *(Column(name, _list(rows[name]), "count") for name in ("n", "pending")),
        Column("method", _list(rows["method"])),
    ]


def _call_columns(calls: pd.DataFrame, zone: ZoneInfo) -> list[Column]:
    found = []
    for name in map(str, calls):
        column = calls[name]
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            found.append(Column(f"{name} ({zone.key})", _serial_days(column, zone), "moment"))
        elif name in _LOOKS or pd.api.types.is_bool_dtype(column.dtype):
            found.append(Column(name, _list(column), _LOOKS.get(name, "text")))
        else:
            found.append(Column(name, [None if pd.isna(value) else str(value) for value in column]))
    return found


def _serial_days(column: pd.Series[pd.Timestamp], zone: ZoneInfo) -> list[Any]:
    """Return local times as Excel counts them: days, with the time of day as their fraction."""
    local = column.dt.tz_convert(zone).dt.tz_localize(None).astype("datetime64[ms]")
    days = local.astype("int64") / _DAY_MS + _EXCEL_DAY_OF_1970
    return _list(days.where(column.notna()))


def _list(column: pd.Series[Any]) -> list[Any]:
    return [None if pd.isna(value) else value for value in column.tolist()]


def _write_definitions(writer: Writer, content: Content) -> None:
    kinds = {"outcome": content.outcomes, "code": content.codes, "calls counted": content.denominators}
    rows = [(kind, one) for kind, several in kinds.items() for one in several]
    writer.start("Definitions")
    writer.table(
        [
            Column("kind", [kind for kind, _ in rows]),
            Column("term", [one.term for _, one in rows]),
            Column("meaning", [one.meaning for _, one in rows], "wrapped"),
            Column("told by, or outcome", [one.told_by for _, one in rows], "wrapped"),
        ]
    )
