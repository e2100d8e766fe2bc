"""Files that are elsewhere, through fsspec: ``s3://bucket/key`` and ``sftp://user@host/path``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from imilab.errors import ConfigError, InvalidInputError

__all__ = ["SCHEMES", "file_system", "is_url", "without_secrets"]

SCHEMES = ("s3", "sftp")
"""What can be read."""

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_KNOWN_HOSTS = "known_hosts"


def is_url(path: str) -> bool:
    """Say whether this names something elsewhere."""
    return _URL.match(path) is not None


def without_secrets(url: str) -> str:
    """Return a URL without its password, query and fragment, to show it.

    Examples
    --------
    >>> without_secrets("sftp://lab:s3cret@files.example/exports/a.zip?token=1")
    'sftp://lab@files.example/exports/a.zip'
    """
    if not is_url(url):
        return url
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    return urlunsplit((parts.scheme, user.partition(":")[0] + at + host, parts.path, "", ""))


def file_system(url: str, options: Mapping[str, Any]) -> tuple[Any, str]:
    """Return the file system of a URL, and the path in it.

    Parameters
    ----------
    url : str
        ``s3://`` or ``sftp://``.
    options : mapping
        For S3 those of `s3fs.S3FileSystem` (``key, secret, endpoint_url, profile``; by default what the AWS tools use:
        environment, profile, role). For SFTP those of paramiko's `SSHClient.connect` (``username, password,
        key_filename, port``), and ``known_hosts``, the file of host keys (by default ``~/.ssh/known_hosts``).

    Raises
    ------
    InvalidInputError
        Another scheme.
    ConfigError
        The library for it is not installed, or the server's key is not known.
    """
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    if scheme == "s3":
        return _s3(options), parts.netloc + unquote(parts.path)
    if scheme == "sftp":
        return _sftp(parts, options), unquote(parts.path)
    raise InvalidInputError("path", f"{scheme}:// cannot be read; give a file, a folder, {'://, '.join(SCHEMES)}://")


def _s3(options: Mapping[str, Any]) -> Any:
    try:
        import s3fs  # type: ignore[import-untyped]  # it ships no types
    except ImportError:
        raise ConfigError("s3", 'reading s3:// needs s3fs: pip install "imilab[s3]"') from None
    # Not cached, so that its listing and its credentials are those of now.
    return s3fs.S3FileSystem(skip_instance_cache=True, use_listings_cache=False, **options)


def _sftp(parts: SplitResult, options: Mapping[str, Any]) -> Any:
    try:
        import paramiko  # type: ignore[import-untyped]  # it ships no types
        from fsspec.implementations.sftp import SFTPFileSystem  # type: ignore[import-untyped]
    except ImportError:
        raise ConfigError("sftp", 'reading sftp:// needs paramiko: pip install "imilab[sftp]"') from None
    host = parts.hostname or ""
    given: dict[str, Any] = {"port": parts.port or 22, "timeout": 30, "banner_timeout": 30, "auth_timeout": 30}
    given |= {"username": unquote(parts.username)} if parts.username else {}
    given |= {"password": unquote(parts.password)} if parts.password else {}
    given |= {name: value for name, value in options.items() if name != _KNOWN_HOSTS}
    known = Path(options.get(_KNOWN_HOSTS) or "~/.ssh/known_hosts").expanduser()

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
        raise ConfigError(_KNOWN_HOSTS, f"there is no {known}; {_way_to_know(host, parts.port)}") from None
    except paramiko.BadHostKeyException:
        raise ConfigError(
            _KNOWN_HOSTS, f"{host} shows another key than {known} has: do not go on, ask who runs it"
        ) from None
    except paramiko.AuthenticationException:
        raise InvalidInputError("path", f"{host} refuses the login; check username, password or key_filename") from None
    except (paramiko.SSHException, OSError) as problem:
        if "not found in known_hosts" in str(problem):
            raise ConfigError(_KNOWN_HOSTS, f"{known} does not know {host}; {_way_to_know(host, parts.port)}") from None
        raise InvalidInputError("path", f"{host} cannot be reached by SFTP ({type(problem).__name__})") from None


def _way_to_know(host: str, port: int | None) -> str:
    where = f"-p {port} {host}" if port and port != 22 else host
    return (
        f"run ssh-keyscan {where}, compare with what its owner tells, add it to the file; or name another file: "
        "options={'known_hosts': ...}"
    )
