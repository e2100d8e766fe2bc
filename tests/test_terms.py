from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imilab.terms import CODES, OUTCOMES, STATUSES, Event, Outcome, code_of, codes, event_of

# Code, event, status, outcome, and words that the documented meaning cannot do without.
DOCUMENTED = [
    ("7407", "offered", "OFFERED", None, "network"),
    ("7408", "accepted", "ACCEPTED", None, "network accepts"),
    ("7519", "answered", "ANSWERED", "answered", "picked up"),
    ("7409", "dropped", "DROPPED", "dropped", "internal technical error"),
    ("7410", "disconnected", "DISCONNECTED", None, "person hung up"),
    ("7411", "trombone_connected", "TROMBONE CONNECTED", None, "transferred to an agent"),
    ("7412", "trombone_released", "TROMBONE RELEASED", None, "agent (party B) left"),
    ("7401", "rejected", "REJECTED", "no_answer", "Nobody picked up"),
    ("7402", "rejected", "REJECTED", "busy", "busy"),
    ("7404", "rejected", "REJECTED", "other", "another reason"),
    ("7406", "rejected", "REJECTED", "rejected", "declined"),
    ("7208", "expired", "MESSAGE EXPIRED", "expired", "expiry"),
    ("7020", None, "", "not_placed", "rate limit"),
]


@pytest.mark.parametrize(("code", "event", "status", "outcome", "words"), DOCUMENTED)
def test_every_documented_code_has_its_event_outcome_and_meaning(
    code: str, event: str | None, status: str, outcome: str | None, words: str
) -> None:
    row = CODES[code]
    assert (row.event, row.status, row.outcome) == (event, status, outcome)
    assert words in row.meaning


def test_the_table_has_no_code_that_is_not_documented() -> None:
    assert set(CODES) == {row[0] for row in DOCUMENTED}


def test_every_event_has_a_status_and_every_status_an_event() -> None:
    assert {row.event for row in STATUSES.values()} == set(Event)
    assert set(STATUSES) == {
        "OFFERED",
        "ACCEPTED",
        "ANSWERED",
        "RELEASED",
        "REJECTED",
        "DISCONNECTED",
        "DROPPED",
        "TROMBONE CONNECTED",
        "TROMBONE RELEASED",
        "MESSAGE EXPIRED",
    }


def test_released_has_no_documented_code() -> None:
    assert (STATUSES["RELEASED"].code, STATUSES["RELEASED"].outcome) == ("", None)


def test_a_bare_rejected_invents_no_code() -> None:
    assert (STATUSES["REJECTED"].code, STATUSES["REJECTED"].outcome) == ("", Outcome.OTHER)


def test_a_reason_is_given_exactly_for_failed_calls() -> None:
    for row in [*CODES.values(), *STATUSES.values()]:
        assert bool(row.reason) == (row.outcome not in (None, Outcome.ANSWERED))


def test_outcomes_are_in_display_order() -> None:
    assert OUTCOMES == (
        "answered",
        "busy",
        "no_answer",
        "rejected",
        "dropped",
        "expired",
        "other",
        "lost",
        "pending",
        "not_placed",
    )
    assert all(type(outcome) is str for outcome in OUTCOMES)


@pytest.mark.parametrize(
    ("status", "code", "event"),
    [
        ("OFFERED", "7407", "offered"),
        ("offered", "", "offered"),
        ("Trombone Connected", None, "trombone_connected"),
        ("TROMBONE_RELEASED", "", "trombone_released"),
        ("message  expired ", "", "expired"),
        ("RELEASED", "", "released"),
        ("REJECTED", "9999", "rejected"),
        ("OFFERED", "7519", "answered"),
        ("anything", " 7402 ", "rejected"),
        ("", 7402, "rejected"),
        ("PARKED", "9999", None),
        ("", "", None),
        (None, None, None),
        (float("nan"), float("nan"), None),
        ("", "7020", None),
        ("OFFERED", "7020", "offered"),
    ],
)
def test_the_code_decides_the_event_before_the_status(status: object, code: object, event: str | None) -> None:
    assert event_of(status, code) == event


@given(st.text(), st.text())
def test_looking_up_any_status_and_code_never_raises(status: str, code: str) -> None:
    row = code_of(status, code)
    assert row is None or row in [*CODES.values(), *STATUSES.values()]


def test_rows_and_mappings_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        CODES["7402"].outcome = None  # type: ignore[misc]  # refused
    with pytest.raises(TypeError):
        CODES["1"] = CODES["7402"]  # type: ignore[index]  # refused


def test_codes_returns_the_whole_table_as_text() -> None:
    table = codes()
    assert list(table.columns) == ["code", "event", "status", "outcome", "reason", "meaning"]
    assert (table.dtypes == "str").all()
    assert len(table) == 15
    assert table["code"].tolist().count("") == 2
    assert table.set_index("code").loc["7401", ["event", "outcome", "reason"]].tolist() == [
        "rejected",
        "no_answer",
        "no answer",
    ]
    assert pd.isna(table.set_index("code").loc["7407", "outcome"])


def test_codes_are_in_the_order_of_a_calls_life() -> None:
    order = codes()["event"].dropna().drop_duplicates().tolist()
    assert order.index("offered") < order.index("accepted") < order.index("answered") < order.index("disconnected")


def test_importing_terms_loads_nothing_heavy_and_reads_no_voices() -> None:
    code = (
        "import sys, imilab.terms, imilab.terms.voice_catalogue as catalogue;"
        "heavy = {'pandas', 'numpy', 'phonenumbers', 'babel'} & set(sys.modules);"
        "print(heavy or 'nothing', catalogue._catalogue.cache_info().misses)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "nothing 0"
