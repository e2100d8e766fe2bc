"""Progress bars: ipywidgets in a notebook, rich in a terminal, nothing in a pipe. Counts only, never numbers."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Protocol, Self

__all__ = ["Progress", "Speed", "about", "make_progress"]

_SECONDS_BETWEEN_UPDATES = 0.1
_RECENT_SECONDS = 5.0
_LEAST_SECONDS = 1.0  # of work, before anything is said about its speed


class Progress(Protocol):
    """Shows how far a job is; a context manager."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def update(
        self, counts: Mapping[str, int], *, under_way: int = 0, at_best_seconds: float | None = None, now: str = ""
    ) -> None:
        """Show how far it is.

        Parameters
        ----------
        counts : mapping of str to int
            How many by state; their sum is how much is done.
        under_way : int
            How many were begun and are not done.
        at_best_seconds : float, optional
            Real time that the rest takes at the least: the pace, pauses.
        now : str
            What it does at the moment, where that is not its work: why it waits.
        """
        ...


def make_progress(
    title: str, total: int, *, show: bool | None = None, stop: Callable[[], object] | None = None
) -> Progress:
    """Return the progress bar that fits where this runs.

    Parameters
    ----------
    title : str
        What is being done.
    total : int
        How much there is to do.
    show : bool, optional
        False for none; by default in a notebook or a terminal.
    stop : callable, optional
        Ends the job. In a notebook, a button does it where clicks get through: a job in the main thread keeps the
        kernel busy, and is ended with the notebook's own stop button.
    """
    if show is False or total == 0:
        return _Quiet()
    if _in_notebook():
        return _NotebookBar(title, total, stop if threading.current_thread() is not threading.main_thread() else None)
    return _TerminalBar(title, total) if show or sys.stderr.isatty() else _Quiet()


def about(seconds: float) -> str:
    """Say a time as one would.

    Examples
    --------
    >>> [about(seconds) for seconds in (0.4, 8, 50, 100, 3600, 100_000)]
    ['about 1 s', 'about 8 s', 'about 50 s', 'about 2 min', 'about 60 min', 'about 28 h']
    """
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    return f"about {round(seconds / 60)} min" if seconds < 90 * 60 else f"about {round(seconds / 3600)} h"


class Speed:
    """How fast something went lately, and how long the rest takes.

    Parameters
    ----------
    now : callable, optional
        Real seconds; `time.monotonic` by default.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, done: int) -> None:
        """Note how much is done now."""
        now = self._now()
        while len(self._seen) > 1 and self._seen[1][0] <= now - _RECENT_SECONDS:
            self._seen.popleft()
        self._seen.append((now, done))

    @property
    def per_second(self) -> float | None:
        """How much was done in a second over the last ones; None where it is too early to say."""
        if not self._seen or (seconds := self._seen[-1][0] - self._seen[0][0]) < _LEAST_SECONDS:
            return None
        return (self._seen[-1][1] - self._seen[0][1]) / seconds

    def left_seconds(self, left: int, at_best_seconds: float | None) -> float | None:
        """Return how long the rest takes at this speed, and not less than it takes at the best; None where unknown."""
        speed = self.per_second
        if speed is None or not left:
            return None
        if not speed:
            return at_best_seconds
        return max(left / speed, at_best_seconds or 0.0)


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

    def update(
        self, counts: Mapping[str, int], *, under_way: int = 0, at_best_seconds: float | None = None, now: str = ""
    ) -> None:
        """Show nothing."""


class _Throttled(_Quiet):
    """Shows the first, then at most ten updates a second, then the last."""

    def __init__(self, title: str, total: int, now: Callable[[], float] = time.monotonic) -> None:
        self._title = title
        self._total = total
        self._now = now
        self._shown_at = 0.0
        self._last: Mapping[str, int] = {}
        self._speed = Speed(now)

    def update(
        self, counts: Mapping[str, int], *, under_way: int = 0, at_best_seconds: float | None = None, now: str = ""
    ) -> None:
        """Show counts, speed and time left, unless the last were shown a moment ago."""
        self._last = counts
        if self._now() - self._shown_at < _SECONDS_BETWEEN_UPDATES:
            return
        self._shown_at = self._now()
        done = sum(counts.values())
        self._speed.note(done)
        texts = [_describe(counts, self._total), f"{under_way} under way" if under_way else "", now]
        if not now and (speed := self._speed.per_second) is not None:
            texts.append(f"{speed:.1f}/s")
        if (left := self._speed.left_seconds(self._total - done - under_way, at_best_seconds)) is not None:
            texts.append(f"{about(left)} left")
        self._show(done, "; ".join(filter(None, texts)))

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._show(sum(self._last.values()), _describe(self._last, self._total))

    def _show(self, done: int, text: str) -> None:
        raise NotImplementedError


class _NotebookBar(_Throttled):
    def __init__(self, title: str, total: int, stop: Callable[[], object] | None) -> None:
        super().__init__(title, total)
        import ipywidgets
        from IPython.display import display

        self._bar = ipywidgets.IntProgress(min=0, max=total, layout={"width": "20em"})
        self._text = ipywidgets.Label(f"{title}: 0 of {total}")
        self._text.add_class("imilab-progress-text")
        self._button = ipywidgets.Button(description="Stop", tooltip="Start no further call")
        self._button.on_click(lambda _: stop() if stop else None)
        shown = [self._bar, self._text, *[self._button] * (stop is not None)]
        display(ipywidgets.HBox(shown))  # type: ignore[no-untyped-call]  # IPython ships no types

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, problem, trace)
        self._button.disabled = True

    def _show(self, done: int, text: str) -> None:
        self._bar.value = min(done, self._total)
        self._text.value = f"{self._title}: {text}"


class _TerminalBar(_Throttled):
    def __init__(self, title: str, total: int) -> None:
        super().__init__(title, total)
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as RichProgress

        columns: tuple[Any, ...] = (
            TextColumn("{task.description}", markup=False),  # a campaign may be called [/lunch]
            BarColumn(),
            TextColumn("{task.fields[text]}", markup=False),
        )
        self._rich = RichProgress(*columns, console=Console(stderr=True))
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
