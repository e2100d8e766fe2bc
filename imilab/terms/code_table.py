"""The platform's codes and statuses with their meaning and outcome: `codes.csv`, in the order of a call's life."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from imilab.terms.events import Event, Outcome

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CODES", "STATUSES", "Code", "code_of", "codes", "event_of"]


@dataclass(frozen=True)
class Code:
    """One row of the table.

    Attributes
    ----------
    code : str
        The platform's code; empty where none is documented.
    event : Event or None
        The kind of receipt; None for a code that answers a request and comes in no receipt (7020).
    status : str
        The platform's word in receipts, in upper case; empty where `event` is None.
    outcome : Outcome or None
        What this event decides by itself; None for a step on the way, and for the two ends of an answered call
        (released, disconnected), whose outcome depends on the other events.
    reason : str
        Why the call failed, in the platform's words; empty where it did not fail.
    meaning : str
        One or two sentences.
    """

    code: str
    event: Event | None
    status: str
    outcome: Outcome | None
    reason: str
    meaning: str


def _read_table() -> tuple[Code, ...]:
    with Path(__file__).with_name("codes.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            Code(
                code=row["code"],
                event=Event(row["event"]) if row["event"] else None,
                status=row["status"],
                outcome=Outcome(row["outcome"]) if row["outcome"] else None,
                reason=row["reason"],
                meaning=row["meaning"],
            )
            for row in csv.DictReader(file)
        )


def _one_row_per_status(table: tuple[Code, ...]) -> dict[str, Code]:
    # A status with several codes (REJECTED) says least without one, so its row without a code stands for it.
    rows: dict[str, Code] = {}
    for row in table:
        if row.status and (row.status not in rows or not row.code):
            rows[row.status] = row
    return rows


_TABLE = _read_table()

CODES: Mapping[str, Code] = MappingProxyType({row.code: row for row in _TABLE if row.code})
"""The row of each code."""

STATUSES: Mapping[str, Code] = MappingProxyType(_one_row_per_status(_TABLE))
"""The row of each status as it stands in receipts, in upper case: what the status means without a known code."""


def code_of(status: object, code: object) -> Code | None:
    """Find the row of a receipt; the code decides before the status, unless it is one that belongs to no event.

    Parameters
    ----------
    status : object
        As it came: case, spaces and underscores do not matter (``Trombone Connected``, ``TROMBONE_CONNECTED``).
    code : object
        As it came, text or number.

    Returns
    -------
    Code or None
        None where neither is known. Never raises.

    Examples
    --------
    >>> code_of("REJECTED", "7402").outcome
    <Outcome.BUSY: 'busy'>
    >>> code_of("REJECTED", "9999").outcome
    <Outcome.OTHER: 'other'>
    >>> code_of("PARKED", "9999") is None
    True
    """
    by_code = CODES.get(str(code).strip())
    by_status = STATUSES.get(re.sub(r"[\s_-]+", " ", str(status)).strip().upper())
    return by_code if by_code and by_code.event else by_status or by_code


def event_of(status: object, code: object) -> Event | None:
    """Say which event a receipt tells of; the code decides before the status.

    Parameters
    ----------
    status, code : object
        As they came; see `code_of`.

    Returns
    -------
    Event or None
        None where neither is known. Never raises.

    Examples
    --------
    >>> event_of("Trombone Connected", "")
    <Event.TROMBONE_CONNECTED: 'trombone_connected'>
    """
    row = code_of(status, code)
    return row.event if row else None


def codes() -> pd.DataFrame:
    """Return the table of codes and statuses.

    Returns
    -------
    DataFrame
        15 rows in the order of a call's life; columns code, event, status, outcome, reason, meaning, all text. `event`
        and `outcome` are missing where there is none; the other columns are then empty text.

    Examples
    --------
    >>> table = codes().set_index("code")
    >>> table.loc["7402", ["outcome", "reason"]].to_list()
    ['busy', 'customer busy']
    """
    import pandas as pd

    rows = [{name: None if value is None else str(value) for name, value in asdict(row).items()} for row in _TABLE]
    return pd.DataFrame(rows, dtype="str")
