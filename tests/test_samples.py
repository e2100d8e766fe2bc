"""The samples: seeded, offline, the same as a lab would give, and the same as the committed files."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow.parquet as pq
import pytest

import imilab
from imilab.errors import InvalidInputError
from imilab.frames import (
    CALL_FRAME_COLUMNS,
    RECEIPT_COLUMNS,
    REQUEST_COLUMNS,
    calls_frame,
    receipts_frame,
    requests_frame,
)
from imilab.numbers import number_key
from imilab.samples import (
    SAMPLE_AS_OF,
    SAMPLE_NUMBER_KEY,
    SAMPLE_TEXT,
    SAMPLE_TRUTH,
    SAMPLE_VOICES,
    SAMPLES,
    load_sample,
    webhook_bodies,
)
from imilab.simulator import People, SimulatorSettings
from imilab.store import Store
from imilab.store.receipts import StoredReceipt, add_receipt
from imilab.terms import CODES, OUTCOMES
from imilab.wire import read_receipt
from tests.calls_factory import CALL_DTYPES

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "data-samples"
LONDON = ZoneInfo("Europe/London")
SAMPLE_NUMBER = r"\+1[2-9][0-9]{2}55501[0-9]{2}"


@pytest.fixture(scope="module")
def calls():
    return load_sample("calls")


def test_calls_have_the_columns_and_types_of_the_calls_table(calls):
    assert tuple(calls) == CALL_FRAME_COLUMNS
    assert {name: str(kind) for name, kind in calls.dtypes.items()} == dict(CALL_DTYPES)


def test_every_sample_has_the_columns_and_types_that_a_lab_gives(tmp_path):
    with Store(tmp_path / "lab.sqlite", SAMPLE_NUMBER_KEY) as store:
        raw = webhook_bodies(date(2026, 3, 29))[0]
        stored = StoredReceipt(receipt=read_receipt(raw, None), raw=raw, source="webhook", received_at_ms=0)
        store.write(lambda connection: add_receipt(connection, stored, SAMPLE_NUMBER_KEY))
        theirs = {
            "calls": calls_frame(store, as_of_ms=0, horizon_ms=0),
            "receipts": receipts_frame(store),
            "requests": requests_frame(store),
        }
    for name, frame in theirs.items():
        assert load_sample(name).dtypes.to_dict() == frame.dtypes.to_dict(), name
    assert tuple(load_sample("receipts")) == RECEIPT_COLUMNS
    assert tuple(load_sample("requests")) == REQUEST_COLUMNS


def test_calls_cover_two_weeks_of_london_days_with_weekends_and_the_change_of_the_clock(calls):
    local = calls["requested_at"].dt.tz_convert("Europe/London")

    assert local.dt.date.nunique() == 14
    assert {str(day) for day in local.dt.date} >= {"2026-03-18", "2026-03-28", "2026-03-29", "2026-03-31"}
    assert sorted(local.dt.hour.unique()) == list(range(8, 20))
    assert set(local.map(lambda moment: moment.utcoffset().total_seconds() / 3600)) == {0.0, 1.0}
    weekend = local.dt.day_of_week > 4
    assert 0 < weekend.sum() / 4 < (~weekend).sum() / 10


def test_calls_are_about_two_thousand_in_three_voices_of_two_languages(calls):
    assert 1900 < len(calls) < 2100
    assert set(calls["voice"]) == set(SAMPLE_VOICES.values())
    assert set(calls["language"]) == {"en-GB", "en-IN"}
    assert calls.groupby("arm")["voice"].unique().map(list).to_dict() == {arm: [v] for arm, v in SAMPLE_VOICES.items()}
    assert 180 < len(SAMPLE_TEXT) < 220


def test_calls_hold_every_outcome_and_the_oddities_that_tables_must_stand(calls):
    answered = calls[calls["outcome"] == "answered"]

    assert set(calls["outcome"]) == set(OUTCOMES)
    assert 2 <= (calls["outcome"] == "pending").sum() <= 20
    assert 2 <= (calls["outcome"] == "lost").sum() <= 20
    assert set(calls["error_code"].dropna()) - set(CODES) == {"7003", "7999"}
    assert calls.loc[calls["error_code"] == "7999", "unknown_receipts"].tolist() == [1] * 3
    assert answered["end_reason"].isna().sum() > 3
    assert calls["answer_inferred"].sum() > 0
    assert calls["transferred"].sum() > 0
    assert calls["country"].value_counts().index.tolist() == ["US", "CA"]


def test_some_numbers_are_called_twice_by_another_campaign(calls):
    per_number = calls.groupby("number_key").size()
    twice = calls[calls["number_key"].isin(per_number[per_number == 2].index)]

    assert set(per_number) == {1, 2}
    assert twice.groupby("number_key")["campaign"].nunique().eq(2).all()
    first = twice[twice["campaign"] == "appointments"]
    assert set(first["outcome"]) <= {"busy", "no_answer", "lost", "other"}


def test_pending_calls_are_the_last_ones_and_lost_ones_are_older_than_the_horizon(calls):
    age = pd.Timestamp(SAMPLE_AS_OF) - calls["requested_at"]

    assert age.min() >= pd.Timedelta(0)
    assert age[calls["outcome"] == "pending"].max() <= pd.Timedelta(minutes=30)
    assert age[calls["outcome"] == "lost"].min() > pd.Timedelta(minutes=30)


def test_each_event_is_there_once_although_the_webhook_brought_some_twice():
    receipts = load_sample("receipts")
    bodies = webhook_bodies(date(2026, 3, 29))
    that_day = receipts[receipts["received_at"].dt.tz_convert("Europe/London").dt.date == date(2026, 3, 29)]

    assert not receipts.duplicated(["message_id", "status", "code", "event_at"]).any()
    assert len(bodies) > len(set(bodies)) == len(that_day)


def test_numbers_are_masked_everywhere_but_in_the_recipients_and_none_is_real(calls):
    recipients = load_sample("recipients")

    assert recipients["msisdn"].str.fullmatch(SAMPLE_NUMBER).all()
    assert recipients["msisdn"].is_unique
    keys = {number_key(number, SAMPLE_NUMBER_KEY) for number in recipients["msisdn"]}
    assert set(calls["number_key"]) == keys
    for name in ("calls", "receipts", "requests"):
        assert not re.search(r"\+1[0-9]{10}", load_sample(name).to_csv()), name
    for body in webhook_bodies(date(2026, 3, 29)):
        number = json.loads(body)["deliveryInfoNotification"]["deliveryInfo"]["destination"]
        assert re.fullmatch(SAMPLE_NUMBER, number)


def test_recipients_say_country_area_code_and_segment():
    recipients = load_sample("recipients")

    assert list(recipients) == ["msisdn", "country", "area_code", "segment"]
    assert set(recipients["country"]) == {"US", "CA"}
    assert set(recipients["segment"]) == {"new", "regular"}
    assert (recipients["msisdn"].str.slice(2, 5) == recipients["area_code"]).all()


@pytest.mark.parametrize("outcome", ["answered", "completed", "early_hangup"])
def test_rates_lie_where_the_model_says_that_they_do(outcome):
    people = People(SimulatorSettings(people=SAMPLE_TRUTH))
    seeds = range(1, 5)
    for voice in SAMPLE_VOICES.values():
        counts = [
            imilab.rates(frame[frame["voice"] == voice], outcomes=outcome).rows.iloc[0]
            for frame in (load_sample("calls", seed=seed) for seed in seeds)
            for frame in [frame[frame["campaign"] == "appointments"]]
        ]
        share = sum(row["count"] for row in counts) / sum(row["n"] for row in counts)
        truth = people.true_rate(outcome, voice, SAMPLE_TEXT, hours=range(8, 20))
        assert abs(share - truth) < 4 * (0.25 / sum(row["n"] for row in counts)) ** 0.5


def test_the_same_seed_gives_the_same_frames_in_another_process_and_another_seed_others(calls):
    program = (
        "import imilab, hashlib; print(hashlib.sha256(imilab.load_sample('calls').to_csv().encode()).hexdigest(),"
        "imilab.load_sample('calls', seed=8).equals(imilab.load_sample('calls')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TZ": "Asia/Tokyo"},
    )

    assert done.stdout.split() == [hashlib.sha256(calls.to_csv().encode()).hexdigest(), "False"]


def test_what_a_caller_does_to_a_sample_does_not_stay(calls):
    mine = load_sample("calls")
    mine.loc[:, "outcome"] = "busy"
    del mine["arm"]

    assert load_sample("calls").equals(calls)


def test_a_sample_is_made_fast_enough_to_start_a_notebook_with():
    started = time.process_time()
    load_sample("calls", seed=12345)

    assert time.process_time() - started < 4.0  # 1.2 on the machine that it was written on


def test_an_unknown_sample_names_the_known_ones():
    with pytest.raises(InvalidInputError, match="'calls', 'receipts', 'requests', 'recipients'") as caught:
        load_sample("people")
    assert caught.value.field == "name"


@pytest.mark.parametrize("seed", [-1, "7", 2**63, 1.5, [7]])
def test_a_seed_that_cannot_be_used_is_refused(seed):
    with pytest.raises(InvalidInputError) as caught:
        load_sample("calls", seed=seed)
    assert caught.value.field == "seed"


def made(folder):
    spec = importlib.util.spec_from_file_location("make_samples", FOLDER / "make_samples.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.write_samples(folder)
    return folder


def test_the_committed_files_are_what_the_generator_writes(tmp_path):
    made(tmp_path)
    written = sorted(path.name for path in tmp_path.iterdir())

    assert written == sorted(path.name for path in FOLDER.iterdir() if path.suffix in {".csv", ".jsonl", ".parquet"})
    for name in written:
        committed = FOLDER / name
        if committed.suffix == ".parquet":
            assert pq.read_table(tmp_path / name).equals(pq.read_table(committed)), name
        else:
            assert (tmp_path / name).read_bytes() == committed.read_bytes(), name


def test_the_committed_files_are_small_and_hold_all_samples(calls):
    assert sum(path.stat().st_size for path in FOLDER.iterdir() if path.is_file()) < 3_000_000
    assert imilab.read_calls(FOLDER / "calls.csv").equals(calls)
    assert imilab.read_calls(FOLDER / "calls.parquet").equals(calls)
    assert set(SAMPLES) == {path.stem for path in FOLDER.iterdir() if path.suffix in {".csv", ".parquet"}}


def test_the_readme_of_the_samples_tells_every_column_and_the_row_counts():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_]+)`", text))

    for name in SAMPLES:
        assert set(load_sample(name)) - named == set(), name
        assert f"{len(load_sample(name)):,}" in text, name
    assert f"| `receipts.jsonl` | {len(webhook_bodies(date(2026, 3, 29))):,} |" in text
    truth = People(SimulatorSettings(people=SAMPLE_TRUTH))
    for voice in SAMPLE_VOICES.values():
        for outcome in ("answered", "completed", "early_hangup"):
            rate = truth.true_rate(outcome, voice, SAMPLE_TEXT, hours=range(8, 20))
            assert f"{100 * rate:.1f} %" in text
