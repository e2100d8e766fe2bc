"""One test call: it leaves, or it says why not and is done with."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from imilab.errors import SendStoppedError
from imilab.send import Arm, planned_call
from imilab.store import PlannedCall
from tests.send_rig import RYAN, TEXT, FakeClock, SendRig, magic, number

NIGHT_MS = 1_772_424_000_000  # 04:00 UTC


def planned(msisdn: str, name: str = "c1") -> PlannedCall:
    return planned_call(msisdn, Arm(RYAN, TEXT), name)


def requests(rig: SendRig) -> list[tuple[object, ...]]:
    return rig.store.rows("SELECT * FROM requests")


def test_a_call_that_its_hour_holds_back_leaves_nothing_and_says_from_when_to_call_again(tmp_path: Path):
    clock = FakeClock()
    clock.moment_ms = NIGHT_MS
    with SendRig(tmp_path, clock=clock, quiet_hours="20:00-09:00") as rig:
        for name in ("c1", "c2"):
            with pytest.raises(SendStoppedError, match=r"the call was not placed: .*quiet.*; send it again from"):
                rig.dispatcher.call(planned(number(1), name))

        assert rig.arrivals == requests(rig) == []


@pytest.mark.parametrize("ending", ["41", "43"])
def test_a_call_that_the_platform_did_not_take_leaves_nothing(tmp_path: Path, ending: str):
    with SendRig(tmp_path) as rig:
        for name in ("c1", "c2"):
            with pytest.raises(SendStoppedError, match=r"not placed: .*(account|rate limit)"):
                rig.dispatcher.call(planned(magic(ending), name))

        assert requests(rig) == []


def test_a_call_that_was_broken_off_before_it_left_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with SendRig(tmp_path) as rig:

        def interrupted(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("imilab.send.dispatcher.run_in_thread", interrupted)
        with pytest.raises(KeyboardInterrupt):
            rig.dispatcher.call(planned(number(1)))

        assert requests(rig) == []


@pytest.mark.parametrize("http_status", [200, 201, 206])
def test_the_journal_holds_the_http_status_that_came(tmp_path: Path, http_status: int):
    async def queue(request: Request) -> Response:
        (recipient,) = orjson.loads(await request.body())["to"]
        told = {"messageId": "m1", "correlationId": recipient["correlationId"], "status": "Queued"}
        return Response(orjson.dumps(told), http_status)

    platform = Starlette(routes=[Route("/v2/messages", queue, methods=["POST"])])
    with SendRig(tmp_path, platform=platform) as rig:
        rig.dispatcher.call(planned(number(1)))

        assert rig.store.rows("SELECT state, http_status FROM requests") == [("accepted", http_status)]
