"""`Lab.receive`: a receiver in the background, at a URL that leads to it."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

import imilab
from imilab.errors import ConfigError
from tests.receiver_rig import body

TOKEN = "a-token.of~24_characters"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_behind_a_proxy_that_leaves_its_prefix_receipts_arrive() -> None:
    with imilab.Lab() as lab:
        url = lab.receive(path_prefix="/proxy/absolute/8081/")
        assert url.endswith("/proxy/absolute/8081/receipts")
        assert httpx.post(url, content=body(1), trust_env=False).status_code == 200
        assert httpx.post(url.replace("/proxy/absolute/8081", ""), content=body(2), trust_env=False).status_code == 200
        assert httpx.post(url.replace("8081/", "8082/"), content=body(3), trust_env=False).status_code == 421
        assert len(lab.receipts()) == 2
        with pytest.raises(ConfigError, match="path_prefix"):
            lab.receive(path_prefix="imilab")


@pytest.mark.parametrize("host", ["0.0.0.0", ""])
def test_a_receiver_on_all_addresses_is_named_by_one_that_can_be_asked(host: str) -> None:
    with imilab.Lab(imilab.Settings(receiver_token=TOKEN)) as lab:
        url = lab.receive(host)
        assert url.startswith("http://127.0.0.1:")
        assert httpx.post(f"{url}/{TOKEN}", content=body(), trust_env=False).status_code == 200
