"""Several files at once: empty ones, ones that are no log, and names that tell them apart."""

from __future__ import annotations

import pytest

import imilab
from imilab.archive import Archive
from imilab.errors import InvalidInputError
from imilab.logs import rejects_frame
from tests.logs_factory import HEADER, bring_in, csv_text, event_rows, zipped

TEXT = csv_text(event_rows(4))


@pytest.fixture
def logs(tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "b.csv").write_text(TEXT, encoding="utf-8")
    return folder


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf\n \n"])
def test_an_empty_file_beside_others_is_left_out_and_named(logs, tmp_path, content):
    (logs / "a.csv").write_bytes(content)
    (logs / "c.csv").write_text(csv_text([]), encoding="utf-8")
    summary = bring_in(logs, tmp_path / "a")

    assert (summary.kept, summary.empty) == (12, ("logs/a.csv",))
    assert summary.sources == ("logs/b.csv", "logs/c.csv")
    assert "1 file is empty: logs/a.csv" in str(summary)
    assert imilab.inspect_logs(logs).columns == HEADER


def test_an_empty_member_of_a_zip_is_left_out_too(tmp_path):
    packed = zipped(tmp_path / "export.zip", {"a.csv": b"", "b.csv": TEXT.encode()})

    assert bring_in(packed, tmp_path / "a").empty == ("export.zip/a.csv",)


def test_files_that_are_all_empty_are_refused(logs, tmp_path):
    (logs / "b.csv").write_bytes(b"")
    (logs / "c.csv").write_bytes(b"")

    for read in (lambda: bring_in(logs, tmp_path / "a"), lambda: imilab.inspect_logs(logs)):
        with pytest.raises(InvalidInputError, match=r"logs/b.csv is empty"):
            read()


@pytest.mark.parametrize(("name", "data"), [("a.txt", b"The export of March.\n"), ("a.json", b'{\n "x": 1\n}\n')])
def test_a_file_that_is_no_log_beside_others_is_named_with_the_way_out(logs, tmp_path, name, data):
    (logs / name).write_bytes(data)

    with pytest.raises(InvalidInputError, match=rf"logs/{name}.*leave it out.*such as \*\.csv") as problem:
        bring_in(logs, tmp_path / "a")
    assert str(problem.value).count("\n") == 0
    assert bring_in(logs / "*.csv", tmp_path / "a").kept == 12


def test_a_file_that_is_no_log_alone_has_no_other_way_out(tmp_path):
    (tmp_path / "readme.txt").write_text("The export of March.\n", encoding="utf-8")

    with pytest.raises(InvalidInputError) as problem:
        bring_in(tmp_path / "readme.txt", tmp_path / "a")
    assert "leave it out" not in str(problem.value)


@pytest.mark.parametrize("pattern", ["{}/*/e.csv", "{}/?/*.csv", "{}/[xy]/e.csv"])
def test_files_of_a_pattern_are_named_from_its_first_sign_on(tmp_path, monkeypatch, pattern):
    for one in "xy":
        (tmp_path / "fold" / one).mkdir(parents=True)
        (tmp_path / "fold" / one / "e.csv").write_text(f"{TEXT}odd,row\n", encoding="utf-8")

    monkeypatch.chdir(tmp_path)
    for number, fold in enumerate((tmp_path / "fold", "fold", f"../{tmp_path.name}/fold")):
        summary = bring_in(pattern.format(fold), tmp_path / f"a{number}")
        assert summary.sources == ("x/e.csv", "y/e.csv")
    rejects = rejects_frame(Archive(tmp_path / "a0").reject_files())
    assert rejects["file"].to_list() == ["x/e.csv", "y/e.csv"]
