"""Warnings that a flood of requests does not turn into a flood of log lines."""

from __future__ import annotations

import logging
import time

__all__ = ["Seldom"]

_SECONDS = 10.0


class Seldom:
    """Logs each kind of trouble at once, and then at most every ten seconds, with how often it came since.

    Parameters
    ----------
    log : logging.Logger
        Where to.
    """

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._said: dict[str, float] = {}
        self._unsaid: dict[str, int] = {}

    def warning(self, kind: str, words: str, problem: Exception) -> None:
        """Log a warning; `words` has one ``%s`` for the problem."""
        self._say(logging.WARNING, kind, words, problem)

    def error(self, kind: str, words: str, problem: Exception) -> None:
        """Log an error; `words` has one ``%s`` for the problem."""
        self._say(logging.ERROR, kind, words, problem)

    def _say(self, level: int, kind: str, words: str, problem: Exception) -> None:
        now = time.monotonic()
        if now - self._said.get(kind, -_SECONDS) < _SECONDS:
            self._unsaid[kind] = self._unsaid.get(kind, 0) + 1
            return
        self._said[kind] = now
        unsaid = self._unsaid.pop(kind, 0)
        since = f" ({unsaid} more since the last time)" if unsaid else ""
        self._log.log(level, words + "%s", problem, since, extra={"event": kind, "more": unsaid})
