"""Takes numbers out of Arrow tables of receipts and requests, as the archive of imported logs holds them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from imilab.numbers import scrub
from imilab.store.anonymous import Tokens
from imilab.store.database import Store
from imilab.store.erasure import Redaction
from imilab.store.identity import receipt_identity
from imilab.store.tombstones import erased_numbers, is_token, number_like
from imilab.wire import Receipt

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["forget_rows", "redact_rows", "without_erased"]

_IDENTITY_OF = ("message_id", "correlation_id", "status", "code", "event_at_ms", "event_at_raw", "msisdn")
_EMPTIED = ("callback_data", "text")
_WORDS = ("description", "message")
_NAMES = ("message_id", "correlation_id", "campaign", "arm", "stratum", "media_id", "status", "code", "file")
_TEXTS = (*_WORDS, *_EMPTIED, "event_at_raw", "reason", "region")
_NUMBERS = ("caller_id",)

Columns = dict[str, list[Any]]


def redact_rows(table: pa.Table, redaction: Redaction) -> tuple[pa.Table, int]:
    """Take one number out of a table.

    Returns
    -------
    table : pyarrow.Table
        The same one where the number is not in it.
    changed : int
        How many rows held it.
    """
    columns = _read(table)
    names = _once(redaction.spellings.names)
    own = [row for row, msisdn in enumerate(columns.get("msisdn", ())) if msisdn and names(msisdn)]
    changed = set(_anonymise(columns, own, Tokens(redaction.token)))
    kinds = (
        *((name, redaction.name) for name in _NAMES),
        *((name, redaction.text) for name in _TEXTS),
        *((name, redaction.number) for name in _NUMBERS),
    )
    for name, clean in kinds:
        changed |= _apply(columns.get(name, []), _once(clean))
    return _written(table, columns, changed), len(changed)


def forget_rows(
    table: pa.Table, *, tokens: Tokens, age: Callable[[Mapping[str, int | None]], bool]
) -> tuple[pa.Table, int]:
    """Take number, callback data and text out of old rows; the platform's words stay with numbers masked.

    Parameters
    ----------
    table : pyarrow.Table
        Receipts, requests, or rows that could not be read.
    tokens : Tokens
        Stand for the numbers.
    age : callable
        Tells from a row's times (``*_at_ms``) whether it is old.

    Returns
    -------
    table, changed
        As for `redact_rows`.
    """
    columns = _read(table)
    times = [name for name in columns if name.endswith("_at_ms")]
    old = [row for row in range(table.num_rows) if age({name: columns[name][row] for name in times})]
    if "msisdn" in columns:
        rows = [row for row in old if (number := columns["msisdn"][row]) and not is_token(number)]
    else:
        rows = [row for row in old if columns.get("text") and columns["text"][row]]
    changed = set(_anonymise(columns, rows, tokens))
    return _written(table, columns, changed), len(changed)


def without_erased(store: Store) -> Callable[[pa.Table], tuple[pa.Table, int]] | None:
    """Return what takes numbers that were erased before out of rows that are imported now; None where none was."""
    with store.reading() as connection:
        is_erased = erased_numbers(connection, store.number_key)
    if is_erased is None:
        return None
    tokens, known = Tokens(), _once(is_erased)

    def change(table: pa.Table) -> tuple[pa.Table, int]:
        columns = _read(table)
        if "msisdn" in columns:
            rows = [row for row, msisdn in enumerate(columns["msisdn"]) if msisdn and known(msisdn)]
        else:  # lines that could not be read
            texts = enumerate(columns.get("text", ()))
            rows = [row for row, text in texts if text and any(map(is_erased, number_like(text.encode())))]
        changed = set(_anonymise(columns, rows, tokens))
        return _written(table, columns, changed), len(changed)

    return change


def _read(table: pa.Table) -> Columns:
    return {name: table[name].to_pylist() for name in table.column_names}


def _anonymise(columns: Columns, rows: list[int], tokens: Tokens) -> list[int]:
    for row in rows:
        if "msisdn" in columns:
            token = tokens.of(columns["msisdn"][row])
            columns["msisdn"][row] = token.msisdn
            if "number_key" in columns:
                columns["number_key"][row] = token.number_key
        for name in _EMPTIED:
            if columns.get(name) and columns[name][row]:
                columns[name][row] = ""
        for name in _WORDS:
            if columns.get(name) and columns[name][row]:
                columns[name][row] = scrub(columns[name][row])
    return rows


def _apply(values: list[Any], clean: Callable[[str], str]) -> set[int]:
    changed = set()
    for row, old in enumerate(values):
        if old and (new := clean(old)) != old:
            values[row] = new
            changed.add(row)
    return changed


def _once(function: Callable[[str], Any]) -> Callable[[str], Any]:
    """Remember results: columns repeat few values, or none; then it forgets now and then."""
    known: dict[str, Any] = {}

    def remembered(text: str) -> Any:
        if text not in known:
            if len(known) > 100_000:
                known.clear()
            known[text] = function(text)
        return known[text]

    return remembered


def _written(table: pa.Table, columns: Columns, changed: set[int]) -> pa.Table:
    import pyarrow as pa

    if not changed:
        return table
    if "event_at_ms" in columns:  # a receipt's identity is a hash of its number too; a request's is its call's
        for row in changed:
            facts = {name: columns[name][row] for name in _IDENTITY_OF if name in columns}
            columns["identity"][row] = receipt_identity(Receipt(**facts))
    return pa.table([pa.array(columns[field.name], field.type) for field in table.schema], schema=table.schema)
