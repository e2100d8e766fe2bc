"""The calls of the simulated tenant: placed from requests, kept in memory, found by message id."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from imilab.simulator.draws import Draws
from imilab.simulator.magic import MAGIC, Magic
from imilab.simulator.people import Fate, People
from imilab.simulator.placed_call import PlacedCall, call_events
from imilab.simulator.settings import SimulatorSettings
from imilab.simulator.webhooks import Webhooks, plan_deliveries
from imilab.terms import Outcome
from imilab.wire import MakeCallBody, Recipient, ResponseEntry, format_timestamp

__all__ = ["Switchboard"]

_AT_ONCE_SECONDS = 0.8


class Switchboard:
    """Places calls.

    Parameters
    ----------
    settings : SimulatorSettings
        The tenant.
    people : People
        Who is called.
    draws : Draws
        The source of message ids and of webhooks' misbehaviour.
    webhooks : Webhooks
        Sends the receipts.

    Attributes
    ----------
    journal : list of PlacedCall
        Every call, in order.
    placed : Counter
        How many calls each number got.
    """

    def __init__(self, settings: SimulatorSettings, people: People, draws: Draws, webhooks: Webhooks) -> None:
        self.journal: list[PlacedCall] = []
        self.placed: Counter[str] = Counter()
        self._settings = settings
        self._zone = settings.zone
        self._people = people
        self._draws = draws
        self._webhooks = webhooks
        self._by_id: dict[str, PlacedCall] = {}
        self._repeats: Counter[tuple[str, str]] = Counter()
        self._contents: dict[tuple[str, ...], Mapping[str, str]] = {}

    def find(self, message_id: str) -> PlacedCall | None:
        """Return a call by the platform's id."""
        return self._by_id.get(message_id)

    def take(self, recipient: Recipient, body: MakeCallBody, now_ms: int) -> ResponseEntry:
        """Place a call to one recipient of a request, unless its number is refused, and return its entry.

        A correlation id that came before places another call: v2/messages documents no idempotency key.
        """
        magic = MAGIC.get(recipient.msisdn)
        message_id = self._message_id(recipient)
        status, code, message = "Queued", "1001", "Queued"
        if magic and magic.reply and magic.reply.kind == "rejected_entry":
            status, code, message = "Rejected", magic.reply.code, magic.reply.message
        else:
            self._place(message_id, recipient, body, now_ms, magic)
        return ResponseEntry(
            message_id=message_id,
            correlation_id=recipient.correlation_id,
            status=status,
            code=code,
            message=message,
            request_timestamp=format_timestamp(now_ms, self._zone),
        )

    def _message_id(self, recipient: Recipient) -> str:
        # From the call and how often it came, not from a running number: so it does not depend on the order of calls.
        repeat = self._repeats[recipient.msisdn, recipient.correlation_id]
        self._repeats[recipient.msisdn, recipient.correlation_id] += 1
        seeded = self._draws.digest("message", recipient.msisdn, recipient.correlation_id, str(repeat))
        return str(uuid.UUID(bytes=seeded[:16], version=4))

    def _place(
        self, message_id: str, recipient: Recipient, body: MakeCallBody, now_ms: int, magic: Magic | None
    ) -> None:
        start_ms = now_ms if body.send_at_ms is None else body.send_at_ms
        # Calls without an id of the caller's would otherwise all have the same fate.
        fate = self._fate(recipient.msisdn, recipient.correlation_id or message_id, start_ms, body, magic)
        call = PlacedCall(
            message_id=message_id,
            correlation_id=recipient.correlation_id,
            msisdn=recipient.msisdn,
            caller_id=body.caller_id,
            content=self._contents.setdefault(tuple(body.content.values()), body.content),
            priority=body.priority,
            callback_data=body.callback_data or "",
            notify_url=body.notify_url or "",
            requested_receipts=body.requested_receipts,
            requested_at_ms=now_ms,
            start_ms=start_ms,
            fate=fate,
            events=call_events(start_ms, fate),
        )
        self.journal.append(call)
        self._by_id[message_id] = call
        self.placed[recipient.msisdn] += 1
        oddity = magic.receipts if magic else "normal"
        self._webhooks.add(call, plan_deliveries(call, self._draws, self._settings, oddity))

    def _fate(self, msisdn: str, drawn_by: str, start_ms: int, body: MakeCallBody, magic: Magic | None) -> Fate:
        message = self._people.listening.message(body.content)
        forced = magic.outcome if magic else None
        fate = self._people.draw(msisdn, drawn_by, start_ms, message, priority=body.priority, outcome=forced)
        if forced != Outcome.ANSWERED or magic is None:
            return fate
        seconds = _AT_ONCE_SECONDS if magic.end == "disconnected" else message.seconds
        return replace(fate, talk_seconds=seconds, end=magic.end)
