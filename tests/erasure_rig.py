"""A store with a number in every place where one can be, and what looks for its traces."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from imilab.numbers import number_key
from imilab.store import PlannedCall, Settlement, Store, StoredReceipt
from imilab.store.connection import Connection
from imilab.store.journal import add_calls, add_plan, claim, settle
from imilab.store.receipts import add_quarantined, add_receipt
from imilab.wire import Receipt

__all__ = [
    "CALLER",
    "NUMBER",
    "OTHER",
    "SPELLED",
    "ask",
    "call",
    "everything",
    "fill",
    "keep",
    "receipt",
    "rows_as_bytes",
    "traces",
]

NUMBER, OTHER, CALLER = "+12025550123", "+12025550124", "+12025550100"
SPELLED = (
    *(NUMBER, NUMBER[1:], NUMBER[2:], "+1 202-555-0123", "(202) 555-0123", "202 555 0123", "1.202.555.0123"),
    *(quote(NUMBER), "\\u002b1202555\\u00300123", "202\u2011555\u20110123", "00" + NUMBER[1:]),
)
ACCEPTED = Settlement(state="accepted", message_id="m1", http_status=200)


def call(correlation_id: str, msisdn: str = NUMBER, **more: object) -> PlannedCall:
    return PlannedCall(correlation_id=correlation_id, msisdn=msisdn, content_type="TTS", text="Hello Ann", **more)  # type: ignore[arg-type]  # facts of several types


def receipt(correlation_id: str, status: str = "ANSWERED", msisdn: str = NUMBER, **more: object) -> StoredReceipt:
    facts = {"message_id": f"m-{correlation_id}", "callback_data": "Ann", "event_at_ms": 1_000, **more}
    one = Receipt(correlation_id=correlation_id, status=status, msisdn=msisdn, **facts)  # type: ignore[arg-type]  # facts of several types
    return StoredReceipt(receipt=one, raw=one.to_bytes(), source="webhook", received_at_ms=2_000)


def keep(store: Store, *receipts: StoredReceipt) -> list[bool]:
    return store.write(lambda c: [add_receipt(c, one, store.number_key) for one in receipts])


def ask(store: Store, planned: PlannedCall, settlement: Settlement = ACCEPTED) -> None:
    settled = replace(settlement, message_id=f"m-{planned.correlation_id}")

    def steps(connection: Connection) -> None:
        add_calls(connection, [planned], CALLER, store.number_key, 500)
        claim(connection, planned.correlation_id, 700)
        settle(connection, planned.correlation_id, settled)

    store.write(steps)


def everything(folder: Path) -> bytes:
    return b"\0".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def rows_as_bytes(store: Store) -> bytes:
    tables = ("numbers", "plans", "requests", "receipts", "quarantine", "erased")
    values = (value for table in tables for row in store.rows(f"SELECT * FROM {table}") for value in row)
    return b"\0".join(value if isinstance(value, bytes) else str(value).encode() for value in values)


def traces(store: Store) -> list[str]:
    """What is left of the number in the files beside and of the store, in any spelling."""
    held = everything(store.path.parent) + rows_as_bytes(store)
    secrets = [*SPELLED, *(number_key(text, store.number_key) for text in SPELLED)]
    hashes = [bytes.fromhex(number_key(text, store.number_key)) for text in SPELLED]
    return [text for text in secrets if text.encode() in held] + [one.hex() for one in hashes if one in held]


def fill(store: Store) -> None:
    """Put the number wherever a number can be."""
    key = store.number_key
    planned = [
        call("a" * 32, plan_id="p", position=0, campaign=f"ring {NUMBER}", arm="x", stratum="north"),
        call("b" * 32, OTHER, plan_id="p", position=1, campaign=f"ring {NUMBER}", arm="x"),
        call("c" * 32, plan_id="p", position=2, campaign=f"ring {NUMBER}", arm="y"),
    ]
    document = json.dumps({"x": {"text": f"Ring back on {SPELLED[3]}"}, "keys": [number_key(NUMBER, key)]})
    plan = {"plan_id": "p", "campaign": f"ring {NUMBER}", "design": "blocked", "seed": 1, "document": document}
    store.write(lambda c: add_plan(c, **plan, calls=planned, caller_id=CALLER, number_key=key, now_ms=500))  # type: ignore[arg-type]  # facts of several types
    for one in planned[:2]:
        store.write(lambda c, one=one: claim(c, one.correlation_id, 700))
        words = Settlement(state="accepted", message_id=f"m-{one.correlation_id}", message=f"queued for {SPELLED[4]}")
        store.write(lambda c, one=one, words=words: settle(c, one.correlation_id, words))
    ask(store, call("d" * 32, "+12025550133"))
    keep(
        store,
        *(receipt("a" * 32, status) for status in ("OFFERED", "ACCEPTED", "ANSWERED", "RELEASED")),
        receipt("b" * 32, "OFFERED", OTHER, callback_data=f"ask {SPELLED[5]}", description=f"via {SPELLED[6]}"),
        *(receipt("stranger", "OFFERED", text, message_id=f"s{place}") for place, text in enumerate(SPELLED)),
        receipt("a" * 32, "TROMBONE CONNECTED", ""),
        receipt(f"their-{NUMBER}", "RELEASED", OTHER),
    )
    bodies = [f'{{"odd": {spot}, "about": "{text}"}}'.encode() for spot, text in enumerate(SPELLED)]
    store.write(lambda c: [add_quarantined(c, body, "not a receipt", 3_000, key) for body in bodies])
