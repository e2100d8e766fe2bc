"""The fold against the plain SQL of calls_oracle.sql, which was written from the design alone."""

from __future__ import annotations

import random
from collections.abc import Iterator

import duckdb
import narwhals as nw
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from imilab.calls import fold_calls
from imilab.store import STATES
from imilab.terms import CODES, STATUSES, code_of
from tests.calls_oracle import (
    HORIZON_MS,
    NOW_MS,
    RECEIPT_TYPES,
    REQUEST_TYPES,
    T0,
    Row,
    fold,
    fold_each,
    oracle,
    receipt,
    request,
    table,
    without_counts,
)

FINAL = {"answered", "released", "rejected", "disconnected", "dropped", "expired"}

WORDS = st.sampled_from(
    [*STATUSES, "Rejected", " released ", "trombone_connected", "Message  Expired", "answered\n", "PARKED", "", ""]
)
CODE_WORDS = st.sampled_from([*CODES, " 7402", "7401\t", "7999", "abc", "", "", ""])
MOMENTS = st.one_of(
    st.none(), st.sampled_from([T0, T0 + 1, T0 + 500, T0 + 70_000]), st.integers(-62_135_596_800_000, 5)
)
RECEIPTS = st.lists(
    st.builds(
        lambda ids, status, code, at, received, number: receipt(
            status,
            code,
            at,
            message_id=ids[0],
            correlation_id=ids[1],
            received_at_ms=received,
            msisdn=number,
            number_key=f"key of {number}" if number else None,
            country="US" if number else None,
        ),
        st.sampled_from(
            [
                ("m1", "c1"), ("m1", ""), ("", "c1"), ("m2", "c1"), ("m2", "c2"), ("", "c2"), ("m3", "c4"),
                ("f1", "shared"), ("f2", "shared"), ("", "shared"), ("f1", ""), ("m1", "shared"), ("f2", "c3"),
            ]
        ),
        WORDS,
        CODE_WORDS,
        MOMENTS,
        MOMENTS,
        st.sampled_from(["", "+12025550123", "+12025550124"]),
    ),
    max_size=12,
)  # fmt: skip


@st.composite
def request_rows(draw: st.DrawFn) -> list[Row]:
    rows = []
    for correlation_id in draw(st.sets(st.sampled_from(["c1", "c2", "c3", "c4"]))):
        state = draw(st.sampled_from(STATES))
        rows.append(
            request(
                correlation_id,
                state=state,
                message_id=draw(st.sampled_from([None, "m1", "m2", "m3"])),
                requested_at_ms=None if state == "planned" else draw(MOMENTS),
                send_at_ms=draw(st.one_of(st.none(), st.integers(T0, NOW_MS))),
                code=draw(st.sampled_from([None, "", "7020", "7003"])),
                message=draw(st.sampled_from([None, "no"])),
                http_status=draw(st.sampled_from([None, 200, 400])),
                campaign="lunch",
                arm=draw(st.sampled_from(["a", None])),
                position=draw(st.integers(0, 3)),
                number_key="key",
            )
        )
    return rows


SCENARIOS = st.one_of(
    st.lists(st.tuples(RECEIPTS, request_rows()), min_size=1, max_size=20),
    st.lists(st.tuples(RECEIPTS, st.none()), min_size=1, max_size=20),
)


# No shrinking: an example takes half a second, and what fails is shown by its scenario alone.
@settings(max_examples=15, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(SCENARIOS, st.sampled_from([0, 1, HORIZON_MS]), st.randoms())
def test_the_fold_equals_the_plain_sql_definition_in_any_order(scenarios, horizon_ms, chance):
    shuffled = [(chance.sample(receipts, len(receipts)), requests) for receipts, requests in scenarios]
    doubled = [(chance.sample(receipts * 2, 2 * len(receipts)), requests) for receipts, requests in scenarios]
    expected = fold_each(scenarios, oracle, horizon_ms=horizon_ms)

    found = fold_each([*scenarios, *shuffled, *doubled], horizon_ms=horizon_ms)
    count = len(scenarios)
    in_order, in_disorder, twice = (found[start : start + count] for start in range(0, len(found), count))
    for scenario, *one in zip(scenarios, expected, in_order, in_disorder, twice, strict=True):
        assert one[0] == one[1] == one[2], scenario
        assert without_counts(one[3]) == without_counts(one[0]), scenario


@settings(max_examples=6, deadline=None)
@given(
    st.lists(st.tuples(st.text(" -_rejctdREJCTDaos\t\n", max_size=12) | WORDS, CODE_WORDS), min_size=30, max_size=100)
)
def test_the_fold_reads_statuses_and_codes_as_terms_does(words):
    receipts = [receipt(status, code, message_id=f"m{number}") for number, (status, code) in enumerate(words)]
    outcomes = {call["call_id"]: call["outcome"] for call in fold(receipts)}

    for number, (status, code) in enumerate(words):
        row = code_of(status, code)
        assert (outcomes[f"m{number}"] != "pending") == (row is not None and row.event in FINAL)


def many_receipts(calls: int) -> Iterator[Row]:
    chance = random.Random(7)
    for number in range(calls):
        start = T0 + number
        ids = {"message_id": f"m{number}", "correlation_id": f"c{number}"}
        yield receipt("OFFERED", "7407", start, **ids)
        yield receipt("ACCEPTED", "7408", start + 300, **ids)
        if chance.random() < 0.5:
            yield receipt("ANSWERED", "7519", start + 5_000, **ids)
            yield receipt("RELEASED", "", start + 15_000, **ids)
        else:
            yield receipt("REJECTED", chance.choice(["7401", "7402", "7999"]), start + 9_000, **ids)
            yield receipt("PARKED", "", start + 9_001, **ids)


def test_200_000_receipts_fold_in_little_memory():
    receipts = list(many_receipts(50_000))
    requests = [request(f"c{number}", message_id=f"m{number}") for number in range(50_000)]
    codes = [row["code"] for row in receipts if row["status"] == "REJECTED"]
    with duckdb.connect() as small:
        small.execute("SET memory_limit = '400MB'")
        folded = fold_calls(
            nw.from_native(small.from_arrow(table(receipts, RECEIPT_TYPES))),
            nw.from_native(small.from_arrow(table(requests, REQUEST_TYPES))),
            as_of_ms=NOW_MS,
            horizon_ms=HORIZON_MS,
        ).to_native()
        rows = folded.aggregate("outcome, error_code, count(*), sum(talk_seconds), sum(receipts)").fetchall()
    counts = {(outcome, code): count for outcome, code, count, *_ in rows}

    assert len(receipts) == sum(row[4] for row in rows) == 200_000
    assert counts == {
        ("answered", None): 50_000 - len(codes),
        ("no_answer", "7401"): codes.count("7401"),
        ("busy", "7402"): codes.count("7402"),
        ("other", "7999"): codes.count("7999"),
    }
    assert [row[3] for row in rows if row[0] == "answered"] == [10.0 * counts["answered", None]]
