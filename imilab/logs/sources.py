"""What there is to read: files, folders, patterns, members of zips, here or elsewhere."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Literal

import pyarrow as pa

from imilab.errors import InvalidInputError
from imilab.logs.remote import file_system, is_url, open_remote, without_secrets

__all__ = ["SUFFIXES", "LogFile", "OpenLog", "find_logs", "readable"]

Kind = Literal["text", "parquet"]
SUFFIXES = (".csv", ".tsv", ".txt", ".psv", ".log", ".jsonl", ".ndjson", ".json", ".parquet", ".pq", ".zip")
"""The endings that are looked for in a folder and in a zip, each also with ``.gz``, except the last three."""

_PEEK_BYTES = 8
_READ_BYTES = 1 << 20


@dataclass
class OpenLog:
    """A log while it is read.

    Attributes
    ----------
    stream : binary file
        What is in it, unpacked.
    position : callable
        How many bytes of `LogFile.size_bytes` are behind.
    """

    stream: BinaryIO
    position: Callable[[], int]


@dataclass(frozen=True)
class LogFile:
    """One file of rows.

    Attributes
    ----------
    name : str
        As it is shown, without secrets: ``export.zip/part-1.csv``.
    kind : {"text", "parquet"}
        Lines of text (delimited or JSON) or Parquet.
    size_bytes : int
        For the progress bar.
    open : callable
        A context manager of an `OpenLog`; can be used again.
    """

    name: str
    kind: Kind
    size_bytes: int
    open: Callable[[], AbstractContextManager[OpenLog]]


@dataclass(frozen=True)
class _Place:
    """A file before anybody looked into it."""

    name: str
    size_bytes: int
    open: Callable[[], BinaryIO]


@contextmanager
def find_logs(path: str | os.PathLike[str], options: Mapping[str, Any] | None = None) -> Iterator[list[LogFile]]:
    """Give the files of rows that a path names.

    Parameters
    ----------
    path : path or URL
        A file, a folder (all files below it whose ending is one of `SUFFIXES`), or a pattern with ``*``; here, or at
        ``s3://`` or ``sftp://``. What a file is, is told from its content: zip, gzip, Parquet or text.
    options : mapping, optional
        See `imilab.logs.remote.file_system`.

    Raises
    ------
    InvalidInputError
        There is nothing to read, a zip is broken or encrypted, or a file cannot be opened.
    """
    with ExitStack() as stack:
        places = _elsewhere(os.fspath(path), options or {}, stack) if is_url(os.fspath(path)) else _here(path)
        found: list[LogFile] = []
        for place in places:
            with readable(place.name):
                found.extend(_look_into(place))
        yield found


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Name the file whose bytes cannot be had.

    Raises
    ------
    InvalidInputError
        In place of what the file system, or what unpacks it, raises.
    """
    try:
        yield
    except NotImplementedError:
        raise InvalidInputError("path", f"{name} is packed in a way that cannot be read; unpack it first") from None
    except (zipfile.BadZipFile, EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError) as problem:
        raise InvalidInputError("path", f"{name} is broken ({problem}); get it again") from None
    except (OSError, pa.ArrowInvalid) as problem:
        reason = getattr(problem, "strerror", None) or type(problem).__name__
        raise InvalidInputError("path", f"{name} cannot be read to its end: {reason}") from None


def _here(path: str | os.PathLike[str]) -> list[_Place]:
    source = Path(path).expanduser()
    if source.is_dir():
        found = [
            one for one in sorted(source.rglob("*")) if one.is_file() and _fits(one.relative_to(source).as_posix())
        ]
        named = [(one, f"{source.name}/{one.relative_to(source).as_posix()}") for one in found]
    elif source.exists():
        named = [(source, source.name)]
    else:
        found = (
            sorted(Path(source.anchor or ".").glob(str(source.relative_to(source.anchor))))
            if _is_pattern(source)
            else []
        )
        start = _start_of_names(source.as_posix())
        named = [(one, one.as_posix().removeprefix(start)) for one in found if one.is_file()]
    if not named:
        what = (
            f"no log in {source}; its files end in {', '.join(SUFFIXES)}"
            if source.is_dir()
            else f"there is no file {source}"
        )
        raise InvalidInputError("path", what)
    return [_Place(name, one.stat().st_size, _opener(one)) for one, name in named]


def _opener(path: Path) -> Callable[[], BinaryIO]:
    def open_it() -> BinaryIO:
        try:
            return path.open("rb")
        except OSError as problem:
            raise InvalidInputError("path", f"{path} cannot be read: {problem.strerror or problem}") from None

    return open_it


def _is_pattern(path: os.PathLike[str] | str) -> bool:
    return any(sign in os.fspath(path) for sign in "*?[")


def _start_of_names(path: str) -> str:
    """Return what the names leave out: the folders before a pattern's first sign, or all before the last name."""
    first = next((place for place, sign in enumerate(path) if sign in "*?["), len(path.rstrip("/")))
    return path[: path.rfind("/", 0, first) + 1]


def _fits(name: str) -> bool:
    parts = PurePosixPath(name).parts
    if any(part.startswith((".", "__MACOSX")) for part in parts):
        return False
    return name.lower().removesuffix(".gz").endswith(SUFFIXES)


def _elsewhere(url: str, options: Mapping[str, Any], stack: ExitStack) -> list[_Place]:
    shown = without_secrets(url)
    system, path = file_system(url, options)
    if (client := getattr(system, "client", None)) is not None:
        stack.callback(client.close)
    try:
        found = _list(system, path)
    except Exception as problem:  # noqa: BLE001 - each file system has errors of its own, with URLs and keys in them
        raise InvalidInputError("path", f"{shown} cannot be read ({type(problem).__name__})") from None
    if not found:
        raise InvalidInputError("path", f"there is no log at {shown}")
    start = _start_of_names(path)
    return [_Place(name.removeprefix(start), size, partial(open_remote, system, name)) for name, size in found]


def _list(system: Any, path: str) -> list[tuple[str, int]]:
    if _is_pattern(path) and not system.exists(path):
        names: Sequence[str] = sorted(system.glob(path))
    elif system.isdir(path):
        names = sorted(name for name in system.find(path) if _fits(name.removeprefix(path).lstrip("/")))
    else:
        names = [path] if system.exists(path) else []
    found = [(name, system.info(name)) for name in names]
    return [(name, int(info.get("size") or 0)) for name, info in found if info["type"] == "file"]


def _look_into(place: _Place) -> Iterator[LogFile]:
    with place.open() as file:
        head = file.read(_PEEK_BYTES)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        yield from _members(place)
    else:
        yield _as_log(place, head)


def _as_log(place: _Place, head: bytes) -> LogFile:
    if head.startswith(b"PAR1"):
        return LogFile(place.name, "parquet", place.size_bytes, lambda: _plain(place))
    if head.startswith(b"\x1f\x8b"):
        return LogFile(place.name, "text", place.size_bytes, lambda: _unzipped(place))
    return LogFile(place.name, "text", place.size_bytes, lambda: _plain(place))


@contextmanager
def _plain(place: _Place) -> Iterator[OpenLog]:
    with place.open() as file:
        yield OpenLog(file, file.tell)


@contextmanager
def _unzipped(place: _Place) -> Iterator[OpenLog]:
    with place.open() as file, gzip.GzipFile(fileobj=file) as unzipped:
        yield OpenLog(unzipped, file.tell)  # type: ignore[arg-type]  # read as a BinaryIO is


def _members(place: _Place) -> Iterator[LogFile]:
    with place.open() as file, zipfile.ZipFile(file) as packed:
        members = [one for one in packed.infolist() if not one.is_dir() and _fits(one.filename)]
        for one in members:
            if one.flag_bits & 1:
                raise InvalidInputError("path", f"{place.name} is encrypted; unpack it first")
            inner = _Place(f"{place.name}/{one.filename}", one.file_size, _member_opener(place, one))
            with packed.open(one) as member:
                head = member.read(_PEEK_BYTES)
            if head.startswith(b"PK\x03\x04"):
                raise InvalidInputError("path", f"{inner.name} is a zip in a zip; unpack the outer one first")
            yield _as_log(inner, head)
    if not members:
        raise InvalidInputError("path", f"no log in {place.name}; its members end in {', '.join(SUFFIXES)}")


def _member_opener(place: _Place, member: zipfile.ZipInfo) -> Callable[[], BinaryIO]:
    def open_it() -> BinaryIO:
        return _Member(place.open(), member)

    return open_it


class _Member(io.BufferedReader):
    """A zip's member; closing it closes the zip."""

    def __init__(self, file: BinaryIO, member: zipfile.ZipInfo) -> None:
        self._zip_file, self._zip = file, zipfile.ZipFile(file)
        super().__init__(self._zip.open(member), _READ_BYTES)  # type: ignore[arg-type]  # typeshed wants a raw one

    def close(self) -> None:
        super().close()
        self._zip.close()
        self._zip_file.close()
