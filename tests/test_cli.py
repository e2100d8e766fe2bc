"""The other commands, as a user runs them, against the simulator that ``imilab simulate`` serves."""

from __future__ import annotations

import csv
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_line import imilab, service

NUMBERS = [f"+1202555{line:04d}" for line in range(100, 120)]
ARMS = ("--arm", "ryan=en-GB-RyanNeural", "--arm", "sonia=en-GB-SoniaNeural", "--text", "Time for lunch")


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder with recipients, and the settings of a platform and a receiver that run."""
    folder = tmp_path_factory.mktemp("campaign")
    with (folder / "people.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["msisdn", "town"])
        writer.writerows([number, "Washington"] for number in [*NUMBERS, "12025550199", NUMBERS[0]])
    secrets = {"IMILAB_HUB_SECRET": "hub"}
    with (
        service("simulate", "--time-scale", "600", folder=folder, **secrets) as (platform, _),
        service("receive", folder=folder, **secrets) as (receiver, _),
    ):
        yield (
            folder,
            {
                **secrets,
                "IMILAB_BASE_URL": platform,
                "IMILAB_KEY": "simulator-key",
                "IMILAB_CALLER_ID": "+12025550100",
                "IMILAB_NOTIFY_URL": receiver,
                "IMILAB_LIVE": "true",
                "IMILAB_QUIET_HOURS": "off",
                "IMILAB_ALLOW_LIST": ",".join(NUMBERS),
                "IMILAB_TENANT_ZONE": "UTC",
            },
        )


def test_a_campaign_from_csv_to_report(campaign: tuple[Path, dict[str, str]]) -> None:
    folder, settings = campaign
    dry = imilab("send", "people.csv", *ARMS, folder=folder, **settings)
    assert dry.returncode == 0, dry.stderr
    assert "Nothing was sent" in dry.stdout
    assert "stands in the list already" in dry.stdout
    assert "not E.164" in dry.stdout

    slowly = ("--calls-per-second", "10")
    sent = imilab("send", "people.csv", *ARMS, "--go-live", "20", *slowly, folder=folder, **settings)
    assert sent.returncode == 0, sent.stderr
    assert "20 calls sent" in sent.stdout
    again = imilab("send", "people.csv", *ARMS, "--go-live", "20", folder=folder, **settings)
    assert "nothing left to send" in again.stdout

    _wait_until_final(folder, settings)
    rates = imilab("rates", "--by", "arm", "--by", "hour", folder=folder, **settings)
    assert rates.returncode == 0, rates.stderr
    assert "Wilson" in rates.stdout
    compared = imilab("compare", "--baseline", "ryan", "--outcome", "completed", folder=folder, **settings)
    assert "Miettinen and Nurminen" in compared.stdout
    written = imilab("report", "report.html", folder=folder, **settings)
    assert written.returncode == 0, written.stderr
    assert (folder / "report.html").stat().st_size > 10_000
    ((name, seconds),) = re.findall(r"(plan-\w{8}): 20 calls sent in ([0-9.]+) s", sent.stdout)
    assert float(seconds) > 1.5
    verified = imilab("status", "--verify", name, folder=folder, **settings)
    assert (verified.returncode, verified.stdout.startswith(f"{name}: every one of 20 calls")) == (0, True)
    everything = "".join(done.stdout + done.stderr for done in (dry, sent, again, rates, compared, written, verified))
    assert not re.search(r"\+1202555\d{4}", everything)
    assert "simulator-key" not in everything


def _wait_until_final(folder: Path, settings: dict[str, str]) -> None:
    for _ in range(60):
        shown = imilab("status", folder=folder, **settings).stdout
        if re.search(r"^\S+ +20$", shown, re.MULTILINE) and "final" in shown:
            return
        time.sleep(0.5)
    raise AssertionError(shown)


def test_send_without_arming_settings_names_what_is_missing(campaign: tuple[Path, dict[str, str]]) -> None:
    folder, settings = campaign
    cautious = {**settings, "IMILAB_LIVE": "false", "IMILAB_ALLOW_LIST": ""}
    done = imilab("send", "people.csv", *ARMS, "--go-live", "20", folder=folder, **cautious)
    assert done.returncode == 1
    assert "live = true" in done.stderr
    assert "allow-list" in done.stderr
    assert "Traceback" not in done.stderr


def test_status_of_one_unknown_call_says_so(campaign: tuple[Path, dict[str, str]]) -> None:
    folder, settings = campaign
    done = imilab("status", "no-such-call", folder=folder, **settings)
    assert done.returncode == 1
    assert "HTTP 404" in done.stderr


def test_doctor_finds_a_sound_set_up_sound(campaign: tuple[Path, dict[str, str]]) -> None:
    folder, settings = campaign
    done = imilab("doctor", folder=folder, **settings)
    assert done.returncode == 0, done.stdout
    assert "MEND" not in done.stdout
    assert "answers 200" in done.stdout
    assert "simulator-key" not in done.stdout


def test_doctor_names_what_to_mend(tmp_path: Path) -> None:
    done = imilab("doctor", folder=tmp_path)
    assert done.returncode == 1
    mend = [line for line in done.stdout.splitlines() if line.startswith("MEND")]
    assert [line.split()[1] for line in mend] == ["base", "key", "caller", "tenant"]


def test_doctor_survives_settings_that_cannot_be_read(tmp_path: Path) -> None:
    done = imilab("doctor", folder=tmp_path, IMILAB_TENANT_ZONE="Atlantis/Centre")
    assert done.returncode == 1
    assert "tenant_zone" in done.stdout
    assert "Atlantis" not in done.stdout


def test_rates_without_a_store_say_where_calls_may_come_from(tmp_path: Path) -> None:
    done = imilab("rates", folder=tmp_path)
    assert done.returncode == 1
    assert "--calls" in done.stderr
    assert not list(tmp_path.iterdir())


def test_an_unreadable_arm_is_explained(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("msisdn\n+12025550100\n")
    done = imilab("send", "people.csv", "--arm", "ryan", "--text", "x", folder=tmp_path)
    assert done.returncode == 1
    assert "name=voice" in done.stderr


def test_receive_refuses_the_network_without_a_secret(tmp_path: Path) -> None:
    done = imilab("receive", "--host", "0.0.0.0", "--port", "0", folder=tmp_path)
    assert done.returncode == 1
    assert "hub_secret" in done.stderr


def test_a_taken_port_is_explained(tmp_path: Path, campaign: tuple[Path, dict[str, str]]) -> None:
    port = campaign[1]["IMILAB_BASE_URL"].rpartition(":")[2]
    done = imilab("simulate", "--port", port, folder=tmp_path)
    assert done.returncode == 1
    assert f"port {port}" in done.stderr


def test_version_and_help_answer_without_loading_pandas(tmp_path: Path) -> None:
    assert imilab("--version", folder=tmp_path).stdout.startswith("imilab 0.")
    helped = imilab("--help", folder=tmp_path).stdout
    for command in ("demo", "simulate", "receive", "send", "status", "rates", "compare", "power", "monitor", "doctor"):
        assert command in helped
