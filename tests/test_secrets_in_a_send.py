"""Canaries in every secret and number of a campaign that fails in every way: nothing that imilab shows holds one."""

from __future__ import annotations

import logging
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from pydantic import SecretStr

import imilab
from imilab.clock import ScaledClock
from imilab.errors import ImilabError
from imilab.serving import BackgroundServer
from imilab.simulator import Simulator, SimulatorSettings
from imilab.stop_file import StopFile
from imilab.store import SenderLock
from tests.canary_rig import LOUD, records_text, shown, widgets_text
from tests.send_rig import RYAN, START, magic

KEY, SECRET, OLD_SECRET = "CANARY-key-5d2a2dcd5a1b", "CANARY-secret-77ab01", "CANARY-former-secret-3c"
TOKEN, PASSWORD = "CANARY-token-90aa41bb", "CANARY-password-4f1e"
CALLER = "+12025550142"
FAILING = tuple(
    magic(ending) for ending in ("01", "21", "23", "40", "42", "44", "49", "51", "53", "61", "62", "63", "64")
)
CALLED = (*(f"+120255501{ending}" for ending in (81, 83, 87)), *FAILING)
NUMBERS = tuple(number[2:] for number in (*CALLED, CALLER))
CANARIES = (KEY, SECRET, OLD_SECRET, TOKEN, PASSWORD, *NUMBERS, "202-555-0187", "202 555 0187")
WAYS = {"allow_list": CALLED, "quiet_hours": "off", "live": True, "tenant_zone": "UTC", "cap_number_per_day": 99}


def leaks(text: str) -> list[str]:
    return [canary for canary in CANARIES if canary in text]


class Tapped:
    """The simulated platform, and every request as it came: method, path, query, headers, body."""

    def __init__(self) -> None:
        settings = SimulatorSettings(
            key=KEY, hub_secret=SECRET, slow_answer_seconds=1.0, transactions_per_second=100_000
        )
        self.simulator = Simulator(settings, ScaledClock(START, 1000))
        self.requests: list[dict[str, Any]] = []

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.simulator.app(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        asked = {name: scope[name] for name in ("method", "path", "query_string")}
        self.requests.append({**asked, "headers": dict(scope["headers"]), "body": body})
        waiting = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Any:
            return waiting.pop() if waiting else await receive()

        await self.simulator.app(scope, replay, send)


@pytest.fixture(scope="module")
def platform() -> Iterator[tuple[Tapped, str]]:
    tapped = Tapped()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await tapped.app(scope, receive, send)

    with BackgroundServer(app) as server:
        yield tapped, server.url


@pytest.fixture
def lab(platform: tuple[Tapped, str], tmp_path: Path) -> Iterator[imilab.Lab]:
    settings = imilab.Settings(
        base_url=platform[1],
        key=SecretStr(KEY),
        hub_secret=SecretStr(SECRET),
        previous_hub_secret=SecretStr(OLD_SECRET),
        receiver_token=SecretStr(TOKEN),
        caller_id=CALLER,
        request_timeout_seconds=1.0,
        calls_per_second=500,
        store=tmp_path / "lab.sqlite",
        **WAYS,
    )
    with imilab.Lab(settings, clock=ScaledClock(START, 1000)) as opened:
        opened._equip(settings.model_copy(update={"notify_url": opened.receive()}), simulated=False)
        opened.go_live(100)
        yield opened


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    for name in LOUD:
        caplog.set_level(logging.DEBUG, name)
    yield
    assert leaks(records_text(caplog.records)) == []


def send_each(lab: imilab.Lab) -> Iterator[object]:
    """Send a campaign to each number by itself, as three unknown outcomes in a row stop one; then one to all."""
    for place, number in enumerate(CALLED):
        lab.go_live(100)  # its fifteen minutes are short on this clock
        yield lab.send(lab.plan([number], {"ryan": RYAN}, "Time for lunch", campaign=f"c{place}"), progress=True)
    lab.go_live(100)
    yield lab.send(lab.plan(CALLED, {"ryan": RYAN}, "Time for lunch", campaign="all", seed=1), progress=True)


@pytest.mark.parametrize("notebook", [False, True], ids=["terminal", "notebook"])
def test_a_campaign_that_fails_in_every_way_shows_no_secret_and_no_number(
    lab: imilab.Lab, notebook: bool, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("imilab.progress._in_notebook", lambda: notebook)
    summaries = list(send_each(lab))
    lab.wait(5)
    asked = lab.reconcile(progress=True)
    pages = widgets_text()
    states = {state for (state,) in lab.store.rows("SELECT DISTINCT state FROM requests")}
    tables = (lab.calls(), lab.receipts(), lab.requests(), lab.unknown())
    out, err = capfd.readouterr()

    assert {"final", "rejected", "unknown"} <= states  # or the campaign did not fail
    assert "of" in (pages if notebook else out + err)  # or nothing was shown
    assert leaks(out + err) == []
    assert leaks(pages) == []
    assert leaks("\n".join(f"{thing!r} {thing} {vars(thing)!r}" for thing in (*summaries, asked))) == []
    assert leaks("\n".join(frame.to_csv() + repr(frame) + frame._repr_html_() for frame in tables)) == []
    assert leaks("\n".join(f"{thing!r} {thing}" for thing in (lab, lab.settings, lab.store, lab.arming))) == []
    assert leaks(repr(vars(lab))) == []


def test_ids_urls_and_callback_data_hold_nothing_personal_and_the_key_is_in_its_header_only(
    lab: imilab.Lab, platform: tuple[Tapped, str]
):
    tapped = platform[0]
    tapped.requests.clear()
    lab.go_live(100)
    lab.send(lab.plan(CALLED[:3], {"ryan": RYAN}, "Time for lunch", campaign="ids"), progress=False)
    lab.wait(5)
    lab.store.write(lambda c: c.execute("UPDATE requests SET state = 'accepted'") and None)
    lab.reconcile(progress=False)
    posts = [one for one in tapped.requests if one["method"] == "POST"]
    asks = [one for one in tapped.requests if one["method"] == "GET"]

    assert (len(posts), len(asks)) == (3, 3)
    for one in tapped.requests:
        address = one["path"].encode() + b"?" + one["query_string"]
        others = {name: value for name, value in one["headers"].items() if name != b"key"}
        assert one["headers"][b"key"] == KEY.encode()
        assert leaks(f"{address!r} {others}") == []
    for one in posts:
        body = orjson.loads(one["body"])
        (recipient,) = body.pop("to")
        assert re.fullmatch(r"[0-9a-f]{32}", recipient["correlationId"])
        assert recipient.keys() == {"msisdn", "correlationId"}
        assert "callbackData" not in body
        assert [number for number in NUMBERS if number in body["notifyUrl"]] == []
        assert leaks(str({**body, "from": "", "notifyUrl": ""})) == []
    assert lab.store.rows("SELECT count(*) FROM receipts WHERE callback_data <> ''") == [(0,)]


def test_an_error_in_a_form_and_in_a_call_shows_none(lab: imilab.Lab):
    form = imilab.widgets.CallForm(lab, text="Time for lunch")
    lab.go_live(100)
    for number in (CALLED[0], FAILING[3], FAILING[10], "+1 202 555 0187", "2025550187"):
        form.controls.number.value = number
        form.controls.send.click()
        form.wait(5)
        assert leaks(widgets_text()) == []
    form.close()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_every_file_of_a_project_is_its_owners_alone(platform: tuple[Tapped, str], tmp_path: Path, umask: int):
    log = tmp_path.parent / f"{tmp_path.name}.csv"
    log.write_text("message_id,status,timestamp,msisdn\nm1,OFFERED,2026-03-02 08:00:00,+12025550181\n")
    settings = {"base_url": platform[1], "key": SecretStr(KEY), "caller_id": CALLER, "store": tmp_path / "lab.sqlite"}
    before = os.umask(umask)
    try:
        with imilab.Lab(imilab.Settings(**settings, **WAYS), clock=ScaledClock(START, 10)) as lab:
            lab.go_live(9)
            lab.send(lab.plan(CALLED[:2], {"ryan": RYAN}, "Time for lunch"), progress=False)
            lab.import_logs(log, progress=False)
            lab.calls()
            lab.erase(CALLED[0])
            StopFile.beside(lab.store.path).create()
            held = {str(path.relative_to(tmp_path)): path for path in tmp_path.rglob("*")}
            open_to_others = [name for name, path in held.items() if stat.S_IMODE(path.stat().st_mode) & 0o077]
            names = {path.name.partition("lab.sqlite")[2] for path in held.values()}
    finally:
        os.umask(before)

    assert {"", "-wal", "-shm", ".key", ".sending", ".stop", ".archive"} <= names
    assert open_to_others == []


def erase_while_sending(lab: imilab.Lab) -> object:
    with SenderLock(lab.store.path):
        return lab.erase(CALLED[0])


def erase_without_space(lab: imilab.Lab) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("imilab.store.scrubbing.shutil.disk_usage", lambda _: SimpleNamespace(free=0))
        return lab.erase(CALLED[0])


KEEPING: dict[str, Callable[[imilab.Lab], object]] = {
    "erase while sending": erase_while_sending,
    "erase without space": erase_without_space,
    "erase no number": lambda lab: lab.erase(CALLED[2][1:]),
    "resolve nothing": lambda lab: lab.resolve(CALLED[0], "rejected", f"she said so on {CALLED[1]}"),
    "resolve wrongly": lambda lab: lab.resolve("a", CALLED[0]),
    "forget": lambda lab: lab.forget_old(),
}


@pytest.mark.parametrize("act", KEEPING.values(), ids=KEEPING.keys())
def test_no_error_of_the_verbs_that_keep_order_shows_one(lab: imilab.Lab, act: Callable[[imilab.Lab], object]):
    lab.send(lab.plan(CALLED[:2], {"ryan": RYAN}, "Time for lunch", campaign="kept"), progress=False)
    with pytest.raises(ImilabError) as raised:
        act(lab)

    assert leaks(shown(raised.value)) == []


BAD_STORES = {
    "no server": f"postgresql://lab:{PASSWORD}@127.0.0.1:1/lab",
    "no host": f"postgresql://lab:{PASSWORD}@no-such-host.invalid/lab",
    "no URL": f"postgres//lab:{PASSWORD}",
    "no port": f"postgresql://lab:{PASSWORD}@127.0.0.1:seven/lab",
    "odd option": f"postgresql://lab:{PASSWORD}@127.0.0.1/lab?odd=1",
}


@pytest.mark.parametrize("url", BAD_STORES.values(), ids=BAD_STORES.keys())
def test_a_store_that_cannot_be_opened_shows_no_password(url: str, tmp_path: Path):
    settings = imilab.Settings(store_url=SecretStr(url), store=tmp_path / "lab.sqlite", number_key=SecretStr("ab" * 32))
    assert leaks(f"{settings!r} {settings} {vars(settings)!r}") == []
    with pytest.raises(ImilabError) as raised:
        imilab.Lab(settings)

    assert leaks(shown(raised.value)) == []


@pytest.mark.parametrize("name", ["key", "hub_secret", "receiver_token", "store_url", "number_key"])
def test_a_secret_that_is_refused_is_not_repeated(name: str, tmp_path: Path):
    with pytest.raises(ImilabError) as raised:
        imilab.Settings(**{name: SecretStr(f"{PASSWORD}\n{KEY}"), "store": tmp_path / "x", "odd": 1})

    assert leaks(shown(raised.value)) == []
