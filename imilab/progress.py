"""Progress bars: ipywidgets in a notebook, rich in a terminal, nothing in a pipe. Counts only, never numbers."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol, Self

__all__ = ["Progress", "make_progress"]

_SECONDS_BETWEEN_UPDATES = 0.1


class Progress(Protocol):
    """Shows how far a job is; a context manager."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def update(self, counts: Mapping[str, int]) -> None:
        """Show counts by state; their sum is how much is done."""
        ...


def make_progress(title: str, total: int, *, show: bool | None = None) -> Progress:
    """Return the progress bar that fits where this runs.

    Parameters
    ----------
    title : str
        What is being done.
    total : int
        How much there is to do.
    show : bool, optional
        False for none; by default in a notebook or a terminal.
    """
    if show is False or total == 0:
        return _Quiet()
    if _in_notebook():
        return _NotebookBar(title, total)
    return _TerminalBar(title, total) if show or sys.stderr.isatty() else _Quiet()


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")


def _describe(counts: Mapping[str, int], total: int) -> str:
    parts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count)
    return f"{sum(counts.values())} of {total}" + (f": {parts}" if parts else "")


class _Quiet:
    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def update(self, counts: Mapping[str, int]) -> None:
        """Show nothing."""


class _Throttled(_Quiet):
    """Shows the first, then at most ten updates a second, then the last."""

    def __init__(self, title: str, total: int) -> None:
        self._title = title
        self._total = total
        self._shown_at = 0.0
        self._last: Mapping[str, int] = {}

    def update(self, counts: Mapping[str, int]) -> None:
        """Show counts, unless the last were shown a moment ago."""
        self._last = counts
        if time.monotonic() - self._shown_at >= _SECONDS_BETWEEN_UPDATES:
            self._shown_at = time.monotonic()
            self._show(sum(counts.values()), _describe(counts, self._total))

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._show(sum(self._last.values()), _describe(self._last, self._total))

    def _show(self, done: int, text: str) -> None:
        raise NotImplementedError


class _NotebookBar(_Throttled):
    def __init__(self, title: str, total: int) -> None:
        super().__init__(title, total)
        import ipywidgets
        from IPython.display import display

        self._bar = ipywidgets.IntProgress(min=0, max=total, layout={"width": "20em"})
        self._text = ipywidgets.Label(f"{title}: 0 of {total}")
        self._text.add_class("imilab-progress-text")
        display(ipywidgets.HBox([self._bar, self._text]))  # type: ignore[no-untyped-call]  # IPython ships no types

    def _show(self, done: int, text: str) -> None:
        self._bar.value = min(done, self._total)
        self._text.value = f"{self._title}: {text}"


class _TerminalBar(_Throttled):
    def __init__(self, title: str, total: int) -> None:
        super().__init__(title, total)
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        columns: tuple[Any, ...] = (
            TextColumn("{task.description}", markup=False),  # a campaign may be called [/lunch]
            BarColumn(),
            TextColumn("{task.fields[text]}", markup=False),
        )
        self._rich = RichProgress(*columns, TimeRemainingColumn(), console=Console(stderr=True))
        self._task = self._rich.add_task(title, total=total, text="")

    def __enter__(self) -> Self:
        self._rich.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, problem, trace)
        self._rich.stop()

    def _show(self, done: int, text: str) -> None:
        self._rich.update(self._task, completed=done, text=text)
