"""Writing a report: its form by the file's suffix, whole or not at all."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pandas as pd

from imilab.errors import InvalidInputError
from imilab.reporting.calls_table import check_calls, hide_numbers
from imilab.reporting.content import gather
from imilab.reporting.csv_file import BYTE_ORDER_MARK, to_safe_csv
from imilab.reporting.order import Filters, Order, take_order
from imilab.reporting.parquet_file import write_parquet
from imilab.reporting.provenance import file_facts, trace

__all__ = ["report"]

SUFFIXES = (".html", ".xlsx", ".csv", ".parquet")


def report(
    calls: pd.DataFrame,
    path: str | os.PathLike[str],
    *,
    arm: str | None = None,
    baseline: object = None,
    outcome: str = "answered",
    tz: str = "UTC",
    filters: Filters = None,
    title: str | None = None,
    made_at: datetime | None = None,
) -> Path:
    """Write a report on calls; the path's suffix says its form.

    ``.html`` is one file with nothing outside of it: the finding, a summary, rates by voice, by error code and by hour
    of day, the comparison, definitions and provenance. ``.xlsx`` has the same and the calls, one sheet each. ``.csv``
    and ``.parquet`` hold the calls table alone; `imilab.read_calls` reads both back.

    Parameters
    ----------
    calls : DataFrame
        A calls table: `Lab.calls`, `imilab.read_calls` or ``load_sample("calls")``. Full phone numbers in it are
        masked. Columns that are not part of the calls table are left out, except `arm`.
    path : path
        Where to write; its folder must exist. A file that is there is replaced, once the new one is complete.
    arm : str, optional
        The column that tells the arms apart. By default ``arm`` if it holds two arms or more, else ``voice`` if it
        does, else nothing is compared, which the report says.
    baseline : optional
        The arm that the others are set against; the first in sorted order if not given.
    outcome : str
        What is compared: an outcome, ``completed`` or ``early_hangup``.
    tz : str
        The IANA zone of hours and times. CSV times carry their offset; Parquet times are integer milliseconds UTC.
    filters : mapping or str, optional
        What was done to the calls before, to be stated. It is told, not applied.
    title : str, optional
        On top of the report.
    made_at : datetime, optional
        Aware; now by default.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InvalidInputError
        An unknown suffix, a missing folder, no calls table, or an argument that does not fit the calls.

    Examples
    --------
    >>> import imilab, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(report(imilab.load_sample("calls"), f"{folder}/calls.csv").name)
    calls.csv
    """
    target = _check_path(path)
    order = take_order(
        arm=arm, baseline=baseline, outcome=outcome, tz=tz, filters=filters, title=title, made_at=made_at
    )
    table, hidden = hide_numbers(check_calls(calls, arm))
    left_out = tuple(str(name) for name in calls if name not in table)
    write = _writer(table, order, hidden=hidden, left_out=left_out, suffix=target.suffix.lower())
    _write_whole(target, write)
    return target


def _writer(
    calls: pd.DataFrame, order: Order, *, hidden: bool, left_out: tuple[str, ...], suffix: str
) -> Callable[[Path], object]:
    """Work everything out and return what writes it, so that nothing is written where something is wrong."""
    if suffix == ".csv":
        times = map(str, calls.select_dtypes("datetimetz"))
        local = calls.assign(**{name: calls[name].dt.tz_convert(order.zone) for name in times})
        text = BYTE_ORDER_MARK + to_safe_csv(local)
        return lambda path: path.write_bytes(text.encode())
    if suffix == ".parquet":
        return lambda path: write_parquet(calls, path, file_facts(order))
    content = gather(calls, order, trace(calls, order, hidden=hidden, left_out=left_out))
    if suffix == ".html":
        from imilab.reporting.html_page import to_page

        page = to_page(content)
        return lambda path: path.write_bytes(page.encode())
    from imilab.reporting.workbook import check_size, write_workbook

    check_size(calls)
    return lambda path: write_workbook(content, path)


def _check_path(path: str | os.PathLike[str]) -> Path:
    target = Path(path).expanduser()
    suffix = target.suffix.lower()
    if suffix not in SUFFIXES:
        later = "a PDF comes later: print the .html from a browser; " if suffix == ".pdf" else ""
        raise InvalidInputError("path", f"{suffix or 'no suffix'}: {later}there are {', '.join(SUFFIXES)}")
    if not target.parent.is_dir():
        raise InvalidInputError("path", f"there is no folder {target.parent}; make it first")
    if target.is_dir():
        raise InvalidInputError("path", f"{target} is a folder; give a file's name")
    return target


def _write_whole(target: Path, write: Callable[[Path], object]) -> None:
    """Write beside the target, then put it in its place: nobody ever sees half a report."""
    part = target.with_name(f".{target.name[:80]}.{uuid.uuid4().hex}.part{target.suffix}")
    try:
        write(part)
        part.replace(target)
    except OSError as problem:
        raise InvalidInputError("path", f"{target} cannot be written: {problem.strerror or problem}") from None
    finally:
        part.unlink(missing_ok=True)
