"""Writing into worksheets: every text as text, missing values as blanks, one look for all sheets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import xlsxwriter

__all__ = ["Column", "Writer"]

_LONGEST_TEXT = 32_767
_WIDEST, _NARROWEST = 60, 8
_LOOKED_AT = 200

FORMATS = {
    "text": {},
    "wrapped": {"text_wrap": True, "valign": "top"},
    "title": {"bold": True, "font_size": 14},
    "head": {"bold": True, "bottom": 1, "valign": "top"},
    "bold": {"bold": True},
    "count": {"num_format": "#,##0"},
    "seconds": {"num_format": "0.000"},
    "percent": {"num_format": "0.0%"},
    "points": {"num_format": "+0.0;-0.0;0.0"},
    "p": {"num_format": "0.0000"},
    "moment": {"num_format": "yyyy-mm-dd hh:mm:ss.000"},
}


@dataclass(frozen=True)
class Column:
    """A column of a sheet.

    Attributes
    ----------
    head : str
        Its heading.
    values : sequence
        Texts, numbers, truth values; missing ones become blank cells.
    look : str
        A name of `FORMATS`.
    """

    head: str
    values: Sequence[Any]
    look: str = "text"

    @property
    def width(self) -> float:
        """Characters that show the first values whole."""
        shown = [len(str(value)) for value in self.values[:_LOOKED_AT]] if self.look in {"text", "wrapped"} else []
        shown += [24] if self.look == "moment" else []
        return min(max([len(self.head) + 2, *(length + 1 for length in shown), _NARROWEST]), _WIDEST)


class Writer:
    """Writes a workbook's sheets from top to bottom.

    Parameters
    ----------
    workbook : xlsxwriter.Workbook
        Open; whoever opened it closes it.
    """

    def __init__(self, workbook: xlsxwriter.Workbook) -> None:
        self._workbook = workbook
        self._formats = {name: workbook.add_format(look) for name, look in FORMATS.items()}
        self._sheet: Any = None
        self._row = 0

    def start(self, name: str) -> None:
        """Begin a sheet; what is written next goes there."""
        self._sheet = self._workbook.add_worksheet(name)
        self._row = 0

    def line(self, value: object = None, look: str = "text") -> None:
        """Write one cell on a row of its own, or leave a row out."""
        self._write(self._row, 0, value, look)
        self._row += 1

    def table(self, columns: Sequence[Column], *, alone: bool = True) -> None:
        """Write a table.

        Parameters
        ----------
        columns : sequence of Column
            Equally long.
        alone : bool
            Whether it is the whole sheet: then its heading is frozen and filters are offered.
        """
        head = self._row
        for place, column in enumerate(columns):
            self._sheet.set_column(place, place, column.width)
            self._write(head, place, column.head, "head")
        for row, values in enumerate(zip(*(column.values for column in columns), strict=True), start=head + 1):
            for place, value in enumerate(values):
                self._write(row, place, value, columns[place].look)
        length = len(columns[0].values)
        self._row = head + length + 1
        if alone:
            self._sheet.freeze_panes(head + 1, 1)
            self._sheet.autofilter(head, 0, head + max(length, 1), len(columns) - 1)

    def _write(self, row: int, place: int, value: object, look: str) -> None:
        form = self._formats[look]
        if isinstance(value, str):
            # Never `write`: it would take a text for a formula, a link or a number.
            self._sheet.write_string(row, place, value[:_LONGEST_TEXT], form)
        elif value is None or pd.isna(value):  # type: ignore[call-overload]  # it takes any object
            return
        elif isinstance(value, bool):
            self._sheet.write_boolean(row, place, value, form)
        else:
            self._sheet.write_number(row, place, value, form)
