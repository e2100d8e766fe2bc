"""Run the asynchronous sender from anywhere: a script, a terminal, a notebook whose own loop is running."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

__all__ = ["run_in_thread"]

T = TypeVar("T")


def run_in_thread(work: Callable[[], Coroutine[Any, Any, T]], stop: threading.Event) -> T:
    """Run a coroutine function on a loop and thread of its own and return its result.

    Parameters
    ----------
    work : callable
        Returns the coroutine to run.
    stop : threading.Event
        Set by Ctrl-C or by interrupting a notebook's kernel; `work` is to end soon after. A second interrupt gives up
        waiting.
    """
    outcome: Future[T] = Future()

    def target() -> None:
        try:
            outcome.set_result(asyncio.run(work()))
        except BaseException as problem:  # noqa: BLE001 - raised again in the caller's thread
            outcome.set_exception(problem)

    thread = threading.Thread(target=target, name="imilab-send", daemon=True)
    thread.start()
    while thread.is_alive():
        try:
            thread.join(0.1)
        except KeyboardInterrupt:
            if stop.is_set():
                raise
            stop.set()
    return outcome.result()
