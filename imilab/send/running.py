"""Run asynchronous work from anywhere, a script, a terminal, a notebook whose own loop is running; and stop it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, wait
from typing import Any, Generic, TypeVar

__all__ = ["Runs", "run_in_thread"]

T = TypeVar("T")

_LOOK_SECONDS = 0.1
_POLL_SECONDS = 0.02


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


class Runs:
    """What is running, and can be stopped from another thread."""

    def __init__(self) -> None:
        self._stops: set[threading.Event] = set()

    @contextlib.contextmanager
    def one(self) -> Iterator[threading.Event]:
        """Give what `stop` sets, from the very start: a stop while a large plan is being recorded must not be lost."""
        stop = threading.Event()
        self._stops.add(stop)
        try:
            yield stop
        finally:
            self._stops.discard(stop)

    def stop(self) -> None:
        """Stop all of it."""
        for stop in tuple(self._stops):
            stop.set()

    def end(self, seconds: float) -> None:
        """Stop all of it, and wait until it has ended, so long at the most."""
        until = time.monotonic() + seconds
        while self._stops and time.monotonic() < until:
            self.stop()
            time.sleep(_POLL_SECONDS)


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
