"""The database: what was asked of the platform and what came back, durable before anyone is told.

SQLite in WAL mode with ``synchronous=FULL``, or PostgreSQL where several machines share it. One thread writes, and many
waiting writes share one commit.
"""

from __future__ import annotations

from imilab.store.database import Store
from imilab.store.journal import STATES, PlannedCall, Settlement
from imilab.store.receipts import SOURCES, StoredReceipt
from imilab.store.sender_lock import SenderLock

__all__ = ["SOURCES", "STATES", "PlannedCall", "SenderLock", "Settlement", "Store", "StoredReceipt"]
