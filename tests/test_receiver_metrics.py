"""Metrics: what is counted, in a format that an independent reader takes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imilab.receiver.metrics import Family, Histogram, exposition
from imilab.receiver.tally import RESULTS
from imilab.wire import sign
from tests.prometheus_text import read
from tests.receiver_rig import ReceiverRig, body, post

LOOK = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
SECRET = b"hub secret"


def signed(content: bytes) -> bytes:
    return post(content, f"x-hub-signature: {sign(content, SECRET)}")


def test_every_result_is_counted_and_read_back(tmp_path):
    with ReceiverRig(tmp_path, secrets=(SECRET,)) as rig:
        requests = [
            *(signed(body(1)), signed(body(2)), signed(body(2)), signed(b"odd"), post(body(3)), post(body(4))),
            *(post(b"x" * 300_000), post(body(), "Content-Encoding: gzip"), post(body(), path="/elsewhere")),
        ]
        for request in requests:
            rig.ask(request)
        with rig.connect() as connection:
            connection.sendall(b"no HTTP\r\n\r\n")
            connection.recv(1000)
        with rig.connect() as kept:
            kept.sendall(signed(body(5)))
            kept.recv(1000)
            status, text = rig.ask(LOOK)
    assert status == 200
    metrics = read(text.decode())
    found = {
        name: metrics["imilab_receiver_requests_total"].value("imilab_receiver_requests_total", result=name)
        for name in RESULTS
    }
    assert found == {
        "stored": 3, "repeated": 1, "quarantined": 1, "forged": 2, "refused": 0,
        "too_large": 1, "coded": 1, "broken_off": 0, "misdirected": 1,
    }  # fmt: skip
    answers = metrics["imilab_receiver_answer_seconds"]
    assert answers.value("imilab_receiver_answer_seconds_count") == sum(found.values())
    commits = metrics["imilab_receiver_commit_seconds"]
    assert 1 <= commits.value("imilab_receiver_commit_seconds_count") <= 5
    assert commits.value("imilab_receiver_commit_seconds_sum") > 0
    ended = metrics["imilab_receiver_connections_ended_total"]
    assert ended.value("imilab_receiver_connections_ended_total", reason="malformed") == 1
    assert metrics["imilab_receiver_connections"].value("imilab_receiver_connections") >= 2
    assert metrics["imilab_receiver_waiting"].value("imilab_receiver_waiting") == 0
    assert metrics["imilab_store_free_bytes"].value("imilab_store_free_bytes") > 0
    kinds = {name: metric.kind for name, metric in metrics.items()}
    assert {kind for name, kind in kinds.items() if name.endswith("_total")} == {"counter"}
    assert {kind for name, kind in kinds.items() if not name.endswith("_total")} == {"gauge", "histogram"}


def test_metrics_are_served_with_the_formats_type(tmp_path):
    with ReceiverRig(tmp_path) as rig, rig.connect() as connection:
        connection.sendall(LOOK)
        head = connection.recv(200).lower()
    assert b"content-type: text/plain; version=0.0.4; charset=utf-8\r\n" in head


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(words=texts, label=texts, value=st.integers(0, 10**15) | st.floats(0, 1e300))
def test_any_words_and_labels_come_back(words, label, value):
    metric = read(exposition([Family("a_total", "counter", words, [("a_total", {"x": label, "y": ""}, value)])]))
    assert metric["a_total"].value("a_total", x=label, y="") == value
    assert metric["a_total"].words == words


@given(st.lists(st.floats(0, 20), max_size=50))
def test_a_histogram_counts_each_value_in_every_bucket_that_holds_it(values):
    histogram = Histogram()
    for value in values:
        histogram.observe(value)
    metric = read(exposition([Family("h", "histogram", "words", histogram.samples("h"))]))["h"]
    for (name, labels), count in metric.samples.items():
        if name == "h_bucket":
            bound = float(dict(labels)["le"].replace("Inf", "inf"))
            assert count == sum(value <= bound for value in values)
    assert metric.value("h_count") == len(values)
    assert math.isclose(metric.value("h_sum"), sum(values), abs_tol=1e-9)


@pytest.mark.parametrize(
    "text",
    [
        "a 1",
        "# HELP a w\n# TYPE a counter\na{x=\"1\" 2\n",
        "# HELP a w\n# TYPE a counter\na -1\n",
        "# HELP a w\n# TYPE a gauge\na 1\na 2\n",
        "# HELP a w\n# TYPE a gauge\nb 1\n",
        "# HELP a w\n# TYPE a gauge\na one\n",
        '# HELP a w\n# TYPE a histogram\na_bucket{le="+Inf"} 2\na_sum 1\na_count 3\n',
    ],
)  # fmt: skip
def test_the_reader_itself_is_strict(text):
    with pytest.raises((ValueError, KeyError)):
        read(text)
