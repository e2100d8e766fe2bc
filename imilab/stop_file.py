"""The kill switch: while a file exists, no call is started by any process that sends from the store beside it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from imilab.errors import ConfigError, SendStoppedError

__all__ = ["StopFile"]

_LOOK_SECONDS = 0.1  # real time; looking takes a microsecond on a local disk, and milliseconds on some


class StopFile:
    """One store's kill switch; what it holds does not matter, only whether it is there.

    Parameters
    ----------
    path : Path
        The file.
    now : callable, optional
        Real seconds; `time.monotonic` by default.

    Examples
    --------
    >>> StopFile.beside(Path("calls/lab.sqlite")).path.name
    'lab.sqlite.stop'
    """

    def __init__(self, path: Path, *, now: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self._now = now
        self._looked_at = -1e9
        self._there = False

    @classmethod
    def beside(cls, store: Path, path: Path | None = None) -> StopFile:
        """Return that of a store, at its path with ``.stop`` added, or at the one that the settings name.

        Symbolic links are followed, so that it stops every process that sends from the store, however it is named.
        """
        place = store.resolve()
        return cls((path or place.with_name(place.name + ".stop")).resolve())

    def look(self) -> bool:
        """Tell whether it is there now. One that cannot be looked at counts as there: then nothing is called."""
        try:
            self.path.stat()
        except FileNotFoundError:
            self._there = False
        except OSError:
            self._there = True
        else:
            self._there = True
        self._looked_at = self._now()
        return self._there

    def seen(self) -> bool:
        """Tell whether it was there within the last tenth of a second; cheap enough to ask before every call."""
        return self.look() if self._now() - self._looked_at >= _LOOK_SECONDS else self._there

    def check(self) -> None:
        """Raise where it is there.

        Raises
        ------
        SendStoppedError
            Names the file and says how to go on.
        """
        if self.look():
            raise SendStoppedError(f"no call was placed: the stop file {self.path} is there; {self.way_on}")

    @property
    def way_on(self) -> str:
        """How calls may be started again."""
        return "remove it (imilab stop --clear), then send again"

    def create(self) -> bool:
        """Put it there; return whether it was not there before.

        Raises
        ------
        ConfigError
            It cannot be made.
        """
        was_there = self.look()
        try:
            handle = os.open(self.path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
            with os.fdopen(handle, "a", encoding="utf-8") as file:
                file.write(f"imilab starts no call while this file is here; put here at {datetime.now(UTC):%FT%TZ}\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as problem:
            raise ConfigError("stop_file", f"{self.path} cannot be made ({problem.strerror}); name another") from None
        self.look()
        return not was_there

    def clear(self) -> bool:
        """Remove it; return whether it was there.

        Raises
        ------
        ConfigError
            It cannot be removed.
        """
        try:
            self.path.unlink()
        except FileNotFoundError:
            return False
        except OSError as problem:
            raise ConfigError("stop_file", f"{self.path} cannot be removed ({problem.strerror})") from None
        finally:
            self.look()
        return True
