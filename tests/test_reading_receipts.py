"""A file of the platform's receipts, read the quick way: its calls are those of the careful way, whatever is in it."""

from __future__ import annotations

import json
import random
import tempfile
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import imilab
from imilab.engines import watching
from imilab.errors import InvalidInputError
from imilab.logs import importer
from imilab.reading import calls as reading
from tests.logs_factory import csv_text, event_rows
from tests.receipt_lines import line

EVENTS = [
    ("OFFERED", "7407"), ("ACCEPTED", "7408"), ("ANSWERED", "7519"), ("RELEASED", ""), ("DISCONNECTED", "7410"),
    ("REJECTED", "7402"), ("REJECTED", "7999"), ("answered", "7519"), ("", "7404"), ("NEW", ""), ("", ""),
]  # fmt: skip
TIMES = [
    "2026-03-02T09:00:00.596Z", "2026-03-02T09:00:01.000Z", "2026-03-02T09:00:00Z", "2026-03-02T14:30:00.596+05:30",
    "2026-03-02T09:00:00.5Z", "2026-03-02 09:00:00", "2026-03-02T24:00:00.000Z", "2026-02-30T09:00:00.000Z", "",
    " 026-03-02T09:00:00.000Z", "soon", "2026-3-002T09:00:00.000Z", "2026-10-25T01:30:00.000",
]  # fmt: skip
BAD = [
    b"oops", b"{}", b'{"deliveryInfoNotification":7}', line().encode()[:70], b'"text"', b"\xff{}", b"  ", b"",
    line(transid="\ud800").encode(), line(transid="a\0b").encode(), line(code=7407).encode(),
    line().replace('"code": "7407"', '"code":  7407').encode(),
    line().replace('"code"', '"code": "7519", "code"').encode(), line().encode() + b"\r", line().encode() + b"\x01x",
    line().encode() + b"\r" + line().encode(), line().encode() + line().encode(),
    line().replace('"subtid": ""', '"subtid": NaN').encode(), line().replace('"}', '",}').encode(),
]  # fmt: skip
ODD = [
    {"subtid": "s"}, {"extra": {"a": [1, None]}}, {"transid": "tèst"}, {"transid": 'say "x"'},
    {"transid": "back\\slash"},
    {"callbackData": "back"}, {"correlationid": None}, {"destination": None}, {"transid": ""}, {"correlationid": ""},
    {"transid": "", "correlationid": ""},
]  # fmt: skip
BAD = [one.replace(b"5550123", b"5550101") for one in BAD]  # the number of their call
EVENT = st.tuples(st.sampled_from(EVENTS), st.integers(0, 6), st.integers(0, 5))
STRANGE = st.one_of(
    st.sampled_from(BAD),
    st.tuples(EVENT, st.sampled_from(TIMES), st.sampled_from([{}, *ODD])).map(
        lambda one: written(one[0], one[1], one[2])
    ),
)
COUNTS = ("read", "kept", "duplicate", "rejected", "receipts", "requests", "without_zone", "twice", "never")


def written(
    event: tuple[tuple[str, str], int, int], time: str | None = None, note: dict[str, Any] | None = None
) -> bytes:
    (status, code), call, second = event
    facts = {
        "transid": f"m{call}",
        "correlationid": "" if call % 2 else f"c{call}",
        "destination": f"+120255501{call:02}",
        "deliveryStatus": status,
        "code": code,
        **(note or {}),
    }
    return line(time or f"2026-03-02T09:00:0{second}.000Z", **facts).encode("utf-8", "surrogatepass")


def both(path: Path, **options: Any) -> list[pd.DataFrame]:
    """Read a file the quick way and the careful one."""
    found = []
    for quick in (True, False):
        with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if not quick:
                patch.setattr(reading, "_plain_receipts", lambda *_: None)
            found.append(imilab.read_calls(path, progress=False, **options))
    return found


def assert_same(path: Path, **options: Any) -> pd.DataFrame:
    quick, careful = both(path, **options)
    told = quick.attrs.pop("import"), careful.attrs.pop("import")
    pd.testing.assert_frame_equal(quick, careful)
    assert {name: told[0][name] for name in COUNTS} == {name: told[1][name] for name in COUNTS}
    rejects = [sorted(one["rejects"], key=lambda reject: reject["line"]) for one in told]
    assert rejects[0] == rejects[1]
    return quick


@given(
    plain=st.lists(EVENT, min_size=30, max_size=60),
    strange=st.lists(STRANGE, max_size=6),
    seed=st.integers(0, 9),
    tail=st.sampled_from([b"", b"\n", b"\n\n"]),
    unmasked=st.booleans(),
)
@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_any_mixture_of_lines_gives_the_calls_and_counts_of_the_careful_way(
    plain: list[Any], strange: list[bytes], seed: int, tail: bytes, unmasked: bool
) -> None:
    lines = [*map(written, plain), *strange]
    random.Random(seed).shuffle(lines)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "it's [1].jsonl")
        path.write_bytes(b"\n".join(lines) + tail)
        assert_same(path, tz="Europe/London", unmasked=unmasked)


@pytest.mark.parametrize("place", range(len(BAD)))
def test_a_bad_line_is_refused_as_in_the_careful_way(tmp_path: Path, place: int) -> None:
    good = [compact(written((EVENTS[number % 5], number // 5, number % 5))) for number in range(100)]
    (tmp_path / "log.jsonl").write_bytes(b"\n".join([*good[:50], BAD[place].replace(b": ", b":"), *good[50:]]))

    assert len(assert_same(tmp_path / "log.jsonl")) == 20


def compact(text: bytes) -> bytes:
    return json.dumps(json.loads(text), separators=(",", ":")).encode()


def log_with_all_kinds(folder: Path) -> Path:
    """Receipts that came twice, odd and bad ones among plain ones."""
    abroad = {"destination": "+442079460123"}
    good = [
        written((EVENTS[number % 5], number // 5, number % 5), None, abroad if number < 80 else {})
        for number in range(200)
    ]
    odd = [b"oops", good[7], good[7].replace(b": ", b":  "), written(EVENT_OF_A_NEW_FIELD, None, {"extra": "x"})]
    path = folder / "log.jsonl"
    path.write_bytes(b"\n".join([*good, *odd]))
    return path


EVENT_OF_A_NEW_FIELD = (("ANSWERED", "7519"), 99, 1)


def test_odd_lines_and_duplicates_make_no_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "import_files", None)  # what writes one
    with pytest.warns(UserWarning, match="1 of 204 rows could not be read; the first: log.jsonl line 201: not JSON"):
        calls = imilab.read_calls(log_with_all_kinds(tmp_path), progress=False)

    told = calls.attrs["import"]
    assert (told["read"], told["kept"], told["duplicate"], told["rejected"]) == (204, 201, 2, 1)
    assert calls["receipts"].sum() == 201
    assert len(calls) == 41


@pytest.mark.filterwarnings("ignore:1 of 204 rows")
def test_lazy_calls_give_the_rates_and_the_comparison_of_the_frame(tmp_path: Path) -> None:
    path = log_with_all_kinds(tmp_path)
    frame = imilab.read_calls(path, progress=False)
    lazy = imilab.read_calls(path, progress=False, lazy=True)

    assert set(lazy.columns) >= {"offered_at_ms", "number_key", "country"}
    assert sorted(lazy.select("msisdn").fetchall()) == sorted((one,) for one in frame["msisdn"])
    for by in (imilab.hour(tz="Europe/London"), "country"):
        pd.testing.assert_frame_equal(imilab.rates(lazy, by=by).rows, imilab.rates(frame, by=by).rows)
    told = [str(imilab.compare(calls, arm="country", baseline="US")) for calls in (lazy, frame)]
    assert told[0] == told[1]


def test_lazy_calls_of_other_logs_outlive_the_reading(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(csv_text(event_rows(8)), encoding="utf-8")
    lazy = imilab.read_calls(tmp_path / "log.csv", tz="UTC", progress=False, lazy=True)

    assert lazy.aggregate("count(*), max(msisdn)").fetchall() == [(8, "+1•••••107")]


def test_a_calls_table_is_not_read_lazily(tmp_path: Path) -> None:
    table = imilab.report(imilab.load_sample("calls"), tmp_path / "calls.csv")
    with pytest.raises(InvalidInputError, match="leave lazy out"):
        imilab.read_calls(table, lazy=True)


@pytest.mark.parametrize("lazy", [False, True])
def test_no_bar_is_made_where_none_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lazy: bool) -> None:
    shown = []
    for place in (watching, importer):
        monkeypatch.setattr(place, "make_progress", remembering(place.make_progress, shown))
    (tmp_path / "log.csv").write_text(csv_text(event_rows(8)), encoding="utf-8")
    monkeypatch.setattr(watching, "_SECONDS_BEFORE", 0.0)
    imilab.read_calls(tmp_path / "log.csv", tz="UTC", progress=False, lazy=lazy)

    assert set(shown) == {False}


def remembering(made: Any, shown: list[object]) -> Any:
    def make(*words: Any, show: object = None) -> Any:
        shown.append(show)
        return made(*words, show=show)

    return make
