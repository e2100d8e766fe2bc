"""An explorer of calls: grouping, outcome and filters; a chart and a table that follow; the rows to download."""

from __future__ import annotations

from dataclasses import replace

import ipywidgets as ipw
from narwhals.typing import IntoFrame

from imilab.widgets import explorer_html
from imilab.widgets.download import download_html
from imilab.widgets.explorer_controls import ExplorerControls, show_anew
from imilab.widgets.explorer_state import CODES, ExplorerState, read_calls_to_explore

__all__ = ["Explorer"]


class Explorer(ipw.VBox):  # type: ignore[misc]  # ipywidgets ships no types
    """A panel to look at calls: choose a grouping, a rate and filters; chart and table follow; download the rows.

    Parameters
    ----------
    calls : DataFrame
        A calls table: pandas, or anything that narwhals reads. It is not changed, and later calls do not show.
    tz : str
        IANA zone for days, hours and weekdays; it can be changed in the panel.

    Attributes
    ----------
    state : ExplorerState
        What is chosen; ``explorer.state.shown`` is the DataFrame of the calls that pass the filters.
    controls : ExplorerControls
        The widgets by name, for layouts of your own.

    Raises
    ------
    InvalidInputError
        `calls` is no table or has no column ``outcome``, or there is no such zone.

    Examples
    --------
    >>> import pandas as pd
    >>> calls = pd.DataFrame({"voice": ["a", "a", "b"], "outcome": ["answered", "busy", "answered"]})
    >>> explorer = Explorer(calls)
    >>> explorer.controls.grouping.value, explorer.controls.outcome.value = "voice", "answered"
    >>> explorer.state.table.to_pandas()["rate"].to_list()
    [0.5, 1.0]
    """

    def __init__(self, calls: IntoFrame, *, tz: str = "UTC") -> None:
        self.state = ExplorerState(read_calls_to_explore(calls), tz=tz)
        self.controls = ExplorerControls(self.state)
        super().__init__(self.controls.rows())
        self.add_class("imilab-panel").add_class("imilab-explorer")
        self._show()
        self._connect()

    def __repr__(self) -> str:
        return f"Explorer({self.state.summary})"

    def _connect(self) -> None:
        controls = self.controls
        for control in controls.choosing:
            control.observe(self._on_choice, "value")
        controls.clear.on_click(self._on_clear)
        controls.prepare.on_click(self._on_prepare)

    def _on_choice(self, _change: object) -> None:
        controls = self.controls
        if controls.quiet:
            return
        self.state = replace(
            self.state,
            tz=controls.zone.value,
            grouping=controls.grouping.value,
            outcome=controls.outcome.value,
            chosen={name: tuple(control.value) for name, control in controls.filters.items()},
            first_day=controls.first_day.value,
            last_day=controls.last_day.value,
        )
        self._show()

    def _on_clear(self, _button: object) -> None:
        self.controls.clear_filters()
        self.state = self.state.without_filters()
        self._show()

    def _on_prepare(self, _button: object) -> None:
        show_anew(self.controls.download, download_html(self.state.shown))

    def _show(self) -> None:
        state, controls = self.state, self.controls
        result = explorer_html.result_html(state)  # first, as it takes longest: what is shown changes all at once
        show_anew(controls.result, result)
        show_anew(controls.download, "")
        controls.summary.value = explorer_html.summary_html(state)
        controls.outcome.disabled = state.grouping == CODES
