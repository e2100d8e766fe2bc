"""Who may be called, and when: at planning, and again at the moment of each call, over real HTTP."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import imilab
from imilab.clock import ScaledClock
from imilab.config import Settings
from imilab.errors import ConfigError, InvalidInputError, SendStoppedError
from imilab.numbers import number_key
from imilab.send import Arm, planned_call
from imilab.send.guards import Arming
from imilab.send.rules import TOO_MANY_NOW, CallingRules, Held, allowed_countries
from imilab.send.schedule import NAME_ITS_ZONE
from imilab.send.windows import Window
from tests.send_rig import CALLER, RYAN, TEXT, SendRig, number, numbers

KEY = b"k" * 32
LONDON = "+442079460123"


def rules(*, simulated: bool = False, **settings: Any) -> CallingRules:
    return CallingRules(Settings(**settings), simulated=simulated, number_key=KEY)


def test_on_the_real_platform_no_country_is_allowed_until_one_is_named_or_listed():
    assert "IMILAB_COUNTRIES" in (rules().refusal(LONDON) or "")
    assert rules(countries="GB").refusal(LONDON) is None
    assert rules(allow_list=[LONDON]).refusal(LONDON) is None
    assert "not an allowed country" in (rules(countries="US").refusal(LONDON) or "")
    assert rules(simulated=True).refusal(LONDON) is None


def test_fiction_may_be_called_on_this_machine_only():
    real = rules(base_url="https://api.us.webexconnect.io", countries="US")
    here = rules(base_url="http://127.0.0.1:8000", countries="US")

    assert "fiction" in (real.refusal(number(0)) or "")
    assert here.refusal(number(0)) is None


def test_the_allow_list_may_hold_keyed_hashes_and_then_needs_countries():
    hashed = number_key(LONDON, KEY)
    values = {"base_url": "https://h", "key": "k", "caller_id": CALLER, "live": True, "allow_list": [hashed]}
    arming = Arming(Settings(**values), simulated=False, number_key=KEY)

    assert (arming.allows(LONDON), arming.allows("+442079460124")) == (True, False)
    assert arming.still_needed == ("the countries that may be called (IMILAB_COUNTRIES)",)
    assert allowed_countries(Settings(allow_list=[hashed])) == ()
    listed = rules(allow_list=[hashed], countries="GB")
    assert listed.refusal(LONDON) is None
    assert "allow-list" in (listed.refusal("+442079460124") or "")


def test_quiet_hours_hold_by_default_on_the_real_platform_alone():
    night = int(datetime(2026, 3, 2, 3, tzinfo=UTC).timestamp() * 1000)
    call = planned_call(LONDON, Arm(RYAN, TEXT), "c1")
    held = rules(countries="GB").held(call, night)

    assert held is not None
    assert held.reason.startswith("quiet hours: it is 03:00 on Monday in Europe/London")
    assert held.next_ms == night + 6 * 3_600_000
    assert rules(countries="GB", quiet_hours="off").held(call, night) is None
    assert rules(simulated=True).held(call, night) is None
    assert rules(simulated=True, quiet_hours="20:00-09:00").held(call, night) == held


def test_numbers_of_many_zones_may_be_called_where_the_settings_vouch_for_one():
    jamaican, day = planned_call("+18765550123", Arm(RYAN, TEXT), "c1"), datetime(2026, 7, 6, 15, tzinfo=UTC)
    now_ms = int(day.timestamp() * 1000)  # 10:00 in Jamaica
    held = rules(countries="JM").held(jamaican, now_ms)

    assert held is not None
    assert (held.next_ms, held.reason[:12]) == (None, "quiet hours:")
    assert held.reason.endswith("one of 42 zones it may be in; " + NAME_ITS_ZONE)
    assert "IMILAB_COUNTRY_ZONES" in NAME_ITS_ZONE
    zones = {"JM": ["America/Jamaica"]}
    assert rules(countries="JM", country_zones=zones).held(jamaican, now_ms) is None
    morning = replace(jamaican, hours=Window("10:00-11:00").to_text())
    for quiet_hours in ("off", "20:00-09:00"):
        vouched = rules(countries="JM", country_zones=zones, quiet_hours=quiet_hours)
        assert vouched.held(morning, now_ms) is None
        assert vouched.held(morning, now_ms + 3_600_000) is not None


@pytest.mark.parametrize("content", [None, b"msisdn\nnobody\n", b"\xff\xfe\x00"])
def test_a_do_not_call_list_that_cannot_be_read_lets_nobody_be_called(tmp_path: Path, content: bytes | None):
    path = tmp_path / "dnc.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match="do_not_call"):
        rules(do_not_call=path)


def test_hours_that_are_none_are_named():
    with pytest.raises(ConfigError, match="quiet_hours"):
        rules(quiet_hours="09:00-09:00")


def test_a_plan_names_whom_it_refuses_and_a_longer_list_makes_no_new_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    listed = tmp_path / "dnc.csv"
    listed.write_text("msisdn\n", encoding="utf-8")
    everybody = [*numbers(4), "+19005550123", "+8816555010", LONDON, number(1)]
    clock = ScaledClock(datetime(2026, 3, 2, 16, tzinfo=UTC), 100)
    settings = Settings(base_url="http://127.0.0.1:9", countries="US", do_not_call=listed)
    with imilab.Lab(settings, clock=clock) as lab:
        before = lab.plan(everybody, {"ryan": RYAN}, TEXT)
        listed.write_text(f"msisdn\n{number(2)}\n", encoding="utf-8")
        after = lab.plan(everybody, {"ryan": RYAN}, TEXT)

    assert [call.msisdn for call in before.calls] == numbers(4)
    assert [call.msisdn for call in after.calls] == [number(0), number(1), number(3)]
    assert (before.plan_id, before.campaign) == (after.plan_id, after.campaign)
    reasons = dict(zip(after.refused["row"], after.refused["reason"], strict=True))
    assert list(reasons) == [3, 5, 6, 7, 8]
    assert reasons[3] == "on the do-not-call list"
    assert "premium" in reasons[5]
    assert "worldwide" in reasons[6]
    assert "GB, which is not an allowed country" in reasons[7]
    assert reasons[8] == "stands in the list already"


def test_who_joins_the_do_not_call_list_after_planning_is_refused_at_sending(tmp_path: Path):
    listed = tmp_path / "dnc.csv"
    listed.write_text("msisdn\n", encoding="utf-8")
    with SendRig(tmp_path, do_not_call=listed) as rig:
        plan = rig.plan(numbers(3))
        listed.write_text(f"msisdn\n{number(1)}\n", encoding="utf-8")
        summary = rig.send(plan)

        assert (summary.sent, dict(summary.refused)) == (2, {"on the do-not-call list": 1})
        assert rig.placed() == dict.fromkeys([number(0), number(2)], 1)
        assert rig.states()[number(1)] == "rejected"
        with pytest.raises(InvalidInputError, match="do-not-call") as refused:
            rig.dispatcher.call(planned_call(number(1), Arm(RYAN, TEXT), "c1"))
        assert number(1)[2:] not in str(refused.value)


def test_calls_in_quiet_hours_stay_planned_and_the_summary_says_until_when(tmp_path: Path):
    washington, london = "+12025550123", LONDON
    with SendRig(tmp_path, time_scale=1, quiet_hours="20:00-09:00") as rig:  # 10:00 in London, 05:00 in Washington
        plan = rig.plan([washington, london])
        summary = rig.send(plan)

        assert rig.states()[washington] == "planned"
        assert rig.placed() == {london: 1}
        assert "1 held: quiet hours: it is 05:00 on Monday in America/New_York" in str(summary)
        assert str(summary).endswith("send it again from 2026-03-02 14:00 UTC on")
        with pytest.raises(SendStoppedError, match="14:00 UTC"):
            rig.dispatcher.call(planned_call(washington, Arm(RYAN, TEXT), "c1"))


def test_caps_hold_back_a_number_that_was_called_often_enough(tmp_path: Path):
    with SendRig(tmp_path, cap_number_per_day=2) as rig:
        for campaign in ("one", "two"):
            assert rig.send(rig.plan(numbers(2), campaign=campaign)).sent == 2
            assert rig.wait_for(lambda: rig.count_states() == {"final": 2})
        third = rig.send(rig.plan(numbers(3), campaign="three"))

        assert (third.sent, third.states["planned"]) == (1, 2)
        assert list(third.held) == ["cap number_per_day: 2 calls to this number in this day, and 2 are allowed"]
        assert "from 2026-03-03 00:00 UTC on" in str(third)


def test_a_number_has_one_call_in_flight(tmp_path: Path):
    with SendRig(tmp_path, receives=False, cap_number_in_flight=1) as rig:
        rig.send(rig.plan(numbers(1)))
        second = rig.send(rig.plan(numbers(1), campaign="two"))

        assert (second.sent, second.states["planned"]) == (0, 1)
        assert "once its receipts are in" in str(second)
        assert rig.placed() == {number(0): 1}


@pytest.mark.parametrize("cap", ["cap_campaign", "cap_per_day"])
def test_a_cap_of_the_whole_run_stops_it(tmp_path: Path, cap: str):
    with SendRig(tmp_path, **{cap: 5}) as rig:
        summary = rig.send(rig.plan(numbers(30)))

        assert (summary.sent, sum(rig.placed().values())) == (5, 5)
        assert (summary.stopped or "").startswith(f"{cap.replace('_', ' ', 1)}: 5 calls")
        assert summary.states["planned"] == 25


def test_a_send_at_that_is_seconds_away_is_waited_for_and_dropped(tmp_path: Path):
    now = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp() * 1000)
    rule, call = rules(quiet_hours="off"), planned_call(LONDON, Arm(RYAN, TEXT), "c1")

    later, soon, past = (replace(call, send_at_ms=now + ms) for ms in (60_000, 1_000, -1))
    assert rule.held(later, now) is None
    waits = rule.held(soon, now)
    assert waits is not None
    assert (waits.next_ms, waits.stops) == (now + 1_000, False)
    assert rule.held(soon, now + 1_000) is None
    assert [rule.as_of(one, now + 1_000).send_at_ms for one in (later, soon, past)] == [now + 60_000, None, None]


def test_no_second_holds_more_than_twice_the_limit_whoever_claims(tmp_path: Path):
    with SendRig(tmp_path, receives=False) as rig:
        calls = rig.dispatcher._left_of(rig.plan(numbers(30)))
        claiming = [rules(calls_per_second=5, countries="US") for _ in range(3)]

        def claim(now_ms: int) -> list[object]:
            return rig.store.write(
                lambda connection: [
                    claiming[place % 3].claim(connection, call, now_ms) for place, call in enumerate(calls)
                ]
            )

        first, told = claim(1_000_000), claim(1_000_500)
        later = claim(1_001_001)

    assert (first.count(True), told.count(True), later.count(True)) == (10, 0, 10)
    assert told[29] == Held(TOO_MANY_NOW, 1_001_500)
