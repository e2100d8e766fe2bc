"""The project's secret key, with which numbers are hashed so that tables can be joined and shared without them."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from imilab.errors import StoreError

__all__ = ["key_file", "read_project_key"]

_BYTES = 32


def key_file(store: Path) -> Path:
    """Return the key's file: the store's, its symbolic links followed, with ``.key`` added.

    Examples
    --------
    >>> key_file(Path("calls/lab.sqlite")).name
    'lab.sqlite.key'
    """
    place = store.resolve()
    return place.with_name(place.name + ".key")


def read_project_key(store: Path, *, make: bool = False) -> bytes:
    """Return the key in the file beside the store, made once with mode 0600.

    Parameters
    ----------
    store : Path
        The store's file.
    make : bool
        Make a key where there is none. A store that holds hashes needs the one that made them.

    Raises
    ------
    StoreError
        There is no such file, or it does not hold a key.
    """
    path = key_file(store)
    try:
        if make and not path.exists():
            _make(path)
        return _parse(path)
    except FileNotFoundError:
        raise StoreError(
            f"{path} is missing, the number key with which {path.stem} was made: without it, do-not-call entries and"
            " erased numbers match nobody; restore it from where the store came from, or set IMILAB_NUMBER_KEY to it"
        ) from None
    except OSError as problem:
        raise StoreError(f"no number key: {problem}") from None


def _make(path: Path) -> None:
    """Write a new key under another name and link it in place, so that nobody reads half of one or two differ."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()


def _parse(path: Path) -> bytes:
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        key = b""
    if len(key) < _BYTES:
        raise StoreError(f"{path} does not hold a key of {_BYTES} bytes in hex; restore it, or numbers no longer match")
    return key
