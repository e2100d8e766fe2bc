"""Files that are elsewhere, through fsspec: ``s3://bucket/key`` and ``sftp://user@host/path``."""

from __future__ import annotations

import errno
import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

from imilab.errors import ConfigError, InvalidInputError

__all__ = ["SCHEMES", "file_system", "is_url", "open_remote", "without_secrets"]

SCHEMES = ("s3", "sftp")
"""What can be read."""

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_QUERY = re.compile(r"[?#][^?#/]*=.*", re.DOTALL)  # a sign of a pattern, or of a name, has no = behind it
_KNOWN_HOSTS = "known_hosts"
_SSH_PORT = 22
_READ_BYTES = 1 << 20


def is_url(path: str) -> bool:
    """Say whether this names something elsewhere."""
    return _URL.match(path) is not None


def without_secrets(url: str) -> str:
    """Return a URL without its password, and without what looks like a query, to show it.

    Examples
    --------
    >>> without_secrets("sftp://lab:s3cret@files.example/exports/a.zip?token=1")
    'sftp://lab@files.example/exports/a.zip'
    """
    if not is_url(url):
        return url
    scheme, authority, path = _split(url)
    user, at, host = authority.rpartition("@")
    return _QUERY.sub("", f"{scheme}://{user.partition(':')[0]}{at}{host}{path}")


def _split(url: str) -> tuple[str, str, str]:
    """Split a URL into scheme, authority and path, which stands as it is: ``?``, ``#`` and ``%20`` are signs of it."""
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return scheme.lower(), authority, slash + path


def file_system(url: str, options: Mapping[str, Any]) -> tuple[Any, str]:
    """Return the file system of a URL, and the path in it.

    Parameters
    ----------
    url : str
        ``s3://`` or ``sftp://``; what follows the bucket or the host is a name or a pattern, as it stands.
    options : mapping
        For S3 those of `s3fs.S3FileSystem` (``key, secret, endpoint_url, profile``; by default what the AWS tools use:
        environment, profile, role). For SFTP those of paramiko's `SSHClient.connect` (``username, password,
        key_filename, port``), and ``known_hosts``, the file of host keys (by default ``~/.ssh/known_hosts``).

    Raises
    ------
    InvalidInputError
        Another scheme, a login that is refused, or a server that is not reached.
    ConfigError
        The library for it is not installed, or the server's key is not known.
    """
    scheme, authority, path = _split(url)
    if scheme == "s3":
        return _s3(options), authority + path
    if scheme == "sftp":
        return _sftp(authority, options), path
    raise InvalidInputError("path", f"{scheme}:// cannot be read; give a file, a folder, {'://, '.join(SCHEMES)}://")


def _s3(options: Mapping[str, Any]) -> Any:
    try:
        import s3fs  # type: ignore[import-untyped]  # it ships no types
    except ImportError:
        raise ConfigError("s3", 'reading s3:// needs s3fs: pip install "imilab[s3]"') from None
    # Not cached, so that its listing and its credentials are those of now.
    return s3fs.S3FileSystem(skip_instance_cache=True, use_listings_cache=False, **options)


def _sftp(authority: str, options: Mapping[str, Any]) -> Any:
    try:
        import paramiko  # type: ignore[import-untyped]  # it ships no types
        from fsspec.implementations.sftp import SFTPFileSystem  # type: ignore[import-untyped]  # nor does fsspec
    except ImportError:
        raise ConfigError("sftp", 'reading sftp:// needs paramiko: pip install "imilab[sftp]"') from None
    host, given = _login(authority, options)
    port = given["port"]
    known = Path(options.get(_KNOWN_HOSTS) or "~/.ssh/known_hosts").expanduser()
    if not known.is_file():
        raise ConfigError(_KNOWN_HOSTS, f"there is no {known}; {_way_to_know(host, port)}")

    class CheckedFileSystem(SFTPFileSystem):  # type: ignore[misc]  # fsspec ships no types
        """Refuses a server whose key is not in the file: fsspec's own would accept any."""

        def _connect(self) -> None:
            self.client = paramiko.SSHClient()
            self.client.set_missing_host_key_policy(paramiko.RejectPolicy())
            self.client.load_host_keys(str(known))
            self.client.connect(self.host, **self.ssh_kwargs)
            self.ftp = self.client.open_sftp()

    try:
        return CheckedFileSystem(host, skip_instance_cache=True, **given)
    except FileNotFoundError:
        raise InvalidInputError("path", "there is no file with the login's key; check key_filename") from None
    except paramiko.BadHostKeyException:
        raise ConfigError(
            _KNOWN_HOSTS, f"{host} shows another key than {known} has: do not go on, ask who runs it"
        ) from None
    except paramiko.AuthenticationException:
        raise InvalidInputError("path", f"{host} refuses the login; check username, password or key_filename") from None
    except (paramiko.SSHException, OSError) as problem:
        if "not found in known_hosts" in str(problem):
            raise ConfigError(_KNOWN_HOSTS, f"{known} does not know {host}; {_way_to_know(host, port)}") from None
        raise InvalidInputError("path", f"{host} cannot be reached by SFTP ({type(problem).__name__})") from None


def _login(authority: str, options: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the host of ``user:password@host:port``, and what to connect with; an option goes before the URL."""
    try:
        parts = urlsplit(f"sftp://{authority}")
        port = parts.port or _SSH_PORT
    except ValueError:
        raise InvalidInputError(
            "path", "what stands between sftp:// and the next / is no host and port; write a / in a password as %2F"
        ) from None
    login = {"username": parts.username, "password": parts.password}
    given: dict[str, Any] = {"port": port, "timeout": 30, "banner_timeout": 30, "auth_timeout": 30}
    given |= {name: unquote(text) for name, text in login.items() if text}
    given |= {name: value for name, value in options.items() if name != _KNOWN_HOSTS}
    if not str(given["port"]).isdecimal():
        raise InvalidInputError("port", "no number; the port of SFTP is 22 where nothing else was told")
    given["port"] = int(given["port"])
    if isinstance(given.get("key_filename"), str):
        given["key_filename"] = str(Path(given["key_filename"]).expanduser())
    return parts.hostname or "", given


def _way_to_know(host: str, port: int) -> str:
    where = f"-p {port} {host}" if port != _SSH_PORT else host
    return (
        f"run ssh-keyscan {where}, compare with what its owner tells, add it to the file; or name another file: "
        "options={'known_hosts': ...}"
    )


def open_remote(system: Any, name: str) -> BinaryIO:
    """Open a file of a file system; whatever it raises, now or later, becomes an OSError that names the kind alone."""
    with _nameless():
        return io.BufferedReader(_Raw(system.open(name, "rb")), _READ_BYTES)


@contextmanager
def _nameless() -> Iterator[None]:
    try:
        yield
    except Exception as problem:  # noqa: BLE001 - each file system has errors of its own, with URLs and keys in them
        raise OSError(errno.EIO, type(problem).__name__) from None


class _Raw(io.RawIOBase):
    """A remote file as the buffered reader wants it."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with _nameless():
            data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        with _nameless():
            self._file.seek(offset, whence)
        return self.tell()

    def tell(self) -> int:
        return int(self._file.tell())

    def close(self) -> None:
        if not self.closed:
            with _nameless():
                self._file.close()
        super().close()
