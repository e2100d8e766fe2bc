"""The columns that may hold a number although they are not columns of numbers, and how it is taken out of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from imilab.store.anonymous import RECEIPT_FACTS
from imilab.store.connection import Connection
from imilab.store.identity import digest, receipt_identity
from imilab.wire import Receipt

__all__ = ["HELD_IN", "Held", "Redactor", "redact_row"]


class Redactor(Protocol):
    """Takes a number out of values of each kind; see `imilab.store.erasure.Redaction`."""

    def text(self, text: str) -> str: ...
    def name(self, text: str) -> str: ...
    def number(self, msisdn: str) -> str: ...
    def body(self, raw: bytes) -> bytes: ...


@dataclass(frozen=True, kw_only=True)
class Held:
    """One table.

    Attributes
    ----------
    table, key : str
        Its name and that of its primary key.
    start : object
        Sorts before every key.
    names, texts, numbers, bodies : tuple of str
        Columns of ids and labels, of free text, of other numbers than the recipient's, and of bytes.
    """

    table: str
    key: str
    start: Any
    names: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    bodies: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.names, *self.texts, *self.numbers, *self.bodies)

    def page(self, rows: int) -> str:
        """Return the query for the next rows after a key."""
        columns = ", ".join((self.key, *self.columns))
        return f"SELECT {columns} FROM {self.table} WHERE {self.key} > ? ORDER BY {self.key} LIMIT {rows}"  # noqa: S608 - fixed names

    def changes(self, row: Sequence[Any], redactor: Redactor) -> dict[str, Any]:
        """Return the columns of a row of `page` that hold the number, without it."""
        kinds: tuple[tuple[str, Callable[[Any], Any]], ...] = (
            *((name, redactor.name) for name in self.names),
            *((name, redactor.text) for name in self.texts),
            *((name, redactor.number) for name in self.numbers),
            *((name, redactor.body) for name in self.bodies),
        )
        values = ((name, old, clean(old)) for (name, clean), old in zip(kinds, row[1:], strict=True) if old)
        return {name: new for name, old, new in values if new != old}


HELD_IN: tuple[Held, ...] = (
    Held(table="plans", key="plan_id", start="", names=("campaign", "design"), texts=("document",)),
    Held(
        table="requests",
        key="correlation_id",
        start="",
        names=("campaign", "arm", "stratum", "message_id", "media_id"),
        texts=("text", "message", "region"),
        numbers=("caller_id",),
    ),
    Held(
        table="receipts",
        key="receipt_id",
        start=-1,
        names=("message_id", "correlation_id", "status", "code"),
        texts=("description", "event_at_raw", "callback_data"),
        bodies=("raw",),
    ),
    Held(table="quarantine", key="quarantine_id", start=-1, texts=("reason",), bodies=("raw",)),
)


def redact_row(connection: Connection, held: Held, key: Any, redactor: Redactor) -> bool:
    """Take the number out of a row as it is now, and say whether it was there."""
    query = f"SELECT {', '.join((held.key, *held.columns))} FROM {held.table} WHERE {held.key} = ?"  # noqa: S608 - fixed names
    row = connection.execute(query, (key,)).fetchone()
    changed = held.changes(row, redactor) if row else {}
    if not changed:
        return False
    if held.table == "plans" and "campaign" in changed:
        changed["campaign"] = _rename(connection, row[1], changed["campaign"])
    if held.table == "quarantine" and "raw" in changed:
        changed["identity"] = digest(changed["raw"])
    marks = ", ".join(f"{name} = ?" for name in changed)
    if "identity" not in changed or not _is_known(connection, held, key, changed["identity"]):
        connection.execute(f"UPDATE {held.table} SET {marks} WHERE {held.key} = ?", (*changed.values(), key))  # noqa: S608 - fixed names
    if held.table == "receipts":
        _identify_again(connection, key)
    return True


def _rename(connection: Connection, old: str, new: str) -> str:
    """Give a campaign its new name, also in its calls; two campaigns stay two."""
    name, number = new, 1
    while connection.execute("SELECT 1 FROM plans WHERE campaign = ?", (name,)).fetchone():
        number += 1
        name = f"{new} ({number})"
    connection.execute("UPDATE requests SET campaign = ? WHERE campaign = ?", (name, old))
    return name


def _is_known(connection: Connection, held: Held, key: Any, identity: bytes) -> bool:
    """Drop a row that has become the same as another, and say so."""
    query = f"SELECT 1 FROM {held.table} WHERE identity = ? AND {held.key} <> ?"  # noqa: S608 - fixed names
    if connection.execute(query, (identity, key)).fetchone() is None:
        return False
    connection.execute(f"DELETE FROM {held.table} WHERE {held.key} = ?", (key,))  # noqa: S608 - fixed names
    return True


def _identify_again(connection: Connection, receipt_id: int) -> None:
    query = f"SELECT {', '.join(RECEIPT_FACTS)} FROM receipts WHERE receipt_id = ?"  # noqa: S608 - fixed names
    row = connection.execute(query, (receipt_id,)).fetchone()
    identity = receipt_identity(Receipt(**dict(zip(RECEIPT_FACTS, row, strict=True))))
    if not _is_known(connection, HELD_IN[2], receipt_id, identity):
        connection.execute("UPDATE receipts SET identity = ? WHERE receipt_id = ?", (identity, receipt_id))
