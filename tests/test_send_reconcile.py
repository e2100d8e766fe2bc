from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from starlette.responses import Response

from imilab.errors import StoreError, UnauthorisedError
from imilab.frames import calls_frame
from imilab.simulator import MAGIC, SimulatorSettings
from imilab.store import Store, StoredReceipt
from imilab.store.receipts import add_receipt
from imilab.wire import read_receipt
from tests.send_rig import SendRig, number, numbers

LOSES_ALL = SimulatorSettings(transactions_per_second=100_000, loss_share=1.0)
NOT_TOLD = ["offered_at", "accepted_at", "ring_seconds", "receipts", "transferred"]


def reconcile(rig: SendRig, **options: Any):
    return rig.dispatcher.reconcile(**({"older_than_seconds": 0.0, "progress": False} | options))


def ended(rig: SendRig) -> bool:
    return all(call.events[-1].at_ms < rig.clock.now_ms() for call in rig.simulator.journal)


def answers_get(rig: SendRig, *statuses: int) -> list[int]:
    """Let the platform answer questions with these HTTP statuses first; return the list of those still to come."""
    coming = list(statuses)

    def answer(_: str) -> Response | None:
        body = b'{"code": "1", "message": "no"}'
        return Response(body, coming.pop(0), headers={"retry-after": "1"}) if coming else None

    answers_questions(rig, answer)
    return coming


def answers_questions(rig: SendRig, answer: Callable[[str], Response | None]) -> None:
    """Let this answer the question about a message, where it does; the simulator answers what it does not."""
    usual = rig.platform

    async def app(scope: Any, receive: Any, send: Any) -> None:
        given = answer(scope["path"].rpartition("/")[2]) if scope.get("method") == "GET" else None
        await (given or usual)(scope, receive, send)

    rig.platform = app


def calls(rig: SendRig, store: Store) -> pd.DataFrame:
    frame = calls_frame(store, as_of_ms=rig.clock.now_ms(), horizon_ms=10**12).set_index("msisdn").sort_index()
    for name in ("answered_at", "ended_at"):
        frame[name] = frame[name].dt.floor("s")
    frame["talk_seconds"] = frame["talk_seconds"].round()
    return frame


def test_every_outcome_is_recovered_where_no_receipt_ever_came(tmp_path: Path):
    magic = [msisdn for msisdn, one in MAGIC.items() if one.reply is None and one.receipts != "no_answered"]
    with SendRig(tmp_path, tenant=LOSES_ALL, time_scale=3000) as rig:
        rig.send(rig.plan([*numbers(60), *magic]))
        assert rig.wait_for(lambda: ended(rig))
        assert set(calls(rig, rig.store)["outcome"]) == {"pending"}
        first, again = reconcile(rig), reconcile(rig)
        polled = calls(rig, rig.store)

        assert (first.asked, first.not_found, first.failed) == (60 + len(magic), 0, 0)
        assert again.asked == again.learned == 0
        assert rig.store.rows("SELECT DISTINCT source FROM receipts") == [("poll",)]
        assert rig.count_states() == {"final": first.asked}
        for call in rig.simulator.journal:  # what the webhook would have told
            for event in call.events:
                receipt = call.receipt(event, rig.simulator.settings.zone, "offset")
                add(rig.store, receipt.to_bytes(), rig.clock.now_ms())
        told = calls(rig, rig.store)

    pd.testing.assert_frame_equal(polled.drop(columns=NOT_TOLD), told.drop(columns=NOT_TOLD))
    assert set(told["outcome"]) >= {"answered", "busy", "no_answer", "rejected", "dropped", "expired", "other"}
    assert (told["receipts"] > polled["receipts"]).any()


def add(store: Store, raw: bytes, now_ms: int) -> None:
    one = StoredReceipt(receipt=read_receipt(raw, None), raw=raw, source="webhook", received_at_ms=now_ms)
    store.write(lambda connection: add_receipt(connection, one, store.number_key))


def test_calls_that_still_ring_stay_open_and_are_asked_again(tmp_path: Path):
    with SendRig(tmp_path, tenant=LOSES_ALL, time_scale=1) as rig:
        rig.send(rig.plan(numbers(3)))
        first, again = reconcile(rig), reconcile(rig)

        assert (first.asked, again.asked) == (3, 3)
        assert rig.count_states() == {"accepted": 3}


def test_calls_that_were_just_requested_can_be_left_out(tmp_path: Path):
    with SendRig(tmp_path, tenant=LOSES_ALL, time_scale=1) as rig:
        rig.send(rig.plan(numbers(3)))

        assert reconcile(rig, older_than_seconds=3600).asked == 0


def test_a_busy_platform_is_asked_again_until_it_answers(tmp_path: Path):
    with SendRig(tmp_path, tenant=LOSES_ALL) as rig:
        rig.send(rig.plan(numbers(4)))
        coming = answers_get(rig, *[429] * 7)
        summary = reconcile(rig)

        assert (coming, summary.asked, summary.failed) == ([], 4, 0)


def test_a_platform_that_stays_busy_is_given_up(tmp_path: Path):
    with SendRig(tmp_path, tenant=LOSES_ALL) as rig:
        rig.send(rig.plan(numbers(1)))
        answers_get(rig, *[429] * 100)

        assert (reconcile(rig).failed, reconcile(rig).asked) == (1, 1)


def test_calls_without_an_answer_and_calls_not_known_are_told_apart(tmp_path: Path):
    with SendRig(tmp_path, tenant=LOSES_ALL, calls_per_second=100) as rig:
        rig.send(rig.plan(numbers(3)))
        answers_get(rig, 500, 404)
        summary = reconcile(rig)

        assert (summary.asked, summary.failed, summary.not_found) == (3, 1, 1)
        assert str(summary).endswith("1 not known to the platform, 1 without an answer")
        assert str(summary).startswith("asked about 3 calls, learned ")


def test_a_refused_key_is_told_as_such(tmp_path: Path):
    with SendRig(tmp_path, tenant=LOSES_ALL) as rig:
        rig.send(rig.plan(numbers(40)))
        answers_get(rig, *[401] * 100)

        with pytest.raises(UnauthorisedError):
            reconcile(rig)


def test_what_cannot_be_stored_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with SendRig(tmp_path, tenant=LOSES_ALL) as rig:
        rig.send(rig.plan(numbers(40)))
        monkeypatch.setattr("imilab.store.sqlite.shutil.disk_usage", lambda _: SimpleNamespace(free=0))

        with pytest.raises(StoreError, match="make space"):
            reconcile(rig)


def test_questions_keep_the_pace_and_stop_when_asked_to(tmp_path: Path):
    with SendRig(tmp_path, tenant=replace(LOSES_ALL), time_scale=1) as rig:
        rig.send(rig.plan(numbers(30)))
        rig.settings = rig.settings.model_copy(update={"calls_per_second": 10.0})
        slow = rig.another_dispatcher()
        threading.Timer(1.6, slow.stop).start()
        summary = slow.reconcile(older_than_seconds=0.0, progress=False)

        assert 2 <= summary.asked <= 10  # in the first second, what the other has just sent counts


def test_an_unknown_call_whose_message_id_is_known_is_asked_about(tmp_path: Path):
    with SendRig(tmp_path, tenant=LOSES_ALL, time_scale=3000) as rig:
        rig.send(rig.plan(numbers(2)))
        rig.store.write(lambda connection: connection.execute("UPDATE requests SET state = 'unknown'"))
        rig.wait_for(lambda: ended(rig))

        assert reconcile(rig).asked == 2
        assert rig.states() == dict.fromkeys([number(0), number(1)], "final")


def test_an_unknown_call_that_the_platform_has_queued_was_placed(tmp_path: Path):
    with SendRig(tmp_path, tenant=LOSES_ALL) as rig:
        rig.send(rig.plan(numbers(2)))
        rig.store.write(lambda connection: connection.execute("UPDATE requests SET state = 'unknown'"))
        answers_questions(rig, lambda name: Response(b'{"messageId": "%s", "status": "Queued"}' % name.encode()))

        assert reconcile(rig).learned == 0
        assert rig.count_states() == {"accepted": 2}


def test_calls_that_cannot_be_settled_do_not_keep_new_ones_from_being_asked_about(tmp_path: Path):
    with SendRig(tmp_path, tenant=LOSES_ALL, time_scale=1) as rig:
        rig.send(rig.plan(numbers(20)))
        asked: list[str] = []

        def answer(name: str) -> Response:
            asked.append(name)
            if len(asked) % 10 == 5:
                rig.dispatcher.stop()
            return Response(b"{}", 404)

        answers_questions(rig, answer)
        first = reconcile(rig)
        before = len(asked)
        reconcile(rig)
        assert first.not_found == before < 20
        assert len(set(asked)) == min(len(asked), 20)  # the second run went on where the first had stopped

        rig.send(rig.plan(numbers(21)[20:], campaign="dinner"))
        ((new,),) = rig.store.rows("SELECT message_id FROM requests WHERE campaign = 'dinner'")
        place = len(asked)
        reconcile(rig)
        assert new in asked[place : place + 16]  # as many are under way at once


def test_an_answer_about_another_call_is_none_and_is_not_stored(tmp_path: Path):
    with SendRig(tmp_path, tenant=LOSES_ALL) as rig:
        rig.send(rig.plan(numbers(2)))
        answers_questions(rig, lambda _: Response(b'{"messageId": "another", "status": "RELEASED"}'))
        summary = reconcile(rig)

        assert (summary.asked, summary.failed, summary.learned) == (2, 2, 0)
        assert rig.store.rows("SELECT count(*) FROM receipts") == [(0,)]


def test_an_answer_is_kept_as_it_came_however_deep_it_is(tmp_path: Path):
    with SendRig(tmp_path, tenant=LOSES_ALL) as rig:
        rig.send(rig.plan(numbers(1)))
        deep = b'{"messageId": "%s", "status": "RELEASED", "x": ' + b"[" * 900 + b"]" * 900 + b"}"
        answers_questions(rig, lambda name: Response(deep % name.encode()))

        assert reconcile(rig).learned == 1
        ((message_id, raw),) = rig.store.rows("SELECT message_id, raw FROM receipts")
        assert raw == deep % message_id.encode()
