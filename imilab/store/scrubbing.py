"""After an erasure: what a database keeps in its files of rows that are gone is overwritten too."""

from __future__ import annotations

import contextlib
import glob
import os
import re
import shutil
import sqlite3
import time
from pathlib import Path

from imilab.errors import StoreError
from imilab.store.connection import Connection

__all__ = ["CACHES", "drop_caches", "scrub_postgres", "scrub_sqlite"]

CACHES = ("{name}.cache*", "{name}.spill-*")
"""Files and folders beside the store that are derived from it and can be made again, or that a killed process left."""

_SECONDS = 30.0


def scrub_sqlite(path: Path) -> None:
    """Write the file anew and empty its write-ahead log, so that neither holds what was deleted.

    It needs as much free space as the file has, and a moment in which no other process reads an earlier state.

    Raises
    ------
    StoreError
        Something reads all the while, or there is no space.
    """
    size = path.stat().st_size
    if shutil.disk_usage(path.parent).free < 2 * size:
        raise StoreError(
            f"{2 * size // 2**20 + 1} MiB must be free beside the store to overwrite what was erased; make space, and"
            " erase again"
        )
    with contextlib.closing(sqlite3.connect(path, timeout=_SECONDS, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA secure_delete=ON")
            connection.execute("VACUUM")
            _empty_log(connection)
        except sqlite3.Error as problem:
            raise StoreError(f"cannot overwrite what was erased: {problem}; erase again") from None


def _empty_log(connection: sqlite3.Connection) -> None:
    until = time.monotonic() + _SECONDS
    while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        if time.monotonic() > until:
            raise StoreError(
                "something reads the store all the while, so that its log still holds what was erased; close the"
                " notebooks that read it and erase again"
            )
        time.sleep(0.05)


def scrub_postgres(connection: Connection) -> None:
    """Write the tables anew. The server's own log and its backups are its administrator's."""
    connection.execute(f"SET lock_timeout = '{_SECONDS:.0f}s'")
    for table in ("numbers", "plans", "requests", "receipts", "quarantine", "erased"):
        connection.execute(f"VACUUM FULL {table}")


def drop_caches(store: Path) -> int:
    """Remove what is derived from the store, and return how many files and folders that were."""
    dropped = 0
    for pattern in CACHES:
        for path in sorted(store.parent.glob(pattern.format(name=glob.escape(store.name)))):
            if _is_in_use(path):
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
            dropped += 1
    return dropped


def _is_in_use(path: Path) -> bool:
    """Say whether a query of a process that is alive keeps its intermediate rows here; it removes them itself."""
    owner = re.search(r"\.spill-([0-9]+)-", path.name)
    if owner is None:
        return False
    try:
        os.kill(int(owner[1]), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
