"""The calls table's rules, one by one: hand-written receipts, also checked against the plain SQL in several orders."""

from __future__ import annotations

import pytest

from imilab import calls as calls_module
from imilab.calls import CALL_COLUMNS, KINDS
from tests.calls_oracle import HORIZON_MS, NOW_MS, T0, fold, only_call, only_calls, oracle, receipt, request


def test_the_columns_are_those_of_the_design():
    (call,) = fold([receipt("OFFERED", "7407")])

    assert tuple(call) == CALL_COLUMNS


ALONE = (
    ("ANSWERED", "7519", "answered", None, None),
    ("REJECTED", "7402", "busy", "7402", "customer busy"),
    ("REJECTED", "7401", "no_answer", "7401", "no answer"),
    ("REJECTED", "7406", "rejected", "7406", "call rejected"),
    ("DROPPED", "7409", "dropped", "7409", "dropped"),
    ("MESSAGE EXPIRED", "7208", "expired", "7208", "message expired"),
    ("REJECTED", "7404", "other", "7404", "others"),
    ("REJECTED", "7999", "other", "7999", "reason unknown"),
    ("REJECTED", "7020", "other", "7020", "reason unknown"),
    ("REJECTED", "", "other", None, "reason unknown"),
    ("RELEASED", "", "other", None, "ended by the platform without an answer"),
    ("OFFERED", "7407", "pending", None, None),
    ("ACCEPTED", "7408", "pending", None, None),
    ("TROMBONE CONNECTED", "7411", "pending", None, None),
    ("DROPPED", "", "dropped", "7409", "dropped"),
    ("", "7402", "busy", "7402", "customer busy"),
    ("PARKED", "7402", "busy", "7402", "customer busy"),
    ("ANSWERED", "7402", "busy", "7402", "customer busy"),
    ("REJECTED", "7519", "answered", None, None),
    ("answered", "", "answered", None, None),
)


def test_each_code_and_status_alone_decides_its_outcome():
    calls = only_calls([([receipt(status, code)], None) for status, code, *_ in ALONE])

    assert [
        (*row[:2], call["outcome"], call["error_code"], call["error_reason"])
        for row, call in zip(ALONE, calls, strict=True)
    ] == list(ALONE)


def test_an_answer_wins_over_every_failure_whichever_came_later():
    call = only_call(
        [receipt("ANSWERED", "7519", T0), receipt("REJECTED", "7402", T0 + 5), receipt("DROPPED", "7409", 1)]
    )

    assert (call["outcome"], call["answer_inferred"], call["error_code"], call["error_reason"]) == (
        "answered", False, None, None,
    )  # fmt: skip


def test_a_hang_up_without_an_answer_is_an_answer_by_inference():
    call = only_call([receipt("ACCEPTED", "7408", T0), receipt("DISCONNECTED", "7410", T0 + 9_000)])

    assert (call["outcome"], call["answer_inferred"], call["end_reason"]) == ("answered", True, "disconnected")
    assert (call["answered_at_ms"], call["ended_at_ms"]) == (None, T0 + 9_000)
    assert (call["ring_seconds"], call["talk_seconds"]) == (None, None)


def test_a_release_yields_to_any_other_failure_even_an_earlier_one():
    call = only_call([receipt("REJECTED", "7401", T0), receipt("RELEASED", "", T0 + 2_000)])

    assert (call["outcome"], call["error_code"], call["ended_at_ms"]) == ("no_answer", "7401", T0)


def test_of_several_failures_the_latest_decides():
    first = receipt("REJECTED", "7402", T0)

    assert only_call([first, receipt("REJECTED", "7401", T0 + 1)])["outcome"] == "no_answer"
    assert only_call([first, receipt("REJECTED", "7401", T0 - 1)])["outcome"] == "busy"


def test_equal_times_are_broken_by_a_fixed_order():
    order = ["7999", "7404", "7401", "7402", "7406", "7208", "7409"]
    tied = [[receipt("REJECTED", code) for code in order[: place + 1]] for place in range(len(order))]
    calls = only_calls(
        [(receipts, None) for receipts in [*tied, [receipt("REJECTED", "7998"), receipt("REJECTED", "7999")]]]
    )

    assert [call["error_code"] for call in calls] == [*order, "7999"]
    assert list(KINDS[-7:]) == ["other_by_status", *(call["outcome"] for call in calls[1:7])]


def test_an_unknown_status_is_counted_and_never_final():
    call = only_call([receipt("OFFERED", "7407"), receipt("PARKED", ""), receipt("PARKED", "7999", T0 + 1)])

    assert (call["outcome"], call["receipts"], call["unknown_receipts"]) == ("pending", 3, 2)


def test_an_unknown_code_is_counted_where_the_status_decides():
    call = only_call([receipt("REJECTED", "7999"), receipt("OFFERED", "1")])

    assert (call["outcome"], call["error_code"], call["unknown_receipts"]) == ("other", "7999", 2)


def test_the_ends_and_durations_of_a_whole_call():
    events = [
        receipt("OFFERED", "7407", T0),
        receipt("ACCEPTED", "7408", T0 + 500),
        receipt("ANSWERED", "7519", T0 + 8_000),
        receipt("RELEASED", "", T0 + 20_250),
    ]
    call = only_call(events)

    assert (call["offered_at_ms"], call["accepted_at_ms"], call["answered_at_ms"], call["ended_at_ms"]) == (
        T0, T0 + 500, T0 + 8_000, T0 + 20_250,
    )  # fmt: skip
    assert (call["ring_seconds"], call["talk_seconds"], call["end_reason"]) == (7.5, 12.25, "released")
    assert only_call([events[0], *events[2:]])["ring_seconds"] == 8.0
    assert only_call(events[2:])["ring_seconds"] is None
    assert only_call([*events[:2], receipt("REJECTED", "7401", T0 + 30_500)])["ring_seconds"] == 30.0


def test_an_answered_call_ends_with_its_earliest_end():
    answer, hung_up = receipt("ANSWERED", "7519", T0), receipt("DISCONNECTED", "7410", T0 + 3_000)

    for later in (
        receipt("RELEASED", "", T0 + 3_500),
        receipt("DROPPED", "7409", T0 + 3_001),
        receipt("RELEASED", "", T0 + 3_000),
    ):
        assert only_call([answer, hung_up, later])["end_reason"] == "disconnected"
    assert only_call([answer, receipt("DROPPED", "7409", T0 + 1)])["end_reason"] == "dropped"
    assert only_call([answer])["end_reason"] is None


def test_only_a_failure_after_the_answer_ends_an_answered_call():
    answer = receipt("ANSWERED", "7519", T0)
    before, after = (
        only_call([answer, receipt("REJECTED", "7401", T0 - 1)]),
        only_call([answer, receipt("REJECTED", "7401", T0 + 1)]),
    )

    assert (before["end_reason"], before["ended_at_ms"], before["talk_seconds"]) == (None, None, None)
    assert (after["end_reason"], after["ended_at_ms"], after["talk_seconds"]) == ("no_answer", T0 + 1, 0.001)


def test_clocks_that_contradict_each_other_give_no_duration():
    call = only_call(
        [receipt("ACCEPTED", "7408", T0), receipt("ANSWERED", "7519", T0 - 1), receipt("RELEASED", "", T0 - 2)]
    )

    assert (call["ring_seconds"], call["talk_seconds"], call["end_reason"]) == (None, None, "released")


def test_an_event_without_a_time_decides_but_tells_no_time():
    assert only_call([receipt("REJECTED", "7402", None)])["outcome"] == "busy"
    assert only_call([receipt("REJECTED", "7402", None), receipt("REJECTED", "7401", 1)])["outcome"] == "no_answer"
    call = only_call([receipt("ANSWERED", "7519", None), receipt("RELEASED", "", T0)])
    assert (call["outcome"], call["answer_inferred"], call["answered_at_ms"], call["ended_at_ms"]) == (
        "answered", False, None, T0,
    )  # fmt: skip
    call = only_call([receipt("ANSWERED", "7519", T0), receipt("RELEASED", "", None)])
    assert (call["end_reason"], call["ended_at_ms"], call["talk_seconds"]) == ("released", None, None)
    call = only_call(
        [receipt("ANSWERED", "7519", T0), receipt("RELEASED", "", None), receipt("DISCONNECTED", "7410", T0 + 1)]
    )
    assert (call["end_reason"], call["ended_at_ms"]) == ("disconnected", T0 + 1)


def test_a_receipt_without_a_time_of_its_own_happened_when_it_was_received():
    call = only_call([receipt("OFFERED", "7407", None, received_at_ms=T0 + 7)])

    assert call["offered_at_ms"] == T0 + 7


def test_times_before_1970_are_times_like_any_other():
    year_1 = -62_135_596_800_000
    call = only_call([receipt("REJECTED", "7402", year_1), receipt("REJECTED", "7999", year_1 + 1)])

    assert (call["outcome"], call["error_code"], call["ended_at_ms"]) == ("other", "7999", year_1 + 1)


def test_a_transfer_is_known_by_the_agent_who_came_or_left():
    for status, code in (("TROMBONE CONNECTED", "7411"), ("trombone_released", "")):
        assert only_call([receipt(status, code)])["transferred"] is True
    assert only_call([receipt("ANSWERED", "7519")])["transferred"] is False


WAITING = (
    ({"requested_at_ms": NOW_MS - HORIZON_MS}, "pending"),
    ({"requested_at_ms": NOW_MS - HORIZON_MS - 1}, "lost"),
    ({"requested_at_ms": 0, "send_at_ms": NOW_MS - HORIZON_MS}, "pending"),
    ({"requested_at_ms": 0, "send_at_ms": NOW_MS - HORIZON_MS - 1}, "lost"),
    ({"requested_at_ms": 0, "send_at_ms": NOW_MS + 1}, "pending"),
    ({"requested_at_ms": 0, "state": "unknown"}, "lost"),
    ({"requested_at_ms": T0, "state": "unknown"}, "pending"),
    ({"requested_at_ms": T0, "state": "sending"}, "pending"),
)


def test_a_call_without_a_final_event_is_pending_and_later_lost():
    early = [receipt("ACCEPTED", "7408", 1)]
    for events in ([], early):
        calls = only_calls([(events, [request(**more)]) for more, _ in WAITING])
        assert [(more, call["outcome"]) for (more, _), call in zip(WAITING, calls, strict=True)] == list(WAITING)


def test_a_call_known_from_receipts_only_is_lost_a_horizon_after_its_first_event():
    events = [receipt("OFFERED", "7407", NOW_MS - HORIZON_MS - 1), receipt("ACCEPTED", "7408", NOW_MS)]

    assert only_call(events)["outcome"] == "lost"
    assert only_call(events[1:])["outcome"] == "pending"


@pytest.mark.parametrize(
    ("facts", "code", "reason"),
    [
        ({"code": "7003", "message": "to.msisdn", "http_status": 400}, "7003", "to.msisdn"),
        ({"code": None, "message": None, "http_status": 404}, "HTTP 404", None),
        ({"code": "", "message": "no", "http_status": 409}, "HTTP 409", "no"),
    ],
)
def test_a_refused_request_is_not_placed_and_says_why(facts, code, reason):
    call = only_call([], [request(state="rejected", message_id=None, **facts)])

    assert (call["outcome"], call["error_code"], call["error_reason"]) == ("not_placed", code, reason)
    assert (call["call_id"], call["message_id"], call["receipts"]) == ("c1", None, 0)


def test_a_final_event_wins_over_a_refusal_of_the_request():
    assert only_call([receipt("ANSWERED", "7519")], [request(state="rejected")])["outcome"] == "answered"
    assert only_call([receipt("OFFERED", "7407")], [request(state="rejected")])["outcome"] == "not_placed"


def test_planned_calls_are_no_calls_yet():
    assert fold([], [request(state="planned", requested_at_ms=None)]) == []


def test_receipts_join_their_request_by_correlation_id_and_by_message_id():
    answer = receipt("ANSWERED", "7519", message_id="m1")
    early = receipt("OFFERED", "7407", message_id="m9", correlation_id="c1")
    call = only_call([answer, early], [request(arm="a", campaign="lunch", voice="en-GB-RyanNeural")])

    assert (call["call_id"], call["correlation_id"], call["receipts"]) == ("m1", "c1", 2)
    assert (call["arm"], call["campaign"], call["voice"], call["requested_at_ms"]) == (
        "a",
        "lunch",
        "en-GB-RyanNeural",
        T0,
    )


def test_receipts_that_come_before_the_answer_to_the_request_name_the_call():
    call = only_call(
        [receipt("OFFERED", "7407", message_id="m5", correlation_id="c1")], [request(state="sending", message_id=None)]
    )

    assert (call["call_id"], call["message_id"], call["correlation_id"]) == ("m5", "m5", "c1")


def test_a_correlation_id_that_is_not_ours_does_not_merge_calls():
    foreign = [receipt("ANSWERED", "7519", message_id=name, correlation_id="campaign") for name in ("f1", "f2")]
    for requests in (None, [request()]):
        found = {row["call_id"]: row for row in fold(foreign, requests)}
        assert {"f1", "f2"} <= set(found)
        assert sorted(found.values(), key=repr) == sorted(oracle(foreign, requests), key=repr)


def test_a_call_without_message_id_goes_by_its_correlation_id():
    assert only_call([receipt("OFFERED", "7407", message_id="", correlation_id="x")])["call_id"] == "x"


@pytest.mark.parametrize(
    "choice",
    [
        "A code decides before a status",
        "Equal times are broken by the order of `KINDS`",
        "wins over every failure, and a final event over a refusal of the request",
        "a released event yields to any other",
        "counted from send_at",
        "earliest released, disconnected or dropped event",
        "unless that came before the answer",
        "else at the moment it was received",
        "where the clocks contradict each other",
    ],
)
def test_the_module_states_how_the_design_is_read_where_it_leaves_a_choice(choice):
    assert choice in " ".join((calls_module.__doc__ or "").split())
