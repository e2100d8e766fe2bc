"""Files that break while they are read: one sentence that names the file, and nothing of what a library said."""

from __future__ import annotations

import json
import re
import struct
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

import imilab
from imilab.errors import InvalidInputError
from imilab.logs import Mapping, sources
from tests.logs_factory import HEADER, bring_in, csv_text, event_rows, kept, zipped

SECRET = "X-Amz-Signature=CANARY-5c1d9e"
TEXT = csv_text(event_rows())


class Elsewhere:
    """A file system that lists, and then fails: at the opening, or after so many bytes."""

    def __init__(self, data: bytes, problem: Exception, good_bytes: int | None) -> None:
        self._data, self._problem, self._good_bytes = data, problem, good_bytes

    def exists(self, path: str) -> bool:
        return True

    def isdir(self, path: str) -> bool:
        return False

    def info(self, path: str) -> dict[str, object]:
        return {"type": "file", "size": len(self._data)}

    def open(self, path: str, mode: str) -> Elsewhere.File:
        if self._good_bytes is None:
            raise self._problem
        return self.File(self._data, self._problem, self._good_bytes)

    class File:
        def __init__(self, data: bytes, problem: Exception, good_bytes: int) -> None:
            self._data, self._problem, self._good_bytes, self._place = data, problem, good_bytes, 0

        def read(self, size: int) -> bytes:
            if self._place + size > self._good_bytes:
                raise self._problem
            found = self._data[self._place : self._place + size]
            self._place += size
            return found

        def seek(self, offset: int, whence: int = 0) -> int:
            self._place = offset
            return offset

        def tell(self) -> int:
            return self._place

        def close(self) -> None:
            pass


@pytest.mark.parametrize("problem", [PermissionError(f"Forbidden https://b/e?{SECRET}"), RuntimeError(SECRET)])
@pytest.mark.parametrize("good_bytes", [None, 0, 3_000_000])
def test_what_a_remote_file_system_raises_becomes_one_sentence_without_its_text(
    tmp_path, monkeypatch, problem, good_bytes
):
    data = csv_text(event_rows() * 500).encode()
    assert len(data) > 4_000_000
    monkeypatch.setattr(sources, "file_system", lambda *_: (Elsewhere(data, problem, good_bytes), "b/e.csv"))

    for read in (lambda: bring_in("s3://b/e.csv", tmp_path / "a"), lambda: imilab.inspect_logs("s3://b/e.csv")):
        with pytest.raises(InvalidInputError, match=rf"e.csv cannot be read.*{type(problem).__name__}") as caught:
            read()
        assert SECRET not in str(caught.value)
        if good_bytes:  # what is looked at alone is there
            break
    assert kept(tmp_path / "a") == []


@pytest.mark.parametrize("member", [0, 1])
def test_a_zip_of_a_method_that_cannot_be_read_is_told_so(tmp_path, member):
    path = zipped(tmp_path / "export.zip", {"a.csv": TEXT.encode(), "b.csv": TEXT.encode()})
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as packed:
        local = packed.infolist()[member].header_offset
    central = [found.start() for found in re.finditer(b"PK\x01\x02", data)][member]
    struct.pack_into("<H", data, local + 8, 9)  # Deflate64, of Windows Explorer
    struct.pack_into("<H", data, central + 10, 9)
    path.write_bytes(data)

    with pytest.raises(InvalidInputError, match=r"export.zip.*unpack it first"):
        bring_in(path, tmp_path / "a")


def test_a_parquet_file_with_damaged_rows_is_refused_as_a_whole(tmp_path):
    columns = dict(zip(HEADER, map(list, zip(*event_rows(), strict=True)), strict=True))
    path = tmp_path / "log.parquet"
    pa.parquet.write_table(pa.table(columns), path, compression="snappy", use_dictionary=False)
    data = bytearray(path.read_bytes())
    data[60:400] = b"\xff" * 340
    path.write_bytes(data)

    with pytest.raises(InvalidInputError, match=r"log.parquet cannot be read"):
        bring_in(path, tmp_path / "a")
    assert kept(tmp_path / "a") == []


@pytest.mark.parametrize("name", ['id"x', "back\\slash", "a/b~c", "$.x[*]", "*", " ", "it's"])
def test_a_key_of_json_may_have_any_sign(tmp_path, name):
    line = {name: "m1", "status": "ANSWERED", "when": "2026-03-02 09:00:00"}
    (tmp_path / "log.jsonl").write_text(json.dumps(line), encoding="utf-8")
    mapping = Mapping(columns={"message_id": name, "status": "status", "event_at": "when"})

    bring_in(tmp_path / "log.jsonl", tmp_path / "a", mapping=mapping)
    assert kept(tmp_path / "a", "message_id, status") == [("m1", "ANSWERED")]


def test_names_of_json_are_read_as_utf_8_although_a_line_is_not(tmp_path):
    line = json.dumps({"Id": "m1", "Ünal": "ANSWERED", "When": "2026-03-02 09:00:00"}, ensure_ascii=False)
    Path(tmp_path / "log.jsonl").write_bytes(line.encode() + b"\n" + line.encode("latin-1"))
    mapping = Mapping(columns={"message_id": "Id", "status": "Ünal", "event_at": "When"})
    summary = bring_in(tmp_path / "log.jsonl", tmp_path / "a", mapping=mapping)

    assert (summary.kept, summary.reasons) == (1, {"not UTF-8": 1})
