from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest

import imilab
from imilab.errors import ConfigError, ImilabError, InvalidInputError, StoreError
from imilab.simulator import PeopleSettings
from tests.send_rig import RYAN, TEXT, magic, number, numbers

SONIA = imilab.Voice("en-GB-SoniaNeural")
ARMS = {"ryan": RYAN, "sonia": SONIA}
FAST = 3000.0


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made, and nothing else is."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture(autouse=True)
def leaves_no_thread() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(3)
    assert [thread.name for thread in set(threading.enumerate()) - before if thread.name.startswith("imilab")] == []


def test_a_campaign_from_recipients_to_calls():
    with imilab.Lab.simulated(seed=7, time_scale=FAST) as lab:
        plan = lab.plan(numbers(32), arms=ARMS, text=TEXT, seed=42, campaign="lunch")
        summary = lab.send(plan, progress=False)
        assert lab.wait(10) == 0
        calls, receipts, requests = lab.calls(), lab.receipts(), lab.requests()

    assert (summary.sent, summary.campaign, summary.stopped) == (32, "lunch", None)
    assert len(calls) == len(requests) == 32
    assert int(calls["receipts"].sum()) == len(receipts)
    assert set(calls["voice"]) == {"en-GB-RyanNeural", "en-GB-SoniaNeural"}
    assert calls["arm"].value_counts().to_dict() == {"ryan": 16, "sonia": 16}
    assert set(requests["state"]) == {"final"}
    assert set(calls["outcome"]) <= {"answered", "no_answer", "busy", "rejected", "dropped"}
    assert calls["msisdn"].str.fullmatch(r"\+1•••••\d{3}").all()
    assert calls["caller_id"].str.fullmatch(r"\+1•••••\d{3}").all()


def test_full_numbers_are_shown_when_asked_for():
    with imilab.Lab.simulated(time_scale=FAST) as lab:
        lab.call(number(3), RYAN, text=TEXT).wait(10)

        for table in (lab.calls, lab.receipts, lab.requests):
            assert set(table()["msisdn"]) == {"+1•••••103"}
            assert set(table(unmasked=True)["msisdn"]) == {number(3)}


def test_a_simulated_lab_leaves_nothing_behind(temporary: Path):
    with imilab.Lab.simulated() as lab:
        lab.call(number(0), RYAN, text=TEXT)
        assert [folder.name[:7] for folder in temporary.iterdir()] == ["imilab-"]
        assert lab.store.path.is_relative_to(temporary)

    assert list(temporary.iterdir()) == []
    lab.close()
    lab.close()


def test_a_closed_lab_says_so(temporary: Path):
    lab = imilab.Lab.simulated()
    lab.close()

    for act in (lab.calls, lab.reconcile, lambda: lab.call(number(0), RYAN, text=TEXT)):
        with pytest.raises(StoreError, match="closed"):
            act()
    assert list(temporary.iterdir()) == []


def test_two_labs_live_side_by_side():
    with imilab.Lab.simulated(seed=1, time_scale=FAST) as one, imilab.Lab.simulated(seed=2, time_scale=FAST) as two:
        for lab, people in ((one, numbers(5)), (two, numbers(12)[5:])):
            lab.send(lab.plan(people, arms=ARMS, text=TEXT), progress=False)
        assert (one.wait(10), two.wait(10)) == (0, 0)

        assert set(one.calls(unmasked=True)["msisdn"]) == set(numbers(5))
        assert set(two.calls(unmasked=True)["msisdn"]) == set(numbers(12)[5:])
        assert one.settings.base_url != two.settings.base_url


def outcomes(seed: int) -> pd.DataFrame:
    # Not too fast: the hour decides who answers, and all of this is to happen within the first.
    with imilab.Lab.simulated(seed=seed, time_scale=600) as lab:
        lab.send(lab.plan(numbers(40), arms=ARMS, text=TEXT, seed=3), progress=False)
        lab.call(number(50), RYAN, text=TEXT)
        assert lab.wait(10) == 0
        ids, told = ["msisdn", "correlation_id", "message_id"], ["arm", "outcome", "end_reason", "ring_seconds"]
        return lab.calls(unmasked=True)[[*ids, *told, "talk_seconds"]].sort_values("msisdn", ignore_index=True)


def test_the_same_seed_tells_the_same_story():
    first, again, other = outcomes(7), outcomes(7), outcomes(8)

    pd.testing.assert_frame_equal(first, again)
    assert first["outcome"].to_list() != other["outcome"].to_list()
    assert not set(first["correlation_id"]) & set(other["correlation_id"])


def test_a_folder_keeps_calls_beyond_the_lab_and_takes_further_campaigns(tmp_path: Path):
    for campaign, held in (("first", 3), ("second", 6), ("third", 9)):
        with imilab.Lab.simulated(seed=7, folder=tmp_path / "kept", time_scale=FAST) as lab:
            assert lab.send(lab.plan(numbers(3), arms=ARMS, text=TEXT, campaign=campaign), progress=False).sent == 3
            assert lab.wait(10) == 0  # a number has one call in flight at most
            assert len(lab.requests()) == held

    with imilab.Lab.simulated(seed=7, folder=tmp_path / "kept") as lab:
        again = lab.plan(numbers(3), arms=ARMS, text=TEXT, campaign="first")
        assert "nothing left to send" in str(lab.send(again, progress=False))


HOSTILE = {
    "IMILAB_BASE_URL": "https://api.us.webexconnect.io",
    "IMILAB_KEY": "a-real-key",
    "IMILAB_CALLER_ID": "+12025550199",
    "IMILAB_NOTIFY_URL": "https://elsewhere.example/receipts",
    "IMILAB_NOTIFY_URL_AUTH_ID": "auth",
    "IMILAB_HUB_SECRET": "a-real-secret",
    "IMILAB_REQUESTED_RECEIPTS": "offered",
    "IMILAB_TENANT_ZONE": "Asia/Kolkata",
    "IMILAB_LIVE": "true",
    "IMILAB_ALLOW_LIST": number(0),
    "IMILAB_CALLS_PER_SECOND": "0.0001",
    "IMILAB_REQUEST_TIMEOUT_SECONDS": "0.0001",
    "IMILAB_RECEIPT_HORIZON": "PT0.001S",
    "IMILAB_NUMBER_KEY": "not hex",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "ALL_PROXY": "http://127.0.0.1:9",
}


def test_no_environment_and_no_file_leads_a_simulated_lab_to_the_real_platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name, value in {**HOSTILE, "IMILAB_STORE": str(tmp_path / "real.sqlite")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    Path("imilab.toml").write_text("this is [no toml", encoding="utf-8")

    with imilab.Lab.simulated(time_scale=FAST) as lab:
        shown = lab.settings.model_dump()
        assert (lab.call(number(9), RYAN, text=TEXT).wait(10), len(lab.calls())) == ("final", 1)
        assert (lab.reconcile(progress=False).asked, lab.is_simulated) == (0, True)
        for name, value in HOSTILE.items():
            assert value not in str(shown.get(name.removeprefix("IMILAB_").lower()))
        assert shown["base_url"].startswith("http://127.0.0.1:")
        assert (lab.settings.live, lab.settings.allow_list) == (False, ())
    assert [path.name for path in tmp_path.iterdir()] == ["imilab.toml"]


def fail(*_: object, **__: object) -> None:
    raise StoreError("cannot")


@pytest.mark.parametrize(
    "target",
    [
        "imilab.lab.core.Store.__init__",
        "imilab.lab.core.Dispatcher.__init__",
        "imilab.lab.core.read_times_again",
        "imilab.lab.reading.Receiver.serve",
        "imilab.simulated.SimulatedPlatform.__init__",
        "imilab.simulated.SimulatedPlatform.start",
        "imilab.simulated.Simulation.correlation_ids",
    ],
)
def test_a_lab_that_cannot_be_set_up_leaves_nothing_behind(
    temporary: Path, monkeypatch: pytest.MonkeyPatch, target: str
):
    monkeypatch.setattr(target, fail)
    with pytest.raises(StoreError, match="cannot"):
        imilab.Lab.simulated()

    assert list(temporary.iterdir()) == []


def test_a_service_that_does_not_start_leaves_nothing_behind(temporary: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("imilab.serving.BackgroundServer._run", lambda _: None)
    with pytest.raises(ConfigError, match="did not start"):
        imilab.Lab.simulated()

    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": -1},
        {"time_scale": 0},
        {"start": datetime(2026, 3, 2)},  # noqa: DTZ001 - without a zone on purpose
        {"loss_share": 2.0},
    ],
)
def test_a_wrong_argument_is_named_and_leaves_nothing_behind(temporary: Path, wrong):
    with pytest.raises(InvalidInputError, match=next(iter(wrong))):
        imilab.Lab.simulated(**wrong)

    assert list(temporary.iterdir()) == []


def test_a_folder_that_cannot_be_one_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")

    with pytest.raises(ImilabError, match="file"):
        imilab.Lab.simulated(folder=tmp_path / "file")


def test_a_lab_works_beside_a_running_loop_as_in_a_notebook():
    async def cell() -> list[str]:
        with imilab.Lab.simulated(time_scale=FAST, loss_share=0.5) as lab:
            lab.send(lab.plan(numbers(10), arms=ARMS, text=TEXT), progress=False)
            await asyncio.sleep(0.3)
            lab.reconcile(progress=False)
            return list(lab.calls()["outcome"])

    found = asyncio.run(cell())
    assert len(found) == 10
    assert "pending" not in found


def test_people_can_be_chosen():
    everybody = PeopleSettings(answer_log_odds=20.0)
    with imilab.Lab.simulated(time_scale=FAST, people=everybody) as lab:
        lab.send(lab.plan(numbers(20), arms=ARMS, text=TEXT), progress=False)
        lab.wait(10)

        assert set(lab.calls()["outcome"]) == {"answered"}


def test_lost_receipts_are_recovered_by_asking():
    with imilab.Lab.simulated(time_scale=FAST, loss_share=1.0) as lab:
        lab.send(lab.plan([*numbers(20), magic("22")], arms=ARMS, text=TEXT), progress=False)
        time.sleep(0.1)
        assert len(lab.receipts()) == 0
        first, again = lab.reconcile(progress=False), lab.reconcile(progress=False)

        assert (first.asked, again.asked) == (21, 0)
        assert set(lab.receipts()["source"]) == {"poll"}
        assert not {"pending", "lost"} & set(lab.calls()["outcome"])


def test_closing_waits_for_the_calls_under_way():
    lab = imilab.Lab.simulated(time_scale=1)
    found: list[object] = []
    plan = lab.plan(numbers(100), arms=ARMS, text=TEXT)
    sending = threading.Thread(target=lambda: found.append(lab.send(plan, progress=False)))
    sending.start()
    while len(lab.store.rows("SELECT 1 FROM requests WHERE state = 'accepted'")) < 3:
        time.sleep(0.01)
    lab.close()
    sending.join(5)

    (summary,) = found
    assert isinstance(summary, imilab.send.SendSummary)
    assert (summary.stopped is not None, summary.states["sending"], summary.states["unknown"]) == (True, 0, 0)


def test_a_lab_on_the_real_platform_can_receive_and_read_without_being_armed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    with imilab.Lab() as lab:
        urls = {lab.receive(), lab.receive()}

        assert len(urls) == 2
        assert (len(lab.calls()), lab.is_simulated) == (0, False)
        assert repr(lab) == "Lab(on no platform yet, store 'imilab.sqlite')"
        for act in (lambda: lab.call_status("m1"), lambda: lab.reconcile(progress=False)):
            with pytest.raises(ConfigError, match="IMILAB_BASE_URL"):
                act()
        with pytest.raises(ConfigError, match="hub_secret"):
            lab.receive("0.0.0.0")
