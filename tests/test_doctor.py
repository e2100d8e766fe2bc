"""``imilab doctor`` on what would keep receipts away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from imilab.cli.doctor_command import Finding, examine
from imilab.config import Settings
from imilab.errors import ConfigError
from imilab.receiver import Receiver
from imilab.serving import BackgroundServer
from imilab.store import Store
from tests.receiver_rig import body

TOKEN = "a-token.of~24_characters"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def found(what: str) -> Finding:
    (finding,) = [one for one in examine() if one.what == what]
    return finding


@pytest.fixture
def receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a receiver that asks for the token."""
    monkeypatch.setenv("IMILAB_RECEIVER_TOKEN", TOKEN)
    with Store(tmp_path / "lab.sqlite") as store, Receiver.from_settings(store, Settings()).serve() as server:
        yield f"{server.url}/receipts"


@pytest.mark.parametrize("end", ["", "/"])
def test_a_notify_url_without_the_token_is_to_be_mended(receiver, monkeypatch, end):
    monkeypatch.setenv("IMILAB_NOTIFY_URL", receiver + end)
    assert httpx.post(receiver + end, content=body(), trust_env=False).status_code == 401
    finding = found("notify URL")
    assert finding.well is False
    assert "IMILAB_RECEIVER_TOKEN" in finding.detail
    assert TOKEN not in finding.detail


def test_a_notify_url_with_the_token_is_sound_and_so_is_one_whose_header_the_tenant_adds(receiver, monkeypatch):
    monkeypatch.setenv("IMILAB_NOTIFY_URL", f"{receiver}/{TOKEN}")
    assert found("notify URL").well is True
    monkeypatch.setenv("IMILAB_NOTIFY_URL", receiver)
    monkeypatch.setenv("IMILAB_NOTIFY_URL_AUTH_ID", "7")
    assert found("notify URL").well is True


def test_another_token_in_the_notify_url_is_to_be_mended(receiver, monkeypatch):
    monkeypatch.setenv("IMILAB_NOTIFY_URL", f"{receiver}/{TOKEN[:-1]}")
    finding = found("notify URL")
    assert (finding.well, finding.detail) == (False, "answers 404 to HEAD; the platform wants 200")


async def answer(_: Request) -> Response:
    return Response()


def test_a_web_server_that_answers_200_to_everything_is_no_receiver(monkeypatch):
    with BackgroundServer(Starlette(routes=[Route("/{path:path}", answer)])) as server:
        monkeypatch.setenv("IMILAB_NOTIFY_URL", f"{server.url}/receipts")
        finding = found("notify URL")
    assert finding.well is False
    assert "not imilab's receiver" in finding.detail


def test_a_token_with_which_the_receiver_does_not_start_is_to_be_mended(monkeypatch, tmp_path):
    monkeypatch.setenv("IMILAB_RECEIVER_TOKEN", "short")
    with Store(tmp_path / "lab.sqlite") as store, pytest.raises(ConfigError) as refused:
        Receiver.from_settings(store, Settings())
    finding = found("hub secret")
    assert (finding.well, finding.detail) == (False, str(refused.value))
    assert "short" not in finding.detail


def test_a_store_that_is_written_to_is_said_to_write(tmp_path):
    with Store(tmp_path / "imilab.sqlite") as store:
        assert found("store").well is True
        assert store.rows("SELECT value FROM send_counters WHERE name = 'health'") == [(1,)]
