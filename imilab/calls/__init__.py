"""One row a call: the definition, once, for every engine that narwhals speaks to.

Everything here is lazy and over integer milliseconds UTC (`*_ms`). The fold is independent of the order of arrival and
of repetition, because it takes minima and maxima only; the counts of receipts alone ask for receipts that are stored
once. How ties and contradictions are decided:

- A code decides before a status; a status decides where the code is unknown. A receipt with an unknown code or an
  unknown status counts as unknown, also where the other one is known and decides.
- Answered, inferred or not, wins over every failure, and a final event over a refusal of the request. Among failures
  the latest wins, and a released event yields to any other. Equal times are broken by the order of `KINDS`.
- A call that has no final event is pending, and lost once it is older than the receipt horizon, counted from send_at,
  else from the request, else from its first event.
- An answered call ends with its earliest released, disconnected or dropped event; where it has none, with its latest
  failure, unless that came before the answer. Any other call ends with the failure that decides.
- An event happened at its own time, else at the moment it was received. One with neither gives no time; it counts for
  the outcome, before every other failure, and as the end of an answered call only where there is no other.
- `error_code` is that of the failure that decides, the raw one where a REJECTED carries an unknown code, and missing
  for a released event. A refused request has the refusal's code, else its HTTP status.
- `ring_seconds` and `talk_seconds` are missing where a time is, or where the clocks contradict each other.
- A call was transferred where an agent came or left.

`fold_calls` is the whole way. Its steps can be kept between: `fold_receipts` gives states that merge with those of
later receipts, `open_calls` what is known of each call whatever the time, `calls_as_of` the table at a moment.
"""

from imilab.calls.definition import (
    CALL_COLUMNS,
    OPEN_COLUMNS,
    calls_as_of,
    fold_calls,
    open_calls,
    open_calls_of_receipts,
)
from imilab.calls.folding import STATE_COLUMNS, fold_receipts, merge_states
from imilab.calls.kinds import KINDS

__all__ = [
    "CALL_COLUMNS",
    "KINDS",
    "OPEN_COLUMNS",
    "STATE_COLUMNS",
    "calls_as_of",
    "fold_calls",
    "fold_receipts",
    "merge_states",
    "open_calls",
    "open_calls_of_receipts",
]
