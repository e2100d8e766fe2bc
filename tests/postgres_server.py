"""A real PostgreSQL, started for the tests from Debian's package as a user without rights, on loopback and a socket."""

from __future__ import annotations

import ctypes
import itertools
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

__all__ = ["PASSWORD", "PostgresServer", "find_programs"]

PASSWORD = "s3cret/of the:tests"  # with characters that a URL has to escape
_ESCAPED = "s3cret%2Fof%20the%3Atests"
_START_SECONDS = 30.0
_UNPRIVILEGED = ("postgres", "nobody")


def find_programs() -> Path | None:
    """The folder of initdb and postgres: Debian's newest, else the one on the path."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    on_path = shutil.which("initdb")
    found = [*folders[-1:], *([Path(on_path).resolve().parent] if on_path else [])]
    return next((folder for folder in found if (folder / "initdb").exists() and (folder / "postgres").exists()), None)


class PostgresServer:
    """One server in a temporary folder, with ``fsync`` on; each store of a test gets a schema of its own in it."""

    def __init__(self, programs: Path, *options: str) -> None:
        self._programs = programs
        self._options = options
        self._folder = Path(tempfile.mkdtemp(prefix="imilab-pg-", dir="/tmp"))
        self._process: subprocess.Popen[bytes] | None = None
        self._names = itertools.count()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]

    def url(self, schema: str = "public", *, user: str = "imilab", password: str = _ESCAPED) -> str:
        options = f"?options=-csearch_path%3D{schema}"
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/postgres{options}"

    def socket_url(self, schema: str) -> str:
        """Lead to the server by its socket in the file system."""
        return f"postgresql://imilab:{_ESCAPED}@/postgres?host={self._folder}&port={self.port}&options=-csearch_path%3D{schema}"

    def new_store(self) -> str:
        """Make an empty schema and give the URL that leads to it."""
        name = f"store_{next(self._names)}_{secrets.token_hex(3)}"
        self.execute(f"CREATE SCHEMA {name}")
        return self.url(name)

    def another(self, *options: str) -> PostgresServer:
        """A second server, not yet started."""
        return PostgresServer(self._programs, *options)

    def execute(self, statement: str, schema: str = "public") -> list[Any]:
        """Run a statement as an administrator."""
        import psycopg

        with psycopg.connect(self.url(schema), autocommit=True) as connection:
            cursor = connection.execute(statement)  # type: ignore[arg-type]  # psycopg wants literals
            return cursor.fetchall() if cursor.description else []

    def start(self) -> None:
        data = self._folder / "data"
        command = [self._programs / "postgres", "-D", data, "-k", self._folder, "-p", str(self.port)]
        options = (
            "listen_addresses=127.0.0.1",
            "fsync=on",
            "max_connections=60",
            "shared_buffers=32MB",
            "autovacuum=off",
            *self._options,
        )
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *(part for one in options for part in ("-c", one))],
                stdout=log,
                stderr=log,
                cwd=self._folder,
                preexec_fn=_end_with_parent(),  # noqa: PLW1509 - a system call, no lock
                **_identity(),
            )
        until = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"PostgreSQL did not start: {(self._folder / 'log').read_text()[-2000:]}")
            time.sleep(0.02)

    def kill(self) -> None:
        """End it as a power cut does, every process of it, with nothing said to anybody."""
        assert self._process
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        for pid in (self._process.pid, *map(int, children)):
            os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(_START_SECONDS)

    def _answers(self) -> bool:
        command = [self._programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, check=False).returncode == 0

    def _make(self) -> None:
        identity = _identity()
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        if identity:
            for path in (self._folder, secret):
                shutil.chown(path, identity["user"], identity["group"])
        command = [self._programs / "initdb", "-D", self._folder / "data", "-U", "imilab", f"--pwfile={secret}"]
        more = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
        subprocess.run([*command, *more], check=True, capture_output=True, cwd=self._folder, **identity)

    def __enter__(self) -> Self:
        try:
            self._make()
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self._folder)


def _identity() -> dict[str, Any]:
    """Whom to run as: PostgreSQL refuses to run as root."""
    import pwd  # Windows has none

    if os.geteuid() != 0:
        return {}
    for name in _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise RuntimeError("no user postgres or nobody to run PostgreSQL as")


def _end_with_parent() -> Callable[[], None] | None:
    """On Linux, let the kernel stop the server where the tests are killed."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(1, signal.SIGQUIT) and None
