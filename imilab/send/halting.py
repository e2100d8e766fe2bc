"""Why a run starts no further call: somebody stops it, or something forbids it."""

from __future__ import annotations

import threading

from imilab.stop_file import StopFile

__all__ = ["Halt"]


class Halt:
    """Whether a run has to end, and why; the first reason stays.

    Parameters
    ----------
    stop : threading.Event
        Set from anywhere.
    stop_file : StopFile or None
        The kill switch.

    Attributes
    ----------
    reason : str or None
        Why it ends, in words that say how to go on.
    problem : BaseException or None
        What went wrong, to be raised once the calls under way are settled.

    Examples
    --------
    >>> halt = Halt(threading.Event(), None)
    >>> halt.seen(), halt.stop("the key was refused"), halt.stop("another"), halt.seen(), halt.reason
    (False, None, None, True, 'the key was refused')
    """

    def __init__(self, stop: threading.Event, stop_file: StopFile | None) -> None:
        self._stop = stop
        self._stop_file = stop_file
        self.reason: str | None = None
        self.problem: BaseException | None = None

    def stop(self, reason: str | None) -> None:
        """End it for this reason; None is none."""
        self.reason = self.reason or reason

    def fail(self, problem: BaseException | None) -> None:
        """End it with this problem; None is none."""
        self.problem = self.problem or problem

    def seen(self) -> bool:
        """Look whether it has to end; cheap enough to ask before every call."""
        if self.reason is None:
            if self._stop.is_set():
                self.stop("stopped on request; send the plan again to go on")
            elif self._stop_file and self._stop_file.seen():
                self.stop(f"the stop file {self._stop_file.path} was put there; {self._stop_file.way_on}")
        return self.reason is not None or self.problem is not None
