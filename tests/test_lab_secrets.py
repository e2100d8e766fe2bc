"""A planted key and planted numbers: in no repr, summary, error, log or traceback of a lab, however verbose."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace, TracebackType

import pandas as pd
import pytest
from IPython.core.ultratb import VerboseTB
from pydantic import SecretStr

import imilab
from imilab.clock import ScaledClock
from imilab.errors import ImilabError
from imilab.simulator import SimulatedPlatform, SimulatorSettings
from imilab.store import SenderLock
from tests.raw_server import refused_port
from tests.send_rig import RYAN, START, magic

KEY, SECRET = "CANARY-key-5d2a2dcd5a1b", "CANARY-secret-77ab01"
CALLER = "+12025550142"
CALLED = [f"+120255501{ending}" for ending in (81, 83, 87)]
STRANGER = "+12025550194"
CANARIES = (KEY, SECRET, CALLER[2:], *(number[2:] for number in CALLED), STRANGER[2:], "555-0187", "0255501")
PACKAGE = str(Path(imilab.__file__).parent)
TEXT = f"Ring back on {CALLED[0]}"


def leaks(text: str) -> list[str]:
    return [canary for canary in CANARIES if canary in text]


@pytest.fixture(scope="module")
def platform() -> Iterator[SimulatedPlatform]:
    with SimulatedPlatform(SimulatorSettings(key=KEY)) as running:
        yield running


@pytest.fixture
def lab(platform: SimulatedPlatform, tmp_path: Path) -> Iterator[imilab.Lab]:
    settings = imilab.Settings(
        base_url=platform.url,
        key=SecretStr(KEY),
        hub_secret=SecretStr(SECRET),
        caller_id=CALLER,
        tenant_zone="UTC",
        live=True,
        quiet_hours="off",
        allow_list=[*CALLED, magic("41")],
        store=tmp_path / "lab.sqlite",
    )
    with imilab.Lab(settings, clock=ScaledClock(START, 10)) as opened:
        opened.go_live(100)
        yield opened


@pytest.fixture(autouse=True)
def logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "aiohttp", "asyncio", "imilab", "uvicorn"):
        caplog.set_level(logging.DEBUG, name)
    yield
    assert leaks("\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)) == []


def below(trace: TracebackType | None) -> TracebackType | None:
    """Leave out the frames of the test itself, which hold the canaries."""
    while trace and not trace.tb_frame.f_code.co_filename.startswith(PACKAGE):
        trace = trace.tb_next
    return trace


def shown(error: BaseException) -> str:
    """Everything that any tool could print about an error and those that led to it."""
    everything = [repr(error), str(error), repr(vars(error))]
    cause: BaseException | None = error
    while cause:
        trace = below(cause.__traceback__)
        everything.append(VerboseTB(theme_name="nocolor", include_vars=True).text(type(cause), cause, trace))
        everything.extend(traceback.format_exception(type(cause), cause, trace, chain=False))
        everything.extend(repr(value) for frame, _ in traceback.walk_tb(trace) for value in frame.f_locals.values())
        cause = cause.__cause__ or cause.__context__
    return "\n".join(everything)


def plan(lab: imilab.Lab, recipients: object = CALLED, **more: object) -> imilab.Plan:
    return lab.plan(recipients, {"ryan": RYAN}, TEXT, **more)  # type: ignore[arg-type]  # some are refused


def headless(folder: Path) -> Path:
    path = folder / "people.csv"
    path.write_text("\n".join(CALLED), encoding="utf-8")
    return path


def with_key(lab: imilab.Lab, **change: object) -> imilab.Lab:
    lab._equip(lab.settings.model_copy(update=change), simulated=False)
    lab.go_live(10)
    return lab


def unreachable(lab: imilab.Lab) -> object:
    with refused_port() as url:
        return with_key(lab, base_url=url).call(CALLED[0], RYAN, TEXT)


def sent_twice(lab: imilab.Lab) -> object:
    lab.send(plan(lab, campaign="lunch"), progress=False)
    return lab.send(plan(lab, seed=1, campaign="lunch"), progress=False)


def locked(lab: imilab.Lab) -> object:
    with SenderLock(lab.store.path):
        return lab.send(plan(lab), progress=False)


def closed(lab: imilab.Lab) -> object:
    made = plan(lab)
    lab.close()
    return lab.send(made, progress=False)


def unasked(lab: imilab.Lab) -> object:
    lab.send(plan(lab), progress=False)
    return with_key(lab, key=SecretStr(KEY + "x")).reconcile(progress=False)


ACTS: dict[str, Callable[[imilab.Lab], object]] = {
    "number": lambda lab: lab.call(CALLED[2][1:], RYAN, TEXT),
    "spelling": lambda lab: lab.call("+1 202 555-0187", RYAN, TEXT),
    "text": lambda lab: lab.call(CALLED[0], RYAN),
    "long text": lambda lab: lab.call(CALLED[0], RYAN, TEXT * 200),
    "stranger": lambda lab: lab.call(STRANGER, RYAN, TEXT),
    "strangers": lambda lab: lab.call(STRANGER, RYAN, TEXT),
    "account": lambda lab: lab.call(magic("41"), RYAN, TEXT),
    "key": lambda lab: with_key(lab, key=SecretStr(KEY + "x")).call(CALLED[0], RYAN, TEXT),
    "unreachable": unreachable,
    "arms": lambda lab: lab.plan(CALLED, {}, TEXT),
    "arm": lambda lab: lab.plan(CALLED, {"ryan": CALLED[0]}, TEXT),
    "seed": lambda lab: plan(lab, design=CALLED[0]),
    "a number as a file": lambda lab: plan(lab, CALLED[2][1:]),
    "a file without header": lambda lab: plan(lab, headless(lab.store.path.parent)),
    "a table without header": lambda lab: plan(lab, pd.DataFrame([["x"]], columns=[CALLED[0]])),
    "nobody": lambda lab: plan(lab, []),
    "sent twice": sent_twice,
    "pace": lambda lab: lab.send(plan(lab), calls_per_second=0),
    "locked": locked,
    "closed": closed,
    "unasked": unasked,
    "address": lambda lab: lab.receive("192.0.2.1"),
    "calls": lambda lab: lab.go_live(0),
    "live": lambda lab: with_key(lab, live=False),
    "time without end": lambda lab: plan(lab, over="9" * 400 + " d"),
    "hardly a pace": lambda lab: lab.send(plan(lab), calls_per_second=1e-320),
    "half a surrogate pair": lambda lab: lab.plan(CALLED, {"\ud800": RYAN}, TEXT),
    "half a surrogate pair beside a number": lambda lab: plan(
        lab, [{"msisdn": CALLED[0], "group": "\ud800"}], strata="group"
    ),
    "no name of a file": lambda lab: plan(lab, f"{CALLED[2][1:]}\0"),
    "no decision": lambda lab: lab.resolve(CALLED[0], [CALLED[1]]),  # type: ignore[arg-type]  # it is refused
    "no campaign": lambda lab: lab.verify(CALLED[0]),
    "no message": lambda lab: lab.call_status(CALLED[0]),
}
MISTAKES: dict[str, Callable[[imilab.Lab], object]] = {
    "plan": lambda lab: plan(lab, sed=1),
    "recipients alone": lambda lab: lab.plan(CALLED),  # type: ignore[call-arg]  # what is tested
    "call": lambda lab: lab.call(CALLED[0], RYAN, txt=TEXT),  # type: ignore[call-arg]  # what is tested
    "erase": lambda lab: lab.erase(CALLED[0], now=True),  # type: ignore[call-arg]  # what is tested
    "verify": lambda lab: lab.verify(CALLED[0], seed=1),  # type: ignore[call-arg]  # what is tested
    "call_status": lambda lab: lab.call_status(CALLED[0], wait=1),  # type: ignore[call-arg]  # what is tested
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS.keys())
def test_no_error_of_a_lab_shows_a_number_or_a_key(lab: imilab.Lab, act: Callable[[imilab.Lab], object]):
    with pytest.raises(ImilabError) as raised:
        act(lab)

    assert leaks(shown(raised.value)) == []


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_misspelt_keyword_shows_none_either(lab: imilab.Lab, mistake: Callable[[imilab.Lab], object]):
    with pytest.raises(TypeError, match="argument") as raised:
        mistake(lab)

    assert leaks(shown(raised.value)) == []


def test_a_full_disk_shows_none_either(lab: imilab.Lab, monkeypatch: pytest.MonkeyPatch):
    made = plan(lab)
    monkeypatch.setattr("imilab.store.sqlite.shutil.disk_usage", lambda _: SimpleNamespace(free=0))
    for act in (lambda: lab.send(made, progress=False), lambda: lab.call(CALLED[0], RYAN, TEXT)):
        with pytest.raises(ImilabError) as raised:
            act()
        assert leaks(shown(raised.value)) == []


def test_an_interrupted_call_shows_none_either(platform: SimulatedPlatform, lab: imilab.Lab):
    lab.store.write(lambda connection: connection.execute("SELECT 1"))
    hold = threading.Event()
    lab.store.submit(lambda _: hold.wait(5))  # nothing is written meanwhile

    def press() -> None:
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)
        hold.set()

    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(KeyboardInterrupt) as raised:
        lab.call(CALLED[0], RYAN, TEXT)
    thread.join()

    assert leaks(shown(raised.value)) == []


def test_nothing_that_works_shows_a_number_or_a_key(lab: imilab.Lab):
    url = lab.receive()
    with_key(lab, notify_url=url, hub_secret=None)
    call = lab.call(CALLED[0], RYAN, TEXT)
    made = plan(lab, [*CALLED, CALLED[0], CALLED[1][1:]])
    summary = lab.send(made, progress=False)
    asked = lab.reconcile(progress=False)
    things = (lab, lab.settings, lab.arming, lab.store, call, made, made.calls, made.refusals, summary, asked)
    tables = (lab.calls(), lab.receipts(), lab.requests(), call.timeline(), made.refused)
    frames = (*tables, made.table(), *made.summary().frames)

    assert leaks("\n".join(f"{thing!r} {thing}" for thing in things)) == []
    assert leaks("\n".join(frame.to_csv() for frame in frames)) == []
    assert leaks("\n".join(repr(vars(thing)) for thing in (lab, call, summary))) == []
