"""Engines: limits that are kept, files that are removed, queries that end, numbers that stay hidden."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import narwhals as nw
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import imilab
from imilab.engines import open_engine
from imilab.engines.duckdb_engine import DuckDBEngine
from imilab.engines.handing_over import FORMS, hand_over, masked
from imilab.engines.limits import machine_bytes, memory_limit_bytes
from imilab.errors import InvalidInputError
from imilab.numbers import mask, scrub
from tests.calls_factory import make_calls
from tests.engine_rig import NOW_MS, add, ask


def test_a_quarter_of_the_machine_is_the_limit_where_none_is_set():
    assert memory_limit_bytes(None) == max(machine_bytes() // 4, 256 * 2**20)
    assert machine_bytes() >= 2**28


@pytest.mark.parametrize(
    ("text", "expected"), [("4GB", 4 * 10**9), ("1.5 GiB", 3 * 2**29), ("300MB", 3 * 10**8), ("1TB", 10**12)]
)
def test_sizes_are_read_as_they_are_written(text: str, expected: int):
    assert memory_limit_bytes(text) == expected
    with DuckDBEngine(text, show=False) as engine:
        told = engine.connection.execute("SELECT current_setting('memory_limit')").fetchall()[0][0]
    number, unit = told.split()
    size = float(number) * 1024 ** (["", "KiB", "MiB", "GiB", "TiB"].index(unit))
    assert size == pytest.approx(expected, rel=0.05)


def test_what_does_not_fit_goes_through_files_that_are_removed(tmp_path: Path):
    beside = tmp_path / "lab.sqlite"
    with DuckDBEngine("100MB", spill_beside=beside, show=False) as engine:
        engine.connection.execute("SET threads = 1")
        rows = nw.from_native(
            engine.connection.sql("SELECT range AS a, md5(range::VARCHAR) AS b FROM range(2_000_000)")
        )
        sorted_rows = engine.keep(rows.sort("b"), "sorted")
        spilled = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
        assert engine.collect(sorted_rows.select(nw.len()))["len"].to_pylist() == [2_000_000]
    assert spilled > 10_000_000
    assert list(tmp_path.iterdir()) == []


def test_paths_with_signs_of_patterns_are_paths(tmp_path: Path):
    path = tmp_path / "a[1]*b?.parquet"
    pa.parquet.write_table(pa.table({"a": [1]}), path)
    with DuckDBEngine(show=False) as engine:
        assert engine.collect(engine.parquet([path])).to_pydict() == {"a": [1]}


_ENDLESS = """
import narwhals as nw
from imilab.engines.duckdb_engine import DuckDBEngine
with DuckDBEngine("200MB", show=True) as engine:
    engine.connection.execute("SET threads = 1")
    long = "SELECT sum(hash(a.range + b.range)) AS s FROM range(10_000_000) a, range(1_000_000) b"
    print("started", flush=True)
    try:
        engine.collect(nw.from_native(engine.connection.sql(long)), "something long")
    except KeyboardInterrupt:
        print("stopped", engine.connection.sql("SELECT 42").fetchall(), flush=True)
"""


def test_ctrl_c_ends_a_query_and_the_engine_can_be_asked_again():
    run = subprocess.Popen([sys.executable, "-c", _ENDLESS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with run:
        assert run.stdout.readline() == "started\n"
        time.sleep(1.6)
        run.send_signal(signal.SIGINT)
        told, shown = run.communicate(timeout=60)
    assert (told, run.returncode) == ("stopped [(42,)]\n", 0)
    assert "something long" in shown


@pytest.mark.parametrize("wrong", ["spark", 7, object()])
def test_what_is_no_engine_is_refused_with_the_way_out(wrong: Any):
    with pytest.raises(InvalidInputError, match=r"imilab\[spark\]"):
        open_engine(wrong)


NUMBERS = st.one_of(
    st.from_regex(r"\+?[0-9]{5,17}", fullmatch=True),
    st.sampled_from(["", "anonymous", mask("+12025550123"), "+12025550123", "+4420796", "+9997", "erased-0a1b"]),
    st.sampled_from(["1", "7", "44", "353", "999", "210", "870"]).flatmap(
        lambda code: st.from_regex(r"[0-9]{3,12}", fullmatch=True).map(lambda rest: f"+{code}{rest}")
    ),
)


@given(st.lists(st.none() | NUMBERS, min_size=1, max_size=40))
@settings(max_examples=25, deadline=None)
def test_an_engine_hides_numbers_as_pandas_does(numbers: list[str | None]):
    reasons = [f"to.msisdn: {number} cannot be called" for number in numbers]
    columns = {
        "msisdn": numbers,
        "caller_id": numbers,
        "outcome": ["not_placed"] * len(numbers),
        "error_reason": reasons,
    }
    with DuckDBEngine(show=False) as engine:
        table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
        found = engine.collect(masked(engine.arrow(table), engine)).to_pydict()

    hidden = [None if number is None else mask(number) if number else number for number in numbers]
    assert found["msisdn"] == found["caller_id"] == hidden
    assert sorted(found["error_reason"]) == sorted(map(scrub, reasons))


def test_a_form_that_cannot_be_had_is_refused():
    with DuckDBEngine(show=False) as engine:
        calls = engine.arrow(pa.table({"a": [1]}))
        for form in ("pandas", "spark", *([] if _has_polars() else ["polars"])):
            with pytest.raises(InvalidInputError, match="form"):
                hand_over(calls, engine, form)
        assert hand_over(calls, engine, "arrow").to_pydict() == {"a": [1]}
    assert set(FORMS) == {"duckdb", "spark", "arrow", "polars"}


def _has_polars() -> bool:
    return importlib.util.find_spec("polars") is not None


def test_a_lab_hands_its_calls_over_and_they_answer_alike(tmp_path: Path):
    with imilab.Lab(imilab.Settings(store=tmp_path / "lab.sqlite")) as lab:
        for number in range(6):
            ask(lab.store, f"c{number}", f"+1202555010{number}", f"m{number}", "rejected" if number % 2 else "accepted")
        frame, relation, table = lab.calls(), lab.calls_table(), lab.calls_table("arrow")
        assert isinstance(relation, duckdb.DuckDBPyRelation)
        assert sorted(table["msisdn"].to_pylist()) == sorted(frame["msisdn"])
        assert "+12025550100" in lab.calls_table("arrow", unmasked=True)["msisdn"].to_pylist()
        expected = imilab.rates(frame, by=imilab.hour("Europe/London"), denominator="attempted").to_pandas()
        for calls in (relation, table):
            found = imilab.rates(calls, by=imilab.hour("Europe/London"), denominator="attempted").to_pandas()
            pd.testing.assert_frame_equal(found, expected)
    assert not list(tmp_path.glob("*.spill*"))


@pytest.mark.parametrize("form", ["duckdb", "arrow"])
def test_a_comparison_is_the_same_from_every_form(form: str):
    frame = make_calls(300, seed=3, repeated=0.3)
    times = [name for name in frame if name.endswith("_at")]
    in_ms = frame.drop(columns=times).assign(
        **{f"{name}_ms": frame[name].astype("int64").where(frame[name].notna()) for name in times}
    )
    table = pa.Table.from_pandas(in_ms.astype({f"{name}_ms": "Int64" for name in times}), preserve_index=False)
    with DuckDBEngine(show=False) as engine:
        calls = engine.arrow(table).to_native() if form == "duckdb" else table
        found = imilab.compare(calls, arm="voice", baseline="en-GB-RyanNeural").to_pandas()
        long = imilab.durations(calls, arm="voice", baseline="en-GB-RyanNeural").to_pandas()
    pd.testing.assert_frame_equal(found, imilab.compare(frame, arm="voice", baseline="en-GB-RyanNeural").to_pandas())
    pd.testing.assert_frame_equal(long, imilab.durations(frame, arm="voice", baseline="en-GB-RyanNeural").to_pandas())


def test_several_threads_may_ask_a_lab_at_once(tmp_path: Path):
    with imilab.Lab(imilab.Settings(store=tmp_path / "lab.sqlite")) as lab:
        for number in range(3):
            ask(lab.store, f"c{number}", "+12025550123", f"m{number}")

        def work(part: int) -> list[int]:
            add(lab.store, message_id=f"m{part}", status="ANSWERED", code="7519", event_at_ms=NOW_MS)
            return [
                n for _ in range(3) for n in (len(lab.calls()), int(imilab.rates(lab.calls_table()).rows["n"].max()))
            ]

        with ThreadPoolExecutor(3) as threads:
            assert list(threads.map(work, range(3))) == [[3] * 6] * 3
