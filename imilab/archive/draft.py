"""An import under way: it writes out of sight, and becomes visible as a whole by one rename."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from imilab.archive.folder import INCOMING, MANIFESTS, RECEIPTS, REJECTS, REQUESTS, Archive, ImportFacts
from imilab.archive.rewriting import Change, rewrite_file
from imilab.errors import StoreLockedError

__all__ = ["Draft", "import_lock"]

_LOCK = ".importing"


@contextmanager
def import_lock(archive: Archive) -> Iterator[None]:
    """Make the archive's folder, keep other imports out, and remove what a killed import left.

    Raises
    ------
    StoreLockedError
        Another process or thread is importing into this archive.
    """
    archive.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(archive.folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            _lock(handle)
        except OSError:
            raise StoreLockedError(
                f"another import into {archive.folder} is under way; wait for it or stop it"
            ) from None
        remove_remains(archive)
        yield
    finally:
        os.close(handle)


def _lock(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def remove_remains(archive: Archive) -> None:
    """Remove what no manifest lists: the remains of imports that were killed."""
    shutil.rmtree(archive.folder / INCOMING, ignore_errors=True)
    visible = {archive.folder / name for facts in archive.imports() for name in facts.files}
    for table in (RECEIPTS, REQUESTS, REJECTS):
        for path in sorted((archive.folder / table).rglob("*")):
            if path.is_file() and path not in visible:
                path.unlink(missing_ok=True)
        for path in sorted((archive.folder / table).glob("*/")):
            with suppress(OSError):  # not empty
                path.rmdir()
    for path in (archive.folder / MANIFESTS).glob(".*"):
        path.unlink(missing_ok=True)


class Draft:
    """The files of one import before they are visible; a context manager that removes what was not published.

    Parameters
    ----------
    archive : Archive
        Whose `import_lock` is held.
    import_id : str
        New.
    change : callable, optional
        Changes each file before it is taken over, see `imilab.archive.rewriting.rewrite_file`: numbers that were
        erased do not come back with a log.

    Attributes
    ----------
    folder : Path
        For whatever the import needs on the way; it goes at the end.
    """

    def __init__(self, archive: Archive, import_id: str, change: Change | None = None) -> None:
        self._change = change
        self.archive, self.import_id = archive, import_id
        self.folder = archive.folder / INCOMING / import_id
        self._files: dict[str, int] = {}
        self._written: dict[str, Path] = {}

    def __enter__(self) -> Draft:
        self.folder.mkdir(mode=0o700, parents=True)
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.archive.folder / INCOMING, ignore_errors=True)

    def add(self, written: Path, table: str, rows: int, day: str | None = None) -> None:
        """Take over a Parquet file that was written in `folder`.

        Parameters
        ----------
        written : Path
            Stays where it is until `publish` moves it to its place in the archive.
        table : str
            ``receipts``, ``requests`` or ``rejects``.
        rows : int
            How many it holds.
        day : str, optional
            ``2026-03-02`` or ``none``, for receipts.
        """
        folder = f"{table}/day={day}" if day else table
        name = f"{folder}/{self.import_id}-{len(self._files)}.parquet"
        if self._change is not None:
            rewrite_file(written, self._change)
        written.chmod(0o600)
        _sync(written)
        self._files[name], self._written[name] = rows, written

    @property
    def rows(self) -> Counter[str]:
        """How many rows were added to each table."""
        found: Counter[str] = Counter()
        for name, rows in self._files.items():
            found[name.partition("/")[0]] += rows
        return found

    def publish(self, facts: ImportFacts) -> ImportFacts:
        """Make the import visible, all of it in one moment, and durable.

        Parameters
        ----------
        facts : ImportFacts
            Its `files` are filled in here.

        Returns
        -------
        ImportFacts
            As they are in the manifest.
        """
        done = ImportFacts(**{**vars(facts), "files": dict(self._files)})
        manifests = self.archive.folder / MANIFESTS
        manifests.mkdir(mode=0o700, exist_ok=True)
        for name, written in self._written.items():
            self._move(written, self.archive.folder / name)
        for folder in {(self.archive.folder / name).parent for name in self._files}:
            _sync(folder)
        for table in (RECEIPTS, REQUESTS, REJECTS):
            if (self.archive.folder / table).is_dir():
                _sync(self.archive.folder / table)
        _sync(self.archive.folder)
        draft = manifests / f".{self.import_id}.json"
        handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(done.to_json(), file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(manifests / f"{self.import_id}.json")
        _sync(manifests)
        return done

    def _move(self, written: Path, place: Path) -> None:
        for parent in (place.parent.parent, place.parent):  # with `parents`, one between would be open
            if parent != self.archive.folder:
                parent.mkdir(mode=0o700, exist_ok=True)
        written.rename(place)


def _sync(path: Path) -> None:
    """Make a file or a folder's entries durable."""
    if sys.platform == "win32" and path.is_dir():
        return
    handle = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
