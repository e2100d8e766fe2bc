"""What a log looks like before it is read: form, columns, proposed mapping, first rows with numbers hidden."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import duckdb

from imilab.errors import InvalidInputError, hides_arguments
from imilab.logs.columns import listed
from imilab.logs.dialect import Dialect
from imilab.logs.log_rows import Form, LogReader, look_at
from imilab.logs.mapping import Mapping
from imilab.logs.rejects import shown
from imilab.logs.sources import LogFile, find_logs
from imilab.numbers import mask

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LogInspection", "inspect_logs"]

_ROWS = 5
_LONGEST_CELL = 60


@dataclass(frozen=True)
class LogInspection:
    """What the first file of a log looks like, of several the first that is not empty.

    Attributes
    ----------
    files : tuple of str
        Every file that would be read.
    form : str
        In words: delimiter, encoding, quotes and header, or another kind of file.
    dialect : Dialect or None
        Of delimited text.
    columns : tuple of str
        The columns' names.
    mapping : Mapping or None
        What is proposed; None for the platform's own receipts, which need none. Change it with
        `Mapping.with_columns`, save it with `Mapping.save`.
    unused : tuple of str
        Columns that the mapping leaves out.
    """

    files: tuple[str, ...]
    form: str
    dialect: Dialect | None
    columns: tuple[str, ...] = field(repr=False)
    mapping: Mapping | None
    unused: tuple[str, ...] = field(repr=False)
    _rows: tuple[tuple[str, ...], ...] = field(default=(), repr=False)

    def rows(self) -> pd.DataFrame:
        """Return the first rows as the mapping reads them; numbers are hidden, long texts cut."""
        import pandas as pd

        names = list(self.mapping.columns) if self.mapping else list(_RECEIPT_FIELDS)
        return pd.DataFrame(list(self._rows), columns=names, dtype="str")

    def __str__(self) -> str:
        more = f" and {len(self.files) - 1} more" if len(self.files) > 1 else ""
        lines = [f"{self.files[0]}{more}", self.form]
        lines.append(str(self.mapping) if self.mapping else "no mapping is needed")
        if self.unused:
            lines.append(f"not read: {listed(self.unused)}")
        return "\n".join([*lines, "", self.rows().to_string(index=False)])

    def _repr_html_(self) -> str:
        text, _, _ = str(self).partition("\n\n")
        return f"<pre>{html.escape(text)}</pre>{self.rows().to_html(index=False, escape=True)}"


_RECEIPT_FIELDS = (
    "message_id",
    "correlation_id",
    "callback_data",
    "status",
    "code",
    "description",
    "event_at",
    "msisdn",
)


@hides_arguments
def inspect_logs(
    path: str | os.PathLike[str],
    mapping: Mapping | str | None = None,
    *,
    options: AnyMapping[str, Any] | None = None,
) -> LogInspection:
    r"""Look at a log before reading it.

    Parameters
    ----------
    path : path or URL
        As for `imilab.read_calls`.
    mapping : Mapping or str, optional
        To see the first rows as this mapping, or the profile of this name, reads them.
    options : mapping, optional
        For a URL: see docs/logs.md.

    Returns
    -------
    LogInspection
        Printed, it shows what was detected.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "export.csv")
    ...     row = "m1;ANSWERED;2026-03-02 09:00:00;+12025550123"
    ...     _ = path.write_text(f"Transaction ID;Delivery Status;Event Time;To\n{row}\n")
    ...     found = inspect_logs(path)
    >>> print(found)
    export.csv
    delimited text: utf-8, semicolon between fields, quote ", a header of 4 columns
    a row is an event, times are iso
      message_id  <- Transaction ID
      status      <- Delivery Status
      msisdn      <- To
      event_at    <- Event Time
    <BLANKLINE>
    message_id   status     msisdn            event_at
            m1 ANSWERED +1•••••123 2026-03-02 09:00:00
    """
    given = Mapping.load(mapping) if isinstance(mapping, str) else mapping
    with find_logs(path, options) as files:
        looks = ((file, look_at(file, given)) for file in files)
        file, form = next(((file, form) for file, form in looks if form is not None), (files[0], None))
        if form is None:
            raise InvalidInputError("path", f"{file.name} is empty")
        rows = _first_rows(file, form)
    used = set(form.mapping.columns.values()) if form.mapping else set(form.columns)
    return LogInspection(
        files=tuple(file.name for file in files),
        form=str(form),
        dialect=form.dialect,
        columns=form.columns,
        mapping=form.mapping,
        unused=tuple(name for name in form.columns if name not in used),
        _rows=rows,
    )


def _first_rows(file: LogFile, form: Form) -> tuple[tuple[str, ...], ...]:
    names = list(form.mapping.columns) if form.mapping else list(_RECEIPT_FIELDS)
    if not names:
        return ()
    with duckdb.connect() as engine:
        tables = (rows.table for rows in LogReader(file, form, None, engine).batches() if rows.table.num_rows)
        found = [row for table in islice(tables, 1) for row in table.slice(0, _ROWS).select(names).to_pylist()]
    return tuple(tuple(_cell(name, row[name]) for name in names) for row in found)


def _cell(name: str, text: str) -> str:
    if name in ("msisdn", "caller_id") and text:
        return mask(text)
    short = shown(text)
    return short if len(short) <= _LONGEST_CELL else short[: _LONGEST_CELL - 1] + "…"
