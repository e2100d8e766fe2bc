"""The project's secret key, with which numbers are hashed so that tables can be joined and shared without them."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from imilab.errors import StoreError

__all__ = ["read_project_key"]

_BYTES = 32


def read_project_key(store: Path) -> bytes:
    """Return the key in the file beside the store, made once with mode 0600.

    Parameters
    ----------
    store : Path
        The store's file; the key's is the same with ``.key`` added.

    Raises
    ------
    StoreError
        The file does not hold a key.
    """
    path = store.with_name(store.name + ".key")
    if not path.exists():
        _make(path)
    return _parse(path)


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
