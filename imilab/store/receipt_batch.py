"""Webhook receipts, many at a time: what `add_receipt` does to one, with a few statements for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from imilab.store.connection import Connection
from imilab.store.identity import receipt_identity
from imilab.store.numbers_table import add_number
from imilab.store.receipts import StoredReceipt, add_receipt, without_number
from imilab.store.tombstones import any_erased
from imilab.wire import Receipt

__all__ = ["add_webhook_receipts"]

T = TypeVar("T")

_SIZES = (64, 32, 16, 8, 4, 2, 1)
"""Rows of one statement: a few sizes, so that each statement is prepared once."""

_COLUMNS = (
    "identity, received_at_ms, source, message_id, correlation_id, status, code, description,"
    " event_at_ms, event_at_raw, msisdn, callback_data, ends, raw"
)
_COARSER = "SELECT DISTINCT message_id FROM receipts WHERE source <> 'webhook' AND message_id IN"
_NUMBERS = "SELECT msisdn FROM numbers WHERE msisdn IN"
_BY_CORRELATION = "SELECT correlation_id, state, message_id FROM requests WHERE state <> 'final' AND correlation_id IN"
_BY_MESSAGE = "SELECT message_id, state, message_id FROM requests WHERE state <> 'final' AND message_id IN"


def add_webhook_receipts(connection: Connection, stored: Sequence[StoredReceipt], number_key: bytes) -> list[bool]:
    """Store receipts of the source ``webhook``, and move their requests on.

    Returns
    -------
    list of bool
        Whether each is new, in the order given; of two that are the same event, the first is.
    """
    if any_erased(connection):
        stored = [without_number(connection, one, number_key) for one in stored]
    identities = [receipt_identity(one.receipt) for one in stored]
    first: dict[bytes, StoredReceipt] = {}
    for identity, one in zip(identities, stored, strict=True):
        first.setdefault(identity, one)
    alone = _those_that_change_more(connection, first)
    together = [pair for pair in first.items() if pair[0] not in alone]
    new = _insert_all(connection, together)
    _add_numbers(connection, [one.receipt.msisdn for identity, one in together if identity in new], number_key)
    # After the others: each takes the end of its call from what is stored by then.
    new |= {identity for identity, one in alone.items() if add_receipt(connection, one, number_key)}
    told = []
    for identity in identities:
        told.append(identity in new)
        new.discard(identity)
    return told


def _those_that_change_more(
    connection: Connection, stored: Mapping[bytes, StoredReceipt]
) -> dict[bytes, StoredReceipt]:
    """Return the few that take the place of a coarser receipt, or move a request on; they are stored one by one."""
    receipts = [one.receipt for one in stored.values()]
    messages, correlations = ([getattr(one, name) for one in receipts] for name in ("message_id", "correlation_id"))
    coarser = {message_id for (message_id,) in _among(connection, _COARSER, messages)}
    by_correlation, by_message = _requests(connection, _BY_CORRELATION, correlations), {}
    if len(by_correlation) < len(set(correlations)):  # what is still not found may be known by its message id
        by_message = _requests(connection, _BY_MESSAGE, messages)
    return {
        identity: one
        for identity, one in stored.items()
        if one.receipt.message_id in coarser
        or _moves(one.receipt, by_correlation.get(one.receipt.correlation_id))
        or _moves(one.receipt, by_message.get(one.receipt.message_id))
    }


def _moves(receipt: Receipt, request: tuple[str, bool] | None) -> bool:
    """Say whether a receipt changes a request of a state, whose message id is known or not."""
    return request is not None and (receipt.ends or request != ("accepted", True))


def _insert_all(connection: Connection, pairs: Sequence[tuple[bytes, StoredReceipt]]) -> set[bytes]:
    """Insert what is not there, and return the identities of what was inserted."""
    ((last_id,),) = connection.execute("SELECT coalesce(max(receipt_id), 0) FROM receipts").fetchall()
    added = sum(_insert(connection, chunk) for chunk in _chunks(pairs))
    if added == len(pairs):  # mostly; asking each time would cost more than the insert's own looking
        return {identity for identity, _ in pairs}
    rows = connection.execute("SELECT identity FROM receipts WHERE receipt_id > ?", (last_id,)).fetchall()
    return {bytes(identity) for (identity,) in rows}


def _insert(connection: Connection, chunk: Sequence[tuple[bytes, StoredReceipt]]) -> int:
    values: list[Any] = []
    for identity, one in chunk:
        receipt = one.receipt
        values += (
            identity,
            one.received_at_ms,
            one.source,
            receipt.message_id,
            receipt.correlation_id,
            receipt.status,
            receipt.code,
            receipt.description,
            receipt.event_at_ms,
            receipt.event_at_raw,
            receipt.msisdn,
            receipt.callback_data,
            receipt.ends,
            one.raw,
        )
    return connection.execute(_insert_of(len(chunk)), values).rowcount


@cache
def _insert_of(rows: int) -> str:
    row = f"({', '.join('?' * (_COLUMNS.count(',') + 1))})"
    return (
        f"INSERT INTO receipts ({_COLUMNS}) VALUES {', '.join([row] * rows)}"  # noqa: S608 - marks only
        " ON CONFLICT (identity) DO NOTHING"
    )


def _add_numbers(connection: Connection, numbers: Sequence[str], number_key: bytes) -> None:
    known = {msisdn for (msisdn,) in _among(connection, _NUMBERS, numbers)}
    for msisdn in dict.fromkeys(numbers):
        if msisdn and msisdn not in known:
            add_number(connection, msisdn, number_key)


def _requests(connection: Connection, query: str, ids: Sequence[str]) -> dict[str, tuple[str, bool]]:
    """Return the state of requests, and whether their message id is known, by the id asked for."""
    return {name: (state, message_id is not None) for name, state, message_id in _among(connection, query, ids)}


def _among(connection: Connection, query: str, values: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Run a query that ends in ``IN`` for all values, in chunks."""
    for chunk in _chunks([value for value in dict.fromkeys(values) if value]):
        yield from connection.execute(f"{query} ({', '.join('?' * len(chunk))})", tuple(chunk)).fetchall()


def _chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    start = 0
    for size in _SIZES:
        while len(values) - start >= size:
            yield values[start : start + size]
            start += size
