"""Logs elsewhere: S3 over HTTP by moto's server, SFTP by OpenSSH's, both on loopback."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer

import imilab
from imilab.errors import ConfigError, ImilabError, InvalidInputError
from imilab.logs.remote import without_secrets
from tests.logs_factory import bring_in, csv_text, event_rows, kept, zipped
from tests.sftp_server import SftpServer, why_no_sftp_server

ROWS = event_rows()
SECRET = "CANARY-77d0c1e2"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("exports")
    half = len(ROWS) // 2
    zipped(folder / "export.zip", {"a.csv": csv_text(ROWS[:half]).encode(), "b.csv": csv_text(ROWS[half:]).encode()})
    (folder / "one.csv").write_text(csv_text(ROWS[:half]), encoding="utf-8")
    (folder / "two.csv").write_text(csv_text(ROWS[half:]), encoding="utf-8")
    bring_in(folder / "export.zip", folder / "archive")
    return folder, kept(folder / "archive")


@pytest.fixture(scope="module")
def s3(files) -> Iterator[dict[str, object]]:
    folder, _ = files
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        access = {"endpoint_url": f"http://{host}:{port}"}
        keys = {"aws_access_key_id": "lab", "aws_secret_access_key": SECRET}
        client = boto3.client("s3", region_name="us-east-1", **access, **keys)
        client.create_bucket(Bucket="exports")
        for name in ("export.zip", "one.csv", "two.csv"):
            client.upload_file(str(folder / name), "exports", f"2026/{name}")
        for name in ("part-1.csv", "part-2.csv", "part-", "export#1.csv", "export", "a b.csv", "a%20b.csv", "a[1].csv"):
            client.upload_file(str(folder / "one.csv"), "exports", f"odd/{name}")
        client.close()
        yield {"key": "lab", "secret": SECRET, **access, "client_kwargs": {"region_name": "us-east-1"}}
    finally:
        server.stop()


@pytest.mark.parametrize("path", ["s3://exports/2026/export.zip", "s3://exports/2026/*.csv"])
def test_logs_on_s3_read_as_they_do_here(tmp_path, files, s3, path):
    bring_in(path, tmp_path / "a", remote=s3)

    assert kept(tmp_path / "a") == files[1]


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("odd/part-?.csv", ("part-1.csv", "part-2.csv")),
        ("*/part-?.csv", ("odd/part-1.csv", "odd/part-2.csv")),
        ("odd/export#1.csv", ("export#1.csv",)),
        ("odd/a%20b.csv", ("a%20b.csv",)),
        ("odd/a[1].csv", ("a[1].csv",)),
        (
            "odd",
            ("odd/a b.csv", "odd/a%20b.csv", "odd/a[1].csv", "odd/export#1.csv", "odd/part-1.csv", "odd/part-2.csv"),
        ),
    ],
)
def test_a_name_on_s3_is_read_as_it_stands(tmp_path, s3, path, names):
    assert bring_in(f"s3://exports/{path}", tmp_path / "a", remote=s3).sources == names


def test_a_folder_on_s3_is_read_whole_and_what_is_in_two_files_once(tmp_path, files, s3):
    summary = bring_in("s3://exports/2026", tmp_path / "a", remote=s3)

    assert (summary.kept, summary.duplicate) == (len(ROWS), len(ROWS))
    assert kept(tmp_path / "a") == files[1]


def test_what_is_not_on_s3_is_named_without_the_secret(tmp_path, s3):
    with pytest.raises(InvalidInputError, match=r"no log at s3://exports/none.zip") as caught:
        imilab.read_calls("s3://exports/none.zip", tz="UTC", options=s3)
    assert SECRET not in str(caught.value)


@pytest.fixture(scope="module")
def sftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SftpServer]:
    if reason := why_no_sftp_server():
        pytest.skip(reason)
    with SftpServer(tmp_path_factory.mktemp("sshd")) as server:
        yield server


def url(server: SftpServer, path: object) -> str:
    return f"sftp://{server.user}@127.0.0.1:{server.port}{path}"


def login(server: SftpServer) -> dict[str, object]:
    return {"key_filename": str(server.key), "look_for_keys": False, "allow_agent": False}


@pytest.mark.parametrize("name", ["export.zip", "*.csv"])
def test_logs_by_sftp_read_as_they_do_here(tmp_path, files, sftp, name):
    folder, expected = files
    remote = {**login(sftp), "known_hosts": str(sftp.known_hosts)}
    bring_in(url(sftp, folder / name), tmp_path / "a", remote=remote)

    assert kept(tmp_path / "a") == expected


@pytest.mark.parametrize("name", ["part-?.csv", "a%20b#1.csv"])
def test_a_name_by_sftp_is_read_as_it_stands(tmp_path, files, sftp, name):
    (tmp_path / name.replace("?", "1")).write_bytes((files[0] / "one.csv").read_bytes())
    remote = {**login(sftp), "known_hosts": str(sftp.known_hosts)}
    summary = bring_in(url(sftp, tmp_path / name), tmp_path / "a", remote=remote)

    assert summary.sources == (name.replace("?", "1"),)


def test_a_key_of_a_login_is_found_in_the_home_folder_and_missed_by_its_name(tmp_path, files, sftp, monkeypatch):
    monkeypatch.setenv("HOME", str(sftp.key.parent))
    remote = {**login(sftp), "known_hosts": str(sftp.known_hosts), "key_filename": f"~/{sftp.key.name}"}
    assert bring_in(url(sftp, files[0] / "one.csv"), tmp_path / "a", remote=remote).read > 0

    with pytest.raises(InvalidInputError, match="no file with the login's key; check key_filename"):
        bring_in(url(sftp, files[0] / "one.csv"), tmp_path / "b", remote={**remote, "key_filename": "~/none"})


def test_a_port_is_a_number_and_may_be_an_option(tmp_path, files, sftp):
    remote = {**login(sftp), "known_hosts": str(sftp.known_hosts), "port": str(sftp.port)}
    assert bring_in(f"sftp://{sftp.user}@127.0.0.1{files[0]}/one.csv", tmp_path / "a", remote=remote).read > 0

    with pytest.raises(InvalidInputError, match="port: no number"):
        bring_in(url(sftp, files[0] / "one.csv"), tmp_path / "b", remote={**remote, "port": "ssh"})


def test_a_password_with_a_slash_is_not_shown(tmp_path):
    with pytest.raises(InvalidInputError, match="as %2F") as caught:
        imilab.read_calls(f"sftp://lab:{SECRET}/x@host/a.zip")
    assert SECRET not in str(caught.value)


def test_a_server_whose_key_is_not_known_is_refused(tmp_path, files, sftp):
    empty = tmp_path / "known_hosts"
    for content, match in [("", "does not know"), (None, "there is no")]:
        if content is None:
            empty.unlink()
        else:
            empty.write_text(content)
        with pytest.raises(ConfigError, match=match) as caught:
            bring_in(
                url(sftp, files[0] / "export.zip"), tmp_path / "a", remote={**login(sftp), "known_hosts": str(empty)}
            )
        assert "ssh-keyscan -p" in str(caught.value)


def test_a_server_with_another_key_is_refused(tmp_path, files, sftp):
    other = tmp_path / "known_hosts"
    key = (sftp.key.with_suffix(".pub")).read_text().split()[:2]
    other.write_text(f"[127.0.0.1]:{sftp.port} {' '.join(key)}\n")

    with pytest.raises(ConfigError, match="shows another key"):
        bring_in(url(sftp, files[0] / "export.zip"), tmp_path / "a", remote={**login(sftp), "known_hosts": str(other)})


def test_a_refused_login_does_not_show_the_password(tmp_path, files, sftp):
    secret_url = f"sftp://{sftp.user}:{SECRET}@127.0.0.1:{sftp.port}{files[0]}/export.zip"
    remote = {"known_hosts": str(sftp.known_hosts), "look_for_keys": False, "allow_agent": False}

    with pytest.raises(InvalidInputError, match="refuses the login") as caught:
        bring_in(secret_url, tmp_path / "a", remote=remote)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("shown", "given"),
    [
        ("sftp://lab@host:2222/a.zip", f"sftp://lab:{SECRET}@host:2222/a.zip?x={SECRET}#{SECRET}"),
        ("s3://bucket/a b.zip", "s3://bucket/a b.zip"),
        ("s3://bucket/part-?.csv", "s3://bucket/part-?.csv"),
        ("s3://bucket/?/day=1/e#1.csv", f"s3://bucket/?/day=1/e#1.csv?sig={SECRET}"),
        ("s3://bucket", f"s3://bucket?sig={SECRET}"),
        ("/tmp/a:b@c", "/tmp/a:b@c"),
    ],
)
def test_urls_are_shown_without_secrets(shown, given):
    assert without_secrets(given) == shown


@pytest.mark.parametrize(("scheme", "module", "extra"), [("s3", "s3fs", "s3"), ("sftp", "paramiko", "sftp")])
def test_a_missing_library_is_named_with_its_extra(monkeypatch, tmp_path, scheme, module, extra):
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(ConfigError, match=rf'pip install "imilab\[{extra}\]"'):
        bring_in(f"{scheme}://host/a.zip", tmp_path / "a")


def test_other_schemes_are_refused_with_those_that_there_are():
    with pytest.raises(ImilabError, match=r"ftp:// cannot be read; .*s3://, sftp://"):
        imilab.read_calls("ftp://host/a.zip")
