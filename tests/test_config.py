"""Settings: argument beats environment beats file beats default; errors name the field and never the value."""

from __future__ import annotations

import os
import traceback
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from IPython.core.ultratb import VerboseTB
from pydantic import SecretStr, ValidationError

from imilab.config import Settings
from imilab.errors import ConfigError

CANARY = "CANARY-5d2a2dcd5a1b"


@pytest.fixture(autouse=True)
def _nothing_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.upper().startswith("IMILAB_")]:
        monkeypatch.delenv(name)


def write_file(text: str) -> None:
    Path("imilab.toml").write_text(text, encoding="utf-8")


def refused(**values: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        Settings(**values)
    return caught.value


def test_argument_beats_environment_beats_file_beats_default(monkeypatch):
    assert Settings().calls_per_second == 20.0
    write_file('calls_per_second = 5\nbase_url = "https://file.example"\nlive = true\n')
    assert Settings().calls_per_second == 5
    monkeypatch.setenv("IMILAB_CALLS_PER_SECOND", "7")
    assert Settings().calls_per_second == 7
    settings = Settings(calls_per_second=9)
    assert (settings.calls_per_second, settings.base_url, settings.live) == (9, "https://file.example", True)


def test_every_setting_can_come_from_the_environment(monkeypatch):
    values = {
        "base_url": "https://api.us.webexconnect.io/",
        "key": "k",
        "caller_id": "+12025550100",
        "notify_url": "https://lab.example.com/receipts",
        "notify_url_auth_id": "auth-7",
        "requested_receipts": "Offered, answered",
        "hub_secret": "new",
        "previous_hub_secret": "old",
        "tenant_zone": "Asia/Kolkata",
        "live": "true",
        "allow_list": "+12025550123, +12025550124",
        "countries": "gb, US",
        "number_types": "mobile",
        "quiet_hours": "21:00-08:00",
        "quiet_days": "mon-fri",
        "silent_days": "sun",
        "country_zones": "jm=America/Jamaica, US=America/New_York  America/Chicago",
        "do_not_call": "dnc.csv",
        "cap_number_in_flight": "2",
        "cap_number_per_day": "4",
        "cap_campaign": "100",
        "cap_per_day": "1000",
        "calls_per_second": "5.5",
        "request_timeout_seconds": "10",
        "receipt_horizon": "PT10M",
        "early_hangup_seconds": "3",
        "store": "other.sqlite",
        "number_key": "0f" * 32,
        "price_per_call": "gb=0.012, *=0.03",
        "price_per_minute": "GB=0.1",
        "currency": "EUR",
        "contact_policy": '{"contactPolicyGroup": "g1", "channelCheckConsent": true}',
        "stop_file": "stop.here",
        "retention_days": "90",
        "receiver_token": "t0ken",
        "free_space_floor_bytes": "1000",
        "store_url": "postgresql://imilab@db.example/imilab",
        "archive": "logs",
        "memory_limit": "4GB",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"IMILAB_{name.upper()}", value)
    settings = Settings()
    assert set(values) == set(Settings.model_fields)
    assert settings.base_url == "https://api.us.webexconnect.io"
    assert settings.requested_receipts == ("offered", "answered")
    assert settings.allow_list == ("+12025550123", "+12025550124")
    assert settings.hub_secrets == (b"new", b"old")
    assert settings.zone == ZoneInfo("Asia/Kolkata")
    assert settings.receipt_horizon == timedelta(minutes=10)
    assert settings.store == Path("other.sqlite")
    assert (settings.countries, settings.number_types) == (("GB", "US"), ("mobile",))
    assert (settings.cap_campaign, settings.do_not_call) == (100, Path("dnc.csv"))
    assert settings.price_per_call == {"GB": Decimal("0.012"), "*": Decimal("0.03")}
    assert settings.contact_policy == {"contactPolicyGroup": "g1", "channelCheckConsent": True}
    assert settings.country_zones == {"JM": ("America/Jamaica",), "US": ("America/New_York", "America/Chicago")}


def test_a_hub_secret_may_hold_whatever_the_platform_lets_one_type():
    settings = Settings(hub_secret="zwei Wörter", previous_hub_secret="秘密")
    assert settings.hub_secrets == ("zwei Wörter".encode(), "秘密".encode())


def test_the_file_may_hold_lists():
    write_file(
        'requested_receipts = ["OFFERED"]\nallow_list = ["+12025550123"]\n'
        '[country_zones]\nJM = ["America/Jamaica"]\nBS = "America/Nassau"\n'
    )
    settings = Settings()
    assert (settings.requested_receipts, settings.allow_list) == (("offered",), ("+12025550123",))
    assert settings.country_zones == {"JM": ("America/Jamaica",), "BS": ("America/Nassau",)}


def test_nothing_is_guessed():
    settings = Settings()
    assert (settings.base_url, settings.key, settings.zone, settings.hub_secrets) == (None, None, None, ())
    assert not settings.live
    assert settings.allow_list == ()


WRONG: list[tuple[str, Any]] = [
    *(
        ("base_url", url)
        for url in ("api.us.webexconnect.io", "http://api.example", "ftp://api.example", "https://u:p@h")
    ),
    *(
        ("base_url", url)
        for url in ("https://h/?q=1", "https://h:99999", "http://127.0.0.1.example", "https://", "", 5)
    ),
    *(("key", key) for key in ("", " x", "x\n", "a b\t", "schlüssel", 5)),
    *(("hub_secret", secret) for secret in ("", " ", "\x00", "two\nlines", "pasted\n", " pasted", "\ud800")),
    *(("number_key", key) for key in ("", "0f" * 31, "zz" * 32, "0f" * 32 + "0")),
    *(("caller_id", number) for number in ("12025550100", "+0", "")),
    *(("notify_url", url) for url in ("http://lab.example.com", "lab", "")),
    *(("requested_receipts", names) for names in ("ringing", ["offered", 5], 5, None)),
    *(("allow_list", numbers) for numbers in (["12025550123"], 5, None, [5])),
    *(("countries", value) for value in ("001", "XX", "GBR", 5)),
    *(("number_types", value) for value in ("voip", "", ["premium_rate"])),
    *(("quiet_hours", value) for value in ("20-9", "night", "")),
    *((name, "mon;fri") for name in ("quiet_days", "silent_days")),
    *(
        ("country_zones", value)
        for value in ("JM", "JM=", "JM=Mars/Base", "XX=America/Jamaica", {"JM": []}, {"JM": 5}, 5)
    ),
    *((f"cap_{name}", 0) for name in ("number_in_flight", "number_per_day", "campaign", "per_day")),
    *(("tenant_zone", zone) for zone in ("Mars/Olympus", "", "../etc/passwd", "India\0")),
    *(("calls_per_second", number) for number in (0, -1, 1001, "many", float("nan"), float("inf"))),
    *(("request_timeout_seconds", number) for number in (0, 601)),
    *(("receipt_horizon", horizon) for horizon in ("PT0S", "-PT1S", "soon")),
    *(("early_hangup_seconds", number) for number in (0, float("inf"), float("nan"))),
    *(("live", value) for value in ("perhaps", 2)),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_setting_is_named(name, value):
    error = refused(**{name: value})
    assert error.field == name
    assert str(error).startswith(f"{name}: ")
    assert f"IMILAB_{name.upper()}" in str(error)
    assert "Value error" not in str(error)


@pytest.mark.parametrize(
    "url", ["https://api.in.webexconnect.io", "http://127.0.0.1:8000", "http://localhost:1/base/", "http://[::1]:80"]
)
def test_a_base_url_is_https_or_on_this_machine(url):
    assert Settings(base_url=url).base_url == url.rstrip("/")


def test_an_unknown_setting_is_refused():
    assert "no such setting" in str(refused(colour="blue"))
    write_file("colour = 'blue'\n")
    assert refused().field == "colour"


@pytest.mark.parametrize("content", [b"key = ", b"key = 'a'\nkey = 'b'", b"\xff\xfe", b"key = 'CANARY-5d2a2dcd5a1b\n"])
def test_a_file_that_cannot_be_read_is_named(content):
    Path("imilab.toml").write_bytes(content)
    error = refused()
    assert error.field == "imilab.toml"
    assert CANARY not in everything_about(error)


def test_a_folder_in_the_files_place_is_no_file_or_named():
    Path("imilab.toml").mkdir()
    try:
        Settings()
    except ConfigError as problem:
        assert problem.field == "imilab.toml"  # noqa: PT017 - either will do, a bare OSError will not


def everything_about(error: BaseException) -> str:
    trace = error.__traceback__
    while trace and "imilab/config/" not in trace.tb_frame.f_code.co_filename:
        trace = trace.tb_next
    assert trace is not None
    assert error.__context__ is None
    verbose = VerboseTB(theme_name="nocolor", include_vars=True).text(type(error), error, trace)
    local = [repr(value) for frame, _ in traceback.walk_tb(trace) for value in frame.f_locals.values()]
    return "\n".join([verbose, repr(error), str(error), *local, *traceback.format_exception(error)])


@pytest.mark.parametrize(
    "name",
    [name for name in Settings.model_fields if name not in {"live", "store", "do_not_call", "stop_file", "archive"}],
)
def test_a_wrong_value_is_in_no_message_and_no_traceback(name, monkeypatch):
    good = {"key": CANARY, "hub_secret": CANARY, "previous_hub_secret": CANARY}
    planted = f"{CANARY}\n\x00"
    if name == "notify_url_auth_id":
        planted = [planted]
    assert CANARY not in everything_about(refused(**(good | {name: planted})))
    if "\x00" in planted:
        monkeypatch.setenv(f"IMILAB_{name.upper()}", f"{CANARY}\n")
        monkeypatch.setenv("IMILAB_KEY", f"{CANARY}\t")
        error = refused()
        assert error.field in {name, "key"}
        assert CANARY not in everything_about(error)


def test_secrets_and_numbers_are_in_no_repr():
    secret = {"key": CANARY, "hub_secret": CANARY, "previous_hub_secret": CANARY, "number_key": "ca" * 32}
    settings = Settings(
        **secret,
        caller_id="+12025550142",
        allow_list=("+12025550187",),
        notify_url="https://lab.example.com/CANARY-5d2a2dcd5a1b",
    )
    text = f"{settings!r} {settings} {settings.key} {settings.model_dump()['key']}"
    assert isinstance(settings.key, SecretStr)
    assert settings.key.get_secret_value() == CANARY
    for hidden in (CANARY, "ca" * 32, "5550142", "5550187"):
        assert hidden not in text


def test_settings_do_not_change():
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.live = True
