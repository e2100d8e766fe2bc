"""The controls of an explorer and where they stand; what they do is the explorer's."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

import ipywidgets as ipw

from imilab.widgets.explorer_state import ExplorerState
from imilab.widgets.style import above, row, style_sheet

__all__ = ["ExplorerControls", "show_anew"]

_MOST_LINES = 5


class ExplorerControls:
    """The controls of an explorer.

    Parameters
    ----------
    state : ExplorerState
        What they show first.

    Attributes
    ----------
    grouping, outcome, zone : Dropdown
        What is shown.
    filters : dict of str to SelectMultiple
        The values to keep, by column; none chosen keeps all.
    first_day, last_day : DatePicker
        The days to keep.
    clear, prepare : Button
        What can be done.
    summary : HTML
        How many calls are shown.
    result, download : Box
        Hold chart and table, and the link once it is prepared.
    quiet : bool
        True while several are changed at once.
    """

    def __init__(self, state: ExplorerState) -> None:
        zones = sorted(available_timezones() | {state.tz})
        self.grouping = above(ipw.Dropdown(options=state.groupings()), "Group by", "200px")
        self.outcome = above(ipw.Dropdown(options=state.outcomes(), value=state.outcome), "Show rate of", "200px")
        self.zone = above(ipw.Dropdown(options=zones, value=state.tz), "Zone for days and hours", "240px")
        self.filters = {
            name: above(ipw.SelectMultiple(options=choices, rows=min(len(choices), _MOST_LINES)), label, "190px")
            for name, (label, choices) in state.filters().items()
        }
        # Without min and max, to which a date that is still being typed would be set.
        self.first_day = above(ipw.DatePicker(), "From day", "150px")
        self.last_day = above(ipw.DatePicker(), "To day", "150px")
        self.clear = ipw.Button(description="Clear filters", tooltip="Show every call")
        self.prepare = ipw.Button(description="Prepare download", tooltip="Make a link to the rows shown")
        self.summary, self.result, self.download = ipw.HTML(), ipw.VBox(), ipw.HBox()
        self.quiet = False
        if not state.has_times:
            for control in (self.first_day, self.last_day, self.zone):
                control.layout.display = "none"
        for name in ("clear", "prepare", "summary", "result"):
            getattr(self, name).add_class(f"imilab-{name}")

    @property
    def choosing(self) -> list[Any]:
        """Everything whose value decides what is shown."""
        return [self.grouping, self.outcome, self.zone, *self.filters.values(), self.first_day, self.last_day]

    def rows(self) -> list[Any]:
        """Return the controls from top to bottom."""
        hint = ipw.HTML(
            '<span class="imilab-note">Nothing chosen keeps every call; '
            "choose several with Ctrl (Cmd on a Mac) or Shift.</span>"
        )
        return [
            style_sheet(),
            row(self.grouping, self.outcome, self.zone, self.first_day, self.last_day),
            row(*self.filters.values(), kind="filters"),
            *([hint] if self.filters else []),
            row(self.summary, self.clear, self.prepare, self.download, kind="actions"),
            self.result,
        ]

    def clear_filters(self) -> None:
        """Choose nothing in every filter, without a word to who listens."""
        self.quiet = True
        for control in self.filters.values():
            control.value = ()
        self.first_day.value = self.last_day.value = None
        self.quiet = False


def show_anew(box: Any, html: str) -> None:
    """Replace what a box holds by a new widget; empty for nothing.

    Jupyter drops updates beyond 1 MB/s (`iopub_data_rate_limit`), which a few charts are, and then shows what is out
    of date. It lets the data of a new widget pass, whatever their size.
    """
    old, box.children = box.children, (ipw.HTML(html),) if html else ()
    for widget in old:
        widget.close()
