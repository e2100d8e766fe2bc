"""Where a test's store lies: a file of SQLite's, or a schema on a real PostgreSQL."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from imilab.store import Store

__all__ = ["KEY", "StorePlace"]

KEY = bytes(range(32))


@dataclass(frozen=True)
class StorePlace:
    """One database, which can be opened any number of times."""

    path: Path
    url: str | None = None

    @property
    def is_postgres(self) -> bool:
        return self.url is not None

    @property
    def schema(self) -> str:
        """Its schema on the server."""
        assert self.url
        return self.url.rpartition("%3D")[2]

    def open(self) -> Store:
        return Store(self.path, KEY, url=SecretStr(self.url) if self.url else None)

    @property
    def environment(self) -> dict[str, str]:
        """What makes another process open the same store from its settings."""
        told = {"IMILAB_STORE": str(self.path), "IMILAB_NUMBER_KEY": KEY.hex()}
        return {**os.environ, **told, **({"IMILAB_STORE_URL": self.url} if self.url else {})}
