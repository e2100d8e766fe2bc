"""Mappings: proposed from names, changed, saved, loaded; and what a look at a log shows."""

from __future__ import annotations

import pickle

import pytest

import imilab
from imilab.errors import InvalidInputError
from imilab.logs import Mapping
from imilab.logs.columns import FIELDS, field_of, propose
from tests.logs_factory import HEADER, bring_in, csv_text, event_rows


@pytest.mark.parametrize(
    ("names", "kind", "columns"),
    [
        (
            HEADER,
            "event",
            {
                "message_id": "Transaction ID",
                "status": "Delivery Status",
                "code": "Error Code",
                "event_at": "Event Time",
                "msisdn": "To",
            },
        ),
        (
            ("transid", "deliveryStatus", "timeStamp", "destination"),
            "event",
            {"message_id": "transid", "event_at": "timeStamp"},
        ),
        (
            (
                "TID",
                "Call Status",
                "Reason Code",
                "Requested Time",
                "Answered On",
                "Hangup Time",
                "CLI",
                "Mobile Number",
            ),
            "call",
            {
                "requested_at": "Requested Time",
                "answered_at": "Answered On",
                "ended_at": "Hangup Time",
                "caller_id": "CLI",
                "msisdn": "Mobile Number",
            },
        ),
        (("message_id", "status", "Sent Time"), "event", {"event_at": "Sent Time"}),
        (
            ("Message ID", "Status", "Event_Time (IST)", "Voice Name", "Locale"),
            "event",
            {"event_at": "Event_Time (IST)"},
        ),
    ],
)
def test_a_mapping_is_proposed_from_the_names(names, kind, columns):
    mapping = Mapping.proposed(names)

    assert mapping.kind == kind
    assert {name: mapping.columns.get(name) for name in columns} == columns
    mapping.check()


def test_every_spelling_leads_to_its_field_and_to_one_alone():
    spellings = [(field, one) for field, listed in FIELDS.items() for one in (*listed.split(", "), field)]

    assert [field_of(one.title()) for _, one in spellings] == [field for field, _ in spellings]
    assert propose(["Error", "Reason", "Status", "State"]) == {"status": "Status", "description": "Reason"}


def test_a_profile_is_saved_and_loaded_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mapping = Mapping(
        columns={"message_id": "Ref", "status": "What", "event_at": "When"}, tz="Asia/Kolkata", time_format="epoch_ms"
    )
    path = mapping.with_columns(code="Why").save("monthly export")

    assert path.relative_to(".").as_posix() == "imilab-profiles/monthly export.json"
    loaded = Mapping.load("monthly export")
    assert loaded == mapping.with_columns(code="Why") == pickle.loads(pickle.dumps(loaded))
    assert loaded.with_columns(code=None) == mapping
    with pytest.raises(InvalidInputError, match="no profile 'weekly'; there are monthly export"):
        Mapping.load("weekly")
    path.write_text('{"columns": {"shoe": "x"}}', encoding="utf-8")
    with pytest.raises(InvalidInputError, match=r"is no profile: .*'shoe' is no field"):
        Mapping.load("monthly export")


@pytest.mark.parametrize("name", ["../up", "", "a/b", ".hidden", "x" * 65])
def test_a_profile_cannot_be_named_out_of_its_folder(tmp_path, name):
    with pytest.raises(InvalidInputError, match="letters, digits"):
        Mapping().save(name, tmp_path)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"kind": "row"}, "'call' or an 'event'"),
        ({"columns": {"voice": "v"}}, "'voice' is no field of a row that is a event"),
        ({"encoding": "ebcdic"}, "one of utf-8"),
        ({"delimiter": ";;"}, "one ASCII character"),
        ({"time_format": "dmy"}, "time_format"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused(values, match):
    with pytest.raises(InvalidInputError, match=match.replace("a event", "an? event")):
        Mapping(**values)


def test_a_column_that_is_not_there_is_named_with_those_that_are(tmp_path):
    (tmp_path / "log.csv").write_text(csv_text(event_rows(1)), encoding="utf-8")
    mapping = Mapping(columns={"message_id": "Ref", "status": "delivery_status", "event_at": "Event Time"})

    with pytest.raises(InvalidInputError, match="no column 'Ref'; there are Transaction ID, "):
        bring_in(tmp_path / "log.csv", tmp_path / "a", mapping=mapping)
    bring_in(tmp_path / "log.csv", tmp_path / "a", mapping=mapping.with_columns(message_id="TRANSACTION-ID"))


def test_a_look_shows_what_was_detected_and_no_number(tmp_path):
    text = csv_text(event_rows(4), delimiter=";")
    (tmp_path / "log.csv").write_bytes(text.encode("utf-16"))
    found = imilab.inspect_logs(tmp_path / "log.csv")

    assert (found.dialect.delimiter, found.dialect.encoding, found.dialect.has_header) == (";", "utf-16-le", True)
    assert found.columns == HEADER
    assert found.mapping == Mapping.proposed(HEADER)
    assert len(found.rows()) == 5
    for shown in (str(found), found._repr_html_(), repr(found)):
        assert "2025550100" not in shown
    assert "+1•••••100" in str(found)
    assert "message_id      <- Transaction ID" in str(found)


def test_a_log_without_a_header_has_numbered_columns(tmp_path):
    text = csv_text(event_rows(4)).split("\n", 1)[1]
    (tmp_path / "log.csv").write_text(text, encoding="utf-8")
    found = imilab.inspect_logs(tmp_path / "log.csv")

    assert not found.dialect.has_header
    assert found.columns == tuple(f"column_{place}" for place in range(1, 8))
    mapping = Mapping(columns={"message_id": "column_1", "status": "column_3", "event_at": "column_6"})
    assert bring_in(tmp_path / "log.csv", tmp_path / "a", mapping=mapping).kept == 12
