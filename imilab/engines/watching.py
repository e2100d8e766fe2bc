"""A bar for queries that take long, from DuckDB's own estimate."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import duckdb

from imilab.progress import make_progress

__all__ = ["watch"]

_SECONDS_BEFORE = 1.0
_SECONDS_BETWEEN = 0.2


@contextlib.contextmanager
def watch(connection: duckdb.DuckDBPyConnection, title: str, *, show: bool | None = None) -> Iterator[None]:
    """Show how far the connection's query is, once it has taken a second; Ctrl-C ends the query.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Runs one query, or several one after the other.
    title : str
        What is being worked out.
    show : bool, optional
        As in `make_progress`.
    """
    done = threading.Event()
    watcher = threading.Thread(target=_poll, args=(connection, title, show, done), name="imilab-bar", daemon=True)
    if show is not False:
        watcher.start()
    try:
        yield
    except RuntimeError as problem:
        if type(problem) is RuntimeError and "interrupted" in str(problem):  # what DuckDB makes of Ctrl-C
            raise KeyboardInterrupt from None
        raise
    finally:
        done.set()
        if show is not False:
            watcher.join()


def _poll(connection: duckdb.DuckDBPyConnection, title: str, show: bool | None, done: threading.Event) -> None:
    if done.wait(_SECONDS_BEFORE):
        return
    with make_progress(title, 100, show=show) as bar:
        while not done.wait(_SECONDS_BETWEEN):
            percent = connection.query_progress()
            if 0 <= percent <= 100:
                bar.update({"percent": int(percent)})
