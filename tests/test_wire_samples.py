"""Recorded shapes of the platform's bodies, one folder a case: `body.json` is read, `expected.json` says as what."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from imilab import errors
from imilab.terms import Media, Voice
from imilab.wire import MakeCall, Receipt, read_make_call, read_receipt, read_response, read_status
from imilab.wire.response import response_bytes

SAMPLES = Path(__file__).with_name("samples")
# Not read from the code under test: the number of names that the documents give to a thing.
RECEIPT_FIELDS = 15


def cases(kind: str) -> list[str]:
    return sorted(folder.name for folder in SAMPLES.glob(f"{kind}-*"))


def load(case: str) -> tuple[bytes, dict[str, Any]]:
    folder = SAMPLES / case
    return (folder / "body.json").read_bytes(), json.loads((folder / "expected.json").read_text(encoding="utf-8"))


def zone_of(expected: dict[str, Any]) -> ZoneInfo | None:
    return ZoneInfo(expected["zone"]) if expected["zone"] else None


def test_every_sample_is_of_a_kind_that_is_tested():
    kinds = [case for kind in ("request", "response", "error", "receipt", "status") for case in cases(kind)]
    assert sorted(kinds) == sorted(folder.name for folder in SAMPLES.iterdir())
    assert len(kinds) >= 34


@pytest.mark.parametrize("case", cases("request"))
def test_a_recorded_request_is_read(case):
    body, expected = load(case)
    found = read_make_call(body, expected["now_ms"])
    recipients = [[recipient.msisdn, recipient.correlation_id] for recipient in found.recipients]
    plain = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    plain |= {"recipients": recipients, "requested_receipts": list(found.requested_receipts)}
    assert plain == expected["read"]


@pytest.mark.parametrize("case", [case for case in cases("request") if load(case)[1]["make_call"]])
def test_a_request_is_written_as_recorded(case):
    body, expected = load(case)
    fields = dict(expected["make_call"])
    content = Voice(fields.pop("voice")) if "voice" in fields else Media(fields.pop("media_id"))
    call = MakeCall(content=content, now_ms=expected["now_ms"], **fields)
    assert json.loads(call.to_bytes()) == json.loads(body)


@pytest.mark.parametrize("case", cases("response"))
def test_a_recorded_response_is_read_entry_by_entry(case):
    body, expected = load(case)
    entries = read_response(expected["http_status"], {}, body)
    plain = [dataclasses.asdict(entry) | {"queued": entry.queued, "rejected": entry.rejected} for entry in entries]
    assert plain == [one | {"http_status": expected["http_status"]} for one in expected["entries"]]
    assert read_response(expected["http_status"], {}, response_bytes(entries)) == entries


def failures() -> list[Any]:
    """Each error as an answer to a call, and to a status request where its HTTP status is an error there too."""
    found = [pytest.param(read_response, case, id=f"call-{case}") for case in cases("error")]
    both = [case for case in cases("error") if load(case)[1]["http_status"] not in {200, 201}]
    return found + [
        pytest.param(lambda *answer: read_status(*answer, None), case, id=f"status-{case}") for case in both
    ]


@pytest.mark.parametrize(("read", "case"), failures())
def test_a_recorded_error_has_its_class_and_facts(read, case):
    body, expected = load(case)
    with pytest.raises(errors.PlatformError) as caught:
        read(expected["http_status"], expected["headers"], body)
    facts = {name: value for name, value in expected.items() if name not in {"headers", "error"}}
    assert type(caught.value).__name__ == expected["error"]
    assert {name: getattr(caught.value, name) for name in facts} == facts


@pytest.mark.parametrize("case", cases("receipt"))
def test_a_recorded_receipt_is_read_and_survives_a_round_trip(case):
    body, expected = load(case)
    receipt = read_receipt(body, zone_of(expected))
    plain = dataclasses.asdict(receipt)
    assert len(plain) == RECEIPT_FIELDS
    assert plain | {"ends": receipt.ends} == expected["receipt"]
    assert read_receipt(receipt.to_bytes(), zone_of(expected)) == receipt


def test_a_receipt_is_written_with_the_documented_keys():
    body, expected = load("receipt-offered")
    values = {name: value for name, value in expected["receipt"].items() if name != "ends"}
    assert json.loads(Receipt(**values).to_bytes()) == json.loads(body)


@pytest.mark.parametrize("case", cases("status"))
def test_a_recorded_status_is_read_with_its_events(case):
    body, expected = load(case)
    status = read_status(200, {}, body, zone_of(expected))
    assert dataclasses.asdict(status) == expected["status"] | {"raw": body}
    told = [[receipt.status, receipt.code, receipt.event_at_ms] for receipt in status.receipts()]
    assert told == expected["receipts"]
    assert all(receipt.msisdn == "+12025550123" for receipt in status.receipts())
    assert read_status(200, {}, status.to_bytes(), zone_of(expected)) == status
