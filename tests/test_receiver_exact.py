"""Ten thousand webhooks, many repeated, some broken, in any order: exactly the events, and the same calls."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from imilab.frames import calls_frame
from imilab.wire import Receipt, read_receipt
from tests.receiver_rig import ReceiverRig, post, read_answer

REQUESTS = 10_000
REPEATED = 0.30
BROKEN = 0.05
CONNECTIONS = 32
T0 = 1_772_442_000_000
LATER_MS = T0 + 3_600_000
STORIES = (
    (("OFFERED", "7407"), ("ACCEPTED", "7408"), ("ANSWERED", "7519"), ("RELEASED", "")),
    (("OFFERED", "7407"), ("ACCEPTED", "7408"), ("ANSWERED", "7519"), ("DISCONNECTED", "7410")),
    (("OFFERED", "7407"), ("ACCEPTED", "7408"), ("REJECTED", "7401")),
    (("OFFERED", "7407"), ("REJECTED", "7402")),
    (("OFFERED", "7407"), ("PARKED", "9999"), ("DROPPED", "7409")),
    (("MESSAGE EXPIRED", "7208"),),
)


def events(draw: random.Random, count: int) -> list[bytes]:
    """So many different events of many calls, none of which imilab sent."""
    found: list[bytes] = []
    for call in range(count):
        for step, (status, code) in enumerate(draw.choice(STORIES)):
            moment = pd.Timestamp(T0 + 1000 * call + 250 * step, unit="ms", tz="UTC").isoformat(timespec="milliseconds")
            receipt = Receipt(
                message_id=f"m{call:06d}",
                correlation_id=f"{call:032x}",
                status=status,
                code=code,
                event_at_raw=moment,
                msisdn=f"+1202555{100 + call % 100:04d}",
                transaction_info="<xml attribute='&lt;opaque'>]]></xml>",
            )
            found.append(receipt.to_bytes())
            if len(found) == count:
                return found
    raise AssertionError


def broken(draw: random.Random, source: Sequence[bytes], count: int) -> list[bytes]:
    """Bodies that differ, of every kind that cannot be read."""
    ways = (
        lambda raw: raw[: draw.randrange(len(raw) - 1)],
        lambda raw: raw.replace(b'"code":"', b'"code":NaN,"x":"'),
        lambda raw: raw.replace(b'"code":"', b'"code":"\\ud800'),
        lambda raw: raw.replace(b'"code":"', b'"code":"\\u0000'),
        lambda raw: raw.replace(b'"code":"', b'"code":"1","code":"'),
        lambda raw: raw.replace(b'"deliveryStatus":"', b'"deliveryStatus":7,"y":"'),
        lambda raw: b"\xff" + raw,
        lambda raw: b'{"a":' * 2000 + raw,
        lambda raw: raw.replace(b"deliveryInfoNotification", b"deliveryinfonotification"),
    )
    found: dict[bytes, None] = {}
    while len(found) < count:
        found[draw.choice(ways)(draw.choice(source))] = None
    return list(found)


async def post_all(port: int, bodies: Sequence[bytes]) -> list[int]:
    """Post bodies over kept connections; give the statuses in the order of the bodies."""
    numbered = iter(enumerate(bodies))
    statuses = [0] * len(bodies)

    async def work() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for place, raw in numbered:
            writer.write(post(raw))
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))
            statuses[place] = int(head.split()[1])
        writer.close()

    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    return statuses


def calls(rig: ReceiverRig) -> pd.DataFrame:
    found = calls_frame(rig.store, as_of_ms=LATER_MS * 2, horizon_ms=60_000, unmasked=True)
    found = found.drop(columns="number_key")  # each store has a key of its own
    return found.sort_values("call_id", ignore_index=True)


def test_ten_thousand_webhooks_leave_exactly_their_events(tmp_path: Path):
    draw = random.Random(7)
    odd_count, repeated = int(REQUESTS * BROKEN), int(REQUESTS * REPEATED)
    good = events(draw, REQUESTS - odd_count - repeated)
    odd = broken(draw, good, odd_count)
    shuffled = [*good, *odd, *draw.choices([*good, *odd], k=repeated)]
    draw.shuffle(shuffled)
    (tmp_path / "shuffled").mkdir()
    (tmp_path / "ordered").mkdir()

    with ReceiverRig(tmp_path / "shuffled") as rig:
        assert asyncio.run(post_all(rig.server.port, shuffled)) == [200] * REQUESTS
        assert sorted(rig.raws()) == sorted(good)
        assert sorted(raw for raw, _ in rig.quarantined()) == sorted(odd)
        assert rig.counted() == {"stored": len(good), "quarantined": len(odd), "repeated": repeated}
        kept = rig.store.rows("SELECT raw, message_id, status, code, event_at_ms FROM receipts")
        for raw, *columns in kept:
            receipt = read_receipt(raw, None)
            assert columns == [receipt.message_id, receipt.status, receipt.code, receipt.event_at_ms]
        found = calls(rig)
    with ReceiverRig(tmp_path / "ordered") as rig:
        asyncio.run(post_all(rig.server.port, good))
        pd.testing.assert_frame_equal(calls(rig), found)

    stories = {}
    for raw in good:
        note = json.loads(raw)["deliveryInfoNotification"]
        stories.setdefault(note["transid"], []).append(note["deliveryInfo"]["code"])
    assert len(found) == len(stories)
    assert dict(zip(found["call_id"], found["receipts"], strict=True)) == {
        call: len(codes) for call, codes in stories.items()
    }
    answered = {call for call, codes in stories.items() if "7519" in codes or "7410" in codes}
    assert set(found.loc[found["outcome"] == "answered", "call_id"]) == answered


texts = st.text(max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.sampled_from(["\ud800", "\0", "+12025550123"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
infos = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("timeStamp", "code", "destination", "deliveryStatus"), values)
)
notes = st.fixed_dictionaries(
    {},
    optional={
        "deliveryInfo": infos | values,
        "transid": values | texts,
        "correlationid": values,
        "callbackData": values,
    },
)
documents = st.fixed_dictionaries(
    {}, optional={"deliveryInfoNotification": notes | values, "deliveryTransInfo": values}
)
raws = st.binary(max_size=60) | st.builds(json.dumps, documents | values).map(str.encode)


def test_any_body_at_all_is_kept_somewhere_as_it_came(tmp_path: Path):
    with ReceiverRig(tmp_path) as rig, rig.connect() as connection:

        @settings(max_examples=300, deadline=None)
        @given(raws)
        def keep(raw: bytes) -> None:
            connection.sendall(post(raw))
            assert read_answer(connection) == (200, b"stored")
            found = "SELECT count(*) FROM (SELECT raw FROM receipts UNION ALL SELECT raw FROM quarantine) WHERE raw = ?"
            ((count,),) = rig.store.rows(found, (raw,))
            assert count == 1 or _is_repeated(rig, raw)

        keep()


def _is_repeated(rig: ReceiverRig, raw: bytes) -> bool:
    """Whether the event of a body is there, told in other words."""
    receipt = read_receipt(raw, None)
    found = "SELECT count(*) FROM receipts WHERE upper(status) = ? AND code = ? AND message_id = ? AND msisdn = ?"
    known = (receipt.status.upper(), receipt.code, receipt.message_id, receipt.msisdn)
    return rig.store.rows(found, known) == [(1,)]
