"""The file of the do-not-call list: read when a run starts, and again where it changes while the run goes on."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from imilab.errors import ConfigError, InvalidInputError
from imilab.send.do_not_call import NumberSet, csv_entries

__all__ = ["DoNotCallFile"]

_READ_SECONDS = 1.0  # real time between two readings of a file that keeps changing

_State = tuple[int, ...]


class DoNotCallFile:
    """Who must not be called, as the file said when it was last read.

    Parameters
    ----------
    path : Path or None
        CSV, see `imilab.send.do_not_call.csv_entries`; None for no list.
    key : bytes
        The project's number key.
    now : callable, optional
        Real seconds; `time.monotonic` by default.

    Attributes
    ----------
    version : int
        Tells one reading from another.

    Raises
    ------
    ConfigError
        It cannot be read: nobody is called then.
    """

    def __init__(self, path: Path | None, key: bytes, *, now: Callable[[], float] = time.monotonic) -> None:
        self._path, self._key, self._now = path, key, now
        self._lock = threading.Lock()
        self._listed: NumberSet | None = None
        self._state: _State = ()
        self._read_at = 0.0
        self.version = 0
        self.refresh()

    def __contains__(self, msisdn: object) -> bool:
        return self._listed is not None and msisdn in self._listed

    def refresh(self) -> None:
        """Read it, and forget what it said before.

        Raises
        ------
        ConfigError
            It cannot be read.
        """
        with self._lock:
            self._read(keeps=False)

    def look_again(self) -> None:
        """Read it where it has changed, once a second at the most; who was on it stays on it.

        A file that is being written anew holds few of its numbers for a moment. Nobody is called for that.

        Raises
        ------
        ConfigError
            It cannot be read any more.
        """
        with self._lock:
            if self._path is None or self._now() - self._read_at < _READ_SECONDS:
                return
            try:
                changed = _state(self._path.stat()) != self._state
            except OSError as problem:
                raise _unreadable(problem) from None
            if changed:
                self._read(keeps=True)

    def _read(self, *, keeps: bool) -> None:
        if self._path is not None:
            numbers, self._state = self._numbers(self._path)
            self._listed = numbers.joined(self._listed) if keeps and self._listed else numbers
        self._read_at = self._now()
        self.version += 1  # after the list: who sees the new version sees the new list

    def _numbers(self, path: Path) -> tuple[NumberSet, _State]:
        """Return what it holds, and its state before: what is written meanwhile is read at the next look."""
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                state = _state(os.fstat(file.fileno()))
                return NumberSet.from_entries(csv_entries(file), self._key), state
        except (OSError, UnicodeDecodeError) as problem:
            raise _unreadable(problem) from None
        except InvalidInputError as problem:
            raise ConfigError("do_not_call", str(problem)) from None


def _state(stat: os.stat_result) -> _State:
    return stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino


def _unreadable(problem: Exception) -> ConfigError:
    return ConfigError(
        "do_not_call", f"the list cannot be read ({type(problem).__name__}), so nobody is called; give a CSV file"
    )
