"""A person decides what became of a call of unknown outcome; it is never sent again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import imilab
from imilab.clock import ScaledClock
from imilab.errors import InvalidInputError
from imilab.store import SenderLock, Settlement
from imilab.store.journal import add_calls, claim
from tests.erasure_rig import CALLER, NUMBER, OTHER, ask, call, keep, receipt
from tests.send_rig import RYAN, START

UNKNOWN = Settlement(state="unknown", message="no answer")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[imilab.Lab]:
    settings = imilab.Settings(store=tmp_path / "lab.sqlite", tenant_zone="UTC")
    with imilab.Lab(settings, clock=ScaledClock(START, 1)) as opened:
        yield opened


def unknown(lab: imilab.Lab, *correlation_ids: str) -> None:
    for correlation_id in correlation_ids:
        ask(lab.store, call(correlation_id, campaign="lunch"), UNKNOWN)


def state(lab: imilab.Lab, correlation_id: str) -> tuple[str, str]:
    ((found),) = lab.store.rows("SELECT state, message FROM requests WHERE correlation_id = ?", (correlation_id,))
    return found  # type: ignore[return-value]  # a row of two


@pytest.mark.parametrize(
    ("decision", "words"), [("accepted", "it was placed"), ("rejected", "it was not placed")], ids=str
)
def test_a_person_decides_and_the_message_says_so(lab, decision, words):
    unknown(lab, "a" * 32)
    lab.resolve("a" * 32, decision, f"asked her, on {NUMBER}")

    assert state(lab, "a" * 32) == (decision, f"resolved by a person: {words}; asked her, on +1•••••123")
    assert lab.unknown().empty


@pytest.mark.parametrize("decision", ["accepted", "rejected"])
@pytest.mark.parametrize(("status", "then"), [("OFFERED", "accepted"), ("RELEASED", "final")])
def test_a_receipt_that_comes_later_still_moves_the_call_on(lab, decision, status, then):
    unknown(lab, "a" * 32)
    lab.resolve("a" * 32, decision)
    keep(lab.store, receipt("a" * 32, status))

    assert state(lab, "a" * 32)[0] == then


def test_a_refusal_by_the_platform_is_not_moved_by_a_receipt(lab):
    ask(lab.store, call("a" * 32), Settlement(state="rejected", message="bad parameter"))
    keep(lab.store, receipt("a" * 32, "OFFERED"))

    assert state(lab, "a" * 32)[0] == "rejected"


@pytest.mark.parametrize("decision", ["planned", "sending", "final", "unknown", "", "ACCEPTED"])
def test_a_call_of_unknown_outcome_is_never_planned_again(lab, decision):
    unknown(lab, "a" * 32)
    with pytest.raises(InvalidInputError, match="never planned again"):
        lab.resolve("a" * 32, decision)
    assert state(lab, "a" * 32)[0] == "unknown"


def test_only_calls_of_unknown_outcome_are_resolved(lab):
    ask(lab.store, call("a" * 32))
    with pytest.raises(InvalidInputError, match="its call is accepted, not unknown"):
        lab.resolve("a" * 32, "rejected")
    with pytest.raises(InvalidInputError, match=r"no call has it; lab\.unknown\(\) lists"):
        lab.resolve("b" * 32, "rejected")
    assert state(lab, "a" * 32)[0] == "accepted"


def test_what_a_dead_sender_left_is_listed_and_can_be_resolved(lab):
    lab.store.write(lambda c: add_calls(c, [call("a" * 32)], CALLER, lab.store.number_key, 500))
    lab.store.write(lambda c: claim(c, "a" * 32, 700))
    with SenderLock(lab.store.path):
        assert lab.unknown().empty  # a live sender may still get its answer

    listed = lab.unknown()
    assert list(listed["correlation_id"]) == ["a" * 32]
    assert list(listed["msisdn"]) == ["+1•••••123"]
    assert list(lab.unknown(unmasked=True)["msisdn"]) == [NUMBER]
    lab.resolve("a" * 32, "rejected")
    assert state(lab, "a" * 32)[0] == "rejected"


def test_a_resolved_call_is_never_sent_again():
    with imilab.Lab.simulated() as lab:
        plan = lab.plan([NUMBER, OTHER], {"ryan": RYAN}, "Time for lunch", campaign="lunch")
        lab.send(plan, progress=False)
        lab.wait()
        ((first,),) = lab.store.rows("SELECT correlation_id FROM requests WHERE position = 0")
        for decision in ("accepted", "rejected"):
            lab.store.write(lambda c: c.execute("UPDATE requests SET state = 'unknown' WHERE position = 0") and None)
            lab.resolve(first, decision)
            assert lab.send(plan, progress=False).sent == 0
