"""Run the asynchronous sender from anywhere: a script, a terminal, a notebook whose own loop is running."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from typing import Any, Generic, TypeVar

__all__ = ["run_in_thread"]

T = TypeVar("T")

_LOOK_SECONDS = 0.1


def run_in_thread(
    work: Callable[[], Coroutine[Any, Any, T]], stop: threading.Event, *, returns_when_stopped: bool = False
) -> T:
    """Run a coroutine function on a loop and thread of its own and return its result.

    Parameters
    ----------
    work : callable
        Returns the coroutine to run.
    stop : threading.Event
        Set by Ctrl-C or by interrupting a notebook's kernel; `work` is to end soon after. A second interrupt cancels
        it.
    returns_when_stopped : bool
        Whether an interrupted `work` whose result says so returns it, instead of raising `KeyboardInterrupt`.
    """
    running = _Running(work)
    interrupts = 0
    while True:
        try:
            running.wait()
            break
        except KeyboardInterrupt:
            interrupts += 1
            stop.set()
            if interrupts > 1:
                running.cancel()
    if interrupts and not (returns_when_stopped and interrupts == 1):
        raise KeyboardInterrupt
    return running.outcome.result()


class _Running(Generic[T]):
    """A coroutine on a thread of its own."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self.outcome: Future[T] = Future()
        self._work = work
        self._started = False
        self._cancel: Callable[[], object] = lambda: None
        self._thread = threading.Thread(target=self._run, name="imilab-send", daemon=True)

    def wait(self) -> None:
        """Start, or go on waiting."""
        if not self._started:
            self._started = True
            self._thread.start()
        # Not the thread's own join: until Python 3.13, an interrupt makes it take a running thread for a finished one.
        while not self.outcome.done():
            wait([self.outcome], _LOOK_SECONDS)

    def cancel(self) -> None:
        """Cancel the coroutine."""
        with contextlib.suppress(RuntimeError):  # its loop is closed: it has just ended
            self._cancel()

    def _run(self) -> None:
        try:
            self.outcome.set_result(asyncio.run(self._main()))
        except BaseException as problem:  # noqa: BLE001 - raised again in the caller's thread
            self.outcome.set_exception(problem)

    async def _main(self) -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        if task is not None:
            self._cancel = lambda: loop.call_soon_threadsafe(task.cancel)
        return await self._work()
