"""The numbers of a plan's summary: how many calls where and when, what they cost, how long the texts are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from imilab.numbers import describe_number
from imilab.send.arms import Arm, label, template_of
from imilab.send.local_hours import local_time
from imilab.send.outlook import Outlook
from imilab.send.plan_summary import PlanSummary
from imilab.send.recipients import Refusal
from imilab.send.verification import Draw
from imilab.store import PlannedCall
from imilab.wire import MAX_TEXT_UNITS, text_units

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["summarise"]

_EVERY_OTHER = "*"
_UNKNOWN = "—"
_STORED = "The store holds this plan already, with these times: sending it sends what is left of it."


class Planned(Protocol):
    """What is read of a plan, see `imilab.send.plan.Plan`."""

    @property
    def campaign(self) -> str: ...
    @property
    def arms(self) -> Mapping[str, Arm]: ...
    @property
    def draw(self) -> Draw: ...
    @property
    def calls(self) -> Sequence[PlannedCall]: ...
    @property
    def times(self) -> Sequence[int | None]: ...
    @property
    def refusals(self) -> Sequence[Refusal]: ...
    @property
    def strata_of(self) -> Sequence[str]: ...
    @property
    def is_stored(self) -> bool: ...
    @property
    def called_before(self) -> int: ...
    @property
    def outlook(self) -> Outlook | None: ...


def summarise(plan: Planned, *, minutes_per_call: float) -> PlanSummary:
    """Return what a plan will do; see `Plan.summary`."""
    outlook = plan.outlook or Outlook(now_ms=0)
    known = sorted(at_ms for at_ms in plan.times if at_ms is not None)
    countries = _countries(plan, outlook, minutes_per_call)
    return PlanSummary(
        campaign=plan.campaign,
        calls=len(plan.calls),
        numbers=len({call.msisdn for call in plan.calls}),
        arms=_arms(plan),
        texts=_texts(plan),
        countries=countries,
        hours=_hours(plan, outlook),
        refused=_refused(plan),
        starts=_moment(known[0]) if known else None,
        ends=_moment(known[-1]) if known else None,
        minutes=(known[-1] - known[0]) / 60_000 if known else 0.0,
        cost=None if countries["cost"].isna().all() else float(countries["cost"].sum()),
        currency=outlook.currency,
        contact_policy=outlook.contact_policy,
        notes=tuple(_notes(plan, outlook, countries, minutes_per_call)),
    )


def _moment(at_ms: int) -> pd.Timestamp:
    import pandas as pd

    return pd.Timestamp(at_ms, unit="ms", tz="UTC")


def _arms(plan: Planned) -> pd.DataFrame:
    import pandas as pd

    counts = Counter(call.arm for call in plan.calls)
    longest = {name: longest for name, _, longest in _lengths(plan)}
    rows = [
        (
            name,
            label(arm.content),
            arm.window.to_text() if arm.window else "any",
            longest.get(name, 0),
            counts[name],
            counts[name] / max(len(plan.calls), 1),
        )
        for name, arm in plan.arms.items()
    ]
    return pd.DataFrame(rows, columns=["arm", "content", "hours", "text_characters", "calls", "share"])


def _lengths(plan: Planned) -> list[tuple[str, int, int]]:
    """Return each spoken arm's shortest and longest text; of an arm without calls, its text as it was given."""
    spoken: dict[str, set[str]] = {}
    for call in plan.calls:
        spoken.setdefault(call.arm or "", set()).add(call.text or "")
    found: list[tuple[str, int, int]] = []
    for name, arm in plan.arms.items():
        if template_of(arm):
            lengths = [text_units(text) for text in spoken.get(name, {arm.text or ""})]
            found.append((name, min(lengths), max(lengths)))
    return found


def _texts(plan: Planned) -> pd.DataFrame:
    import pandas as pd

    rows = [(*lengths, MAX_TEXT_UNITS) for lengths in _lengths(plan)]
    return pd.DataFrame(rows, columns=["arm", "shortest", "longest", "allowed"])


def _countries(plan: Planned, outlook: Outlook, minutes_per_call: float) -> pd.DataFrame:
    import pandas as pd

    counts = Counter(describe_number(call.msisdn).country or _UNKNOWN for call in plan.calls)
    rows = []
    for country, calls in counts.most_common():
        per_call, per_minute = (
            _price(prices, country) for prices in (outlook.price_per_call, outlook.price_per_minute)
        )
        known = [price for price in (per_call, _times(per_minute, minutes_per_call)) if price is not None]
        rows.append(
            (country, calls, _float(per_call), _float(per_minute), _float(calls * sum(known)) if known else None)
        )
    frame = pd.DataFrame(rows, columns=["country", "calls", "price_per_call", "price_per_minute", "cost"])
    return frame.astype(
        {"price_per_call": "float64", "price_per_minute": "float64", "cost": "float64", "calls": "int64"}
    )


def _price(prices: Mapping[str, Decimal], country: str) -> Decimal | None:
    return prices.get(country, prices.get(_EVERY_OTHER))


def _times(price: Decimal | None, minutes: float) -> Decimal | None:
    return None if price is None else price * Decimal(str(minutes))


def _float(price: Decimal | int | None) -> float | None:
    return None if price is None else float(price)


def _hours(plan: Planned, outlook: Outlook) -> pd.DataFrame:
    """Count calls by hour on the recipient's clock, in the first of its zones, and on the tenant's."""
    import pandas as pd

    theirs: Counter[tuple[date, int]] = Counter()
    ours: Counter[tuple[date, int]] = Counter()
    for call, at_ms in zip(plan.calls, plan.times, strict=False):
        if at_ms is None:
            continue
        ours[_hour(outlook.tenant_zone, at_ms)] += 1
        zones = outlook.zones(call.msisdn)
        if zones:
            theirs[_hour(zones[0], at_ms)] += 1
    rows = [(day, hour, theirs[day, hour], ours[day, hour]) for day, hour in sorted({*theirs, *ours})]
    return pd.DataFrame(rows, columns=["day", "hour", "recipients_clock", "tenants_clock"])


def _hour(zone: str, at_ms: int) -> tuple[date, int]:
    local = local_time(zone, at_ms)
    return local.date(), local.hour


def _refused(plan: Planned) -> pd.DataFrame:
    import pandas as pd

    counts = Counter(refusal.reason for refusal in plan.refusals)
    return pd.DataFrame(counts.most_common(), columns=["reason", "recipients"])


def _notes(plan: Planned, outlook: Outlook, countries: pd.DataFrame, minutes_per_call: float) -> list[str]:
    notes = [_STORED] if plan.is_stored else []
    if plan.called_before:
        notes.append(
            f"{plan.called_before:,} of these numbers were called from this store before, by another plan or singly:"
            " this plan calls them again."
        )
    if plan.outlook is not None and plan.calls:
        notes += [_when(plan, outlook), _clocks(plan, outlook), *_priced(countries, outlook, minutes_per_call)]
    if plan.strata_of:
        notes.append(f"Balanced within {', '.join(plan.strata_of)}: {len(set(plan.draw.strata or ())):,} strata.")
    if outlook.contact_policy:
        policy = ", ".join(f"{name} {value}" for name, value in outlook.contact_policy.items())
        notes.append(f"The platform's contactPolicy goes with every call: {policy}. It may refuse further recipients.")
    return notes


def _when(plan: Planned, outlook: Outlook) -> str:
    pace = f"{outlook.calls_per_second:g} calls a second at most"
    if any(call.send_at_ms for call in plan.calls):
        return (
            f"The platform holds each call until its time (sendAt); requests leave at {pace}. Once it holds them,"
            " neither a stop nor a longer do-not-call list reaches them."
        )
    if any(call.not_before_ms for call in plan.calls):
        return (
            f"Each call is sent at its time, {pace}, by a send that waits a quarter of an hour for the next one,"
            " then says when to send again; with send_at='platform' the platform waits."
        )
    return f"Estimated as if it were sent now, at {pace}; quiet hours may hold calls until they may ring."


def _clocks(plan: Planned, outlook: Outlook) -> str:
    zones = [outlook.zones(call.msisdn) for call in plan.calls]
    several, unknown = sum(len(one) > 1 for one in zones), sum(not one for one in zones)
    notes = f"Hours on the recipient's clock, and on the tenant's ({outlook.tenant_zone})."
    if several:
        notes += f" {_calls(several)} to numbers that may be in several zones; the first of them counts."
    if unknown:
        notes += f" {_calls(unknown)} to numbers of unknown zone, counted on the tenant's clock alone."
    return notes


def _priced(countries: pd.DataFrame, outlook: Outlook, minutes_per_call: float) -> list[str]:
    unpriced = countries[countries["cost"].isna()]
    notes: list[str] = []
    if len(unpriced) < len(countries):
        notes.append(_assumed(outlook, minutes_per_call))
    if len(unpriced):
        where = ", ".join(
            f"{name} ({_calls(int(calls))})" for name, calls in zip(unpriced["country"], unpriced["calls"], strict=True)
        )
        notes.append(f"No price is set for {where}: set IMILAB_PRICE_PER_CALL or IMILAB_PRICE_PER_MINUTE.")
    return notes


def _assumed(outlook: Outlook, minutes_per_call: float) -> str:
    if not outlook.price_per_minute:
        return "The cost is per call alone; no price per minute is set (IMILAB_PRICE_PER_MINUTE)."
    return f"The cost assumes that every call is answered and lasts {minutes_per_call:g} minutes."


def _calls(count: int) -> str:
    return f"{count:,} call{'' if count == 1 else 's'}"
