"""OpenSSH's server on loopback with keys of its own, as an ordinary process."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["SftpServer", "why_no_sftp_server"]

_PATIENCE_SECONDS = 20.0


def why_no_sftp_server() -> str | None:
    """Return why none can run here, or None where one can."""
    if _program() is None or shutil.which("ssh-keygen") is None:
        return "no OpenSSH server here; as an administrator: apt-get install openssh-server"
    return None


def _program() -> str | None:
    return shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")


class SftpServer:
    """The server; a context manager.

    Attributes
    ----------
    port : int
    user : str
        Who runs the tests, and may log in with `key`.
    key, known_hosts : Path
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.user = getpass.getuser()
        self.key, self.known_hosts = folder / "user_key", folder / "known_hosts"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]

    def __enter__(self) -> Self:
        program = _program()
        assert program
        for name in ("host_key", "user_key"):
            made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self._folder / name)]
            subprocess.run(made, check=True)
        host = " ".join((self._folder / "host_key.pub").read_text().split()[:2])
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {host}\n")
        settings = {
            "ListenAddress": "127.0.0.1",
            "Port": self.port,
            "HostKey": self._folder / "host_key",
            "AuthorizedKeysFile": self._folder / "user_key.pub",
            "PidFile": "none",
            "StrictModes": "no",
            "UsePAM": "no",
            "PermitRootLogin": "prohibit-password",
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
            "Subsystem": "sftp internal-sftp",
        }
        if os.geteuid() == 0:  # the service's own unit would have made it
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        config = self._folder / "sshd_config"
        config.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        self._log = (self._folder / "sshd.log").open("wb")
        self._process = subprocess.Popen([program, "-D", "-e", "-f", str(config)], stderr=self._log)
        self._wait()
        return self

    def _wait(self) -> None:
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        self.__exit__(None, None, None)
        raise RuntimeError(f"sshd did not start: {(self._folder / 'sshd.log').read_text()[-500:]}")

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(_PATIENCE_SECONDS)
        self._log.close()
