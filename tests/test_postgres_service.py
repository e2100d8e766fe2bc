"""Receivers, senders and a killed server: what the store promises holds on a real PostgreSQL, from end to end."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import aiohttp
import pytest
from pydantic import SecretStr

from imilab import Lab
from imilab.clock import ScaledClock
from imilab.config import Settings
from imilab.errors import StoreError, StoreLockedError
from imilab.receiver import Receiver
from imilab.simulator import SIMULATOR_KEY, SimulatedPlatform, Simulator, SimulatorSettings
from imilab.wire import Receipt
from tests.command_line import imilab, service
from tests.postgres_server import PostgresServer
from tests.send_rig import CALLER, RYAN, START, TEXT, numbers
from tests.store_places import KEY, StorePlace

AT_ONCE = 16


@pytest.fixture
def place(postgres_place: StorePlace) -> StorePlace:
    return postgres_place


def told(place: StorePlace) -> dict[str, str]:
    return {name: value for name, value in place.environment.items() if name.startswith("IMILAB_")}


def receipt(number: int) -> bytes:
    facts = {"status": "OFFERED", "code": "7407", "msisdn": f"+1212555{100 + number % 100:04d}"}
    return Receipt(message_id=f"m{number}", event_at_raw="2026-03-02T09:00:00Z", **facts).to_bytes()


async def post_all(urls: list[str], bodies: list[bytes]) -> Counter[int]:
    """Post each body to one of the receivers, many at a time, and count the answers."""
    waiting, answers = iter(bodies), Counter[int]()

    async def work(session: aiohttp.ClientSession, url: str) -> None:
        for body in waiting:
            async with session.post(url, data=body) as response:
                answers[response.status] += 1

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(work(session, urls[place % len(urls)]) for place in range(AT_ONCE)))
    return answers


def test_two_receivers_at_once_keep_every_receipt_once(place, tmp_path):
    bodies = [receipt(number) for number in range(600)]
    odd = [b"not a receipt %d" % number for number in range(20)]
    posted = bodies * 2 + bodies[:200] + odd * 2
    random.Random(7).shuffle(posted)
    settings = told(place)
    receiver = partial(service, "receive", folder=tmp_path, **settings)
    with receiver() as (one, _), receiver() as (two, _):
        answers = asyncio.run(post_all([one, two], posted))
    assert answers == {200: len(posted)}
    with place.open() as store:
        kept = [raw for (raw,) in store.rows("SELECT raw FROM receipts")]
        assert sorted(kept) == sorted(bodies)
        assert sorted(raw for (raw,) in store.rows("SELECT raw FROM quarantine")) == sorted(odd)
        assert store.rows("SELECT count(*) FROM numbers") == [(100,)]


def test_a_receipt_that_no_index_can_hold_is_quarantined(place):
    body = Receipt(message_id="m" + random.Random(7).randbytes(9000).hex(), status="OFFERED").to_bytes()
    with place.open() as store, Receiver(store).serve() as server:
        assert asyncio.run(post_all([f"{server.url}/receipts"], [body, receipt(1)])) == {200: 2}
        assert store.rows("SELECT raw FROM quarantine") == [(body,)]
        assert store.rows("SELECT raw FROM receipts") == [(receipt(1),)]


@pytest.fixture(scope="module")
def doomed(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """A server that a test may kill, and starts again."""
    with postgres.another() as server:
        yield server


async def post_until(url: str, server: PostgresServer, rounds: int) -> tuple[set[bytes], Counter[int]]:
    """Post receipts all the time while the server is killed and started again, and give those answered 200."""
    acknowledged: set[bytes] = set()
    answers: Counter[int] = Counter()
    fresh, over = iter(range(10**9)), asyncio.Event()

    async def work(session: aiohttp.ClientSession) -> None:
        while not over.is_set():
            body = receipt(next(fresh))
            async with session.post(url, data=body) as response:
                answers[response.status] += 1
                if response.status == 200:
                    acknowledged.add(body)
                else:
                    await asyncio.sleep(0.05)

    async def reach(status: int, count: int) -> None:
        until = answers[status] + count
        while answers[status] < until:
            await asyncio.sleep(0.01)

    async with aiohttp.ClientSession() as session:
        workers = [asyncio.create_task(work(session)) for _ in range(AT_ONCE)]
        for round_ in range(rounds):
            await reach(200, 40 + 30 * round_)
            server.kill()
            await reach(503, AT_ONCE)
            server.start()  # here: a server ends with the thread that started it
        await reach(200, 60)
        over.set()
        await asyncio.gather(*workers)
    return acknowledged, answers


def test_a_server_that_is_killed_under_load_loses_no_acknowledged_receipt(doomed, tmp_path):
    place = StorePlace(tmp_path / "lab.sqlite", doomed.new_store())
    with place.open() as store, Receiver(store).serve() as server:
        acknowledged, answers = asyncio.run(post_until(f"{server.url}/receipts", doomed, 3))
        kept = [raw for (raw,) in store.rows("SELECT raw FROM receipts")]
    assert set(answers) == {200, 503}
    assert len(kept) == len(set(kept))
    assert acknowledged <= set(kept)
    assert len(kept) - len(acknowledged) <= 4 * AT_ONCE  # stored, and the server was killed before it said so


def test_a_restart_of_the_server_while_nothing_is_written_is_not_noticed(doomed, tmp_path):
    place = StorePlace(tmp_path / "lab.sqlite", doomed.new_store())
    with place.open() as store:
        assert store.rows("SELECT 1") == [(1,)]
        doomed.kill()
        doomed.start()
        assert store.write(lambda c: c.execute("SELECT 2").fetchone()) == (2,)
        assert store.rows("SELECT 1") == [(1,)]


def test_a_server_that_is_away_is_told_at_once_and_found_again(doomed, tmp_path):
    place = StorePlace(tmp_path / "lab.sqlite", doomed.new_store())
    with place.open() as store:
        store.rows("SELECT 1")
        doomed.kill()
        for use in (lambda: store.write(lambda c: c.execute("SELECT 1")), lambda: store.rows("SELECT 1")) * 2:
            with pytest.raises(StoreError, match=r"connection lost|no connection"):
                use()
        with pytest.raises(StoreError, match="no connection to the PostgreSQL server"):
            store.sender_lock().__enter__()
        doomed.start()
        assert store.rows("SELECT 1") == [(1,)]
        while (failure := store.submit(lambda c: c.execute("SELECT 1")).exception(10)) is not None:
            assert "soon tried again" in str(failure)


@contextmanager
def lab_on(place: StorePlace, time_scale: float, calls_per_second: float) -> Iterator[tuple[Lab, Simulator]]:
    """A lab on the store, and the platform that it sends to."""
    clock = ScaledClock(START, time_scale)
    tenant = SimulatorSettings(seed=7, transactions_per_second=100_000, hub_secret="signs webhooks")
    with SimulatedPlatform(tenant, clock) as platform:
        settings = Settings(
            base_url=platform.url,
            key=SecretStr(SIMULATOR_KEY),
            caller_id=CALLER,
            tenant_zone="UTC",
            calls_per_second=calls_per_second,
            store=place.path,
            store_url=SecretStr(place.url or ""),
            number_key=SecretStr(KEY.hex()),
            hub_secret=SecretStr("signs webhooks"),
        )
        with Lab(settings, clock=clock) as lab:
            lab._equip(settings.model_copy(update={"notify_url": lab.receive()}), simulated=True)
            yield lab, platform.simulator


def test_a_campaign_runs_on_postgresql_from_plan_to_calls(place):
    with lab_on(place, 300, 500) as (lab, platform):
        plan = lab.plan(numbers(40), {"ryan": RYAN}, TEXT, campaign="lunch")
        assert lab.send(plan, progress=False).sent == 40
        assert lab.send(plan, progress=False).sent == 0
        assert lab.wait(30) == 0
        calls, requests, receipts = lab.calls(), lab.requests(), lab.receipts()
        assert len(calls) == len(requests) == 40
        assert set(requests["state"]) <= {"final", "rejected"}
        assert set(calls["campaign"]) == {"lunch"}
        assert calls["number_key"].nunique() == 40
        assert calls["receipts"].sum() == len(receipts) > 40
        assert {platform.calls_placed(msisdn) for msisdn in numbers(40)} == {1}
        assert repr(lab) == "Lab(on the embedded platform, store 'PostgreSQL')"
        erased = numbers(40)[3]
        assert lab.erase(erased).requests == 1
        assert len(lab.calls()) == 40
        held = "\n".join(map(repr, everything(lab)))
        assert erased[1:] not in held
        assert numbers(40)[4][1:] in held


def test_a_send_whose_lock_is_lost_stops_and_goes_on_when_it_is_sent_again(place, postgres):
    with lab_on(place, 1, 100) as (lab, platform):
        plan = lab.plan(numbers(80), {"ryan": RYAN}, TEXT, campaign="lunch")

        def cut() -> None:
            """End the session that holds the lock, once some calls are placed."""
            while lab.store.rows("SELECT count(*) FROM requests WHERE state = 'accepted'") < [(10,)]:
                time.sleep(0.01)
            locks = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 1768778093"
            postgres.execute(f"SELECT pg_terminate_backend(pid) FROM ({locks}) AS held")

        cutting = threading.Thread(target=cut)
        cutting.start()
        with pytest.raises(StoreLockedError, match="the connection that kept other senders away was lost"):
            lab.send(plan, progress=False)
        cutting.join()
        placed = sum(platform.calls_placed(msisdn) for msisdn in numbers(80))
        assert 10 <= placed < 80
        lab.send(plan, progress=False)
        states = dict(lab.store.rows("SELECT msisdn, state FROM requests"))
        assert "planned" not in states.values()
        assert "sending" not in states.values()
        for msisdn, state in states.items():
            assert platform.calls_placed(msisdn) in ({0, 1} if state == "unknown" else {1})


def everything(lab: Lab) -> Iterator[object]:
    """Every row of every table."""
    for (table,) in lab.store.rows("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"):
        yield from lab.store.rows(f"SELECT * FROM {table}")


def test_the_commands_use_the_url(place, tmp_path):
    settings = told(place)
    told_of = imilab("doctor", folder=tmp_path, **settings).stdout
    assert "ok    store          the PostgreSQL database of IMILAB_STORE_URL writes; 0 receipts" in told_of
    wrong = imilab("status", folder=tmp_path, **{**settings, "IMILAB_NUMBER_KEY": "00" * 32})
    assert wrong.returncode != 0
    assert "number_key" in wrong.stderr + wrong.stdout
    assert list(tmp_path.iterdir()) == []
