"""`offhook agora fetch`: from an HTTPS server on loopback into a folder, or not at all."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import hashlib
import io
import json
import os
import ssl
import stat
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme
from tests.patience import PATIENCE_S
from tests.permissions import bound_by_permissions
from tests.plugins.agora_files import (
    AARCH64,
    HERE,
    LINUX,
    SYMBOLS,
    X86_64,
    Served,
    Server,
    archive,
    elf,
    https_server,
    upstream,
)

from offhook.cli.root import run
from offhook.errors import ConfigError, OffhookError, StorageError, TransportNotSetUp, TransportUnavailable
from offhook.interfaces import Environment
from offhook_agora.fetch.addresses import pinned_address
from offhook_agora.fetch.folder_lock import locked
from offhook_agora.fetch.limits import Limits
from offhook_agora.fetch.progress import PlainProgress, make_progress
from offhook_agora.fetch.provision import Fetch, Fetched, Order
from offhook_agora.fetch.target import replace
from offhook_agora.machine import Machine
from offhook_agora.marker import Marker, read_marker

if TYPE_CHECKING:
    from collections.abc import Iterator

ZIP = archive()
SHA256 = hashlib.sha256(ZIP).hexdigest()
LIMITS = Limits(archive_bytes=1_000_000, unpacked_bytes=1_000_000, files=50, total_s=60, idle_s=10)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def certificate(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("localhost")


@pytest.fixture(autouse=True)
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server(certificate: trustme.LeafCert) -> Iterator[Server]:
    with https_server(certificate) as server:
        server.files["/sdk.zip"] = Served(ZIP)
        yield server


class Notes:
    """Keeps what progress was reported."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.last: tuple[int, int | None] = (0, None)

    def at(self, received: int, total: int | None) -> None:
        self.last = (received, total)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def close(self) -> None:
        pass


class Bench:
    """Fetches into one folder."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "agora"
        self.work = home / ".agora.fetch"
        self.progress = Notes()

    def fetch(
        self,
        url: str = "",
        *,
        into: Path | None = None,
        zip_: Path | None = None,
        sha256: str = "",
        trust: bool = False,
        limits: Limits = LIMITS,
        machine: Machine = LINUX,
    ) -> Fetched:
        order = Order(into or self.folder, url, zip_, sha256, trust)
        return Fetch(order, Environment({"OFFHOOK_HOME": str(self.home)}), machine, self.progress, limits).run()

    def refused(self, kind: type[OffhookError], url: str = "", **how: object) -> str:
        with pytest.raises(kind) as caught:
            self.fetch(url, **how)  # type: ignore[arg-type]
        message = caught.value.message
        assert message.isprintable()
        return message


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    home = tmp_path / "home"
    home.mkdir()
    return Bench(home)


def test_an_archive_with_the_right_hash_is_unpacked(server: Server, bench: Bench) -> None:
    fetched = bench.fetch(server.url(), sha256=SHA256)
    assert fetched == Fetched(bench.folder, SHA256, False, 0)
    assert (bench.folder / "agora_sdk" / "libagora_rtc_sdk.so").read_bytes() == elf()
    assert (bench.folder / "agora_sdk" / "include" / "a.h").is_file()
    assert read_marker(bench.folder) == Marker("agora", "", server.url(), SHA256)
    assert sorted(path.name for path in bench.home.iterdir()) == ["agora", "agora-hashes.json", "agora-hashes.lock"]
    assert bench.progress.last == (len(ZIP), len(ZIP))


def test_an_unknown_address_is_not_even_asked(server: Server, bench: Bench) -> None:
    message = bench.refused(ConfigError, server.url())
    assert "--sha256 HEX" in message
    assert "--trust-first" in message
    assert not server.asked
    assert not bench.work.exists()


@pytest.mark.parametrize("text", ["abc", "g" * 64, SHA256 + "0", "", "sha256:"])
def test_a_hash_must_be_one(server: Server, bench: Bench, text: str) -> None:
    bench.refused(ConfigError, server.url(), sha256=text)
    assert not server.asked


def test_a_hash_may_be_in_capitals(server: Server, bench: Bench) -> None:
    assert bench.fetch(server.url(), sha256=f"  {SHA256.upper()}").sha256 == SHA256


def test_another_hash_is_refused(server: Server, bench: Bench) -> None:
    message = bench.refused(TransportUnavailable, server.url(), sha256="0" * 64)
    assert SHA256 in message
    assert not bench.folder.exists()
    assert not bench.work.exists()


def test_what_was_trusted_once_is_held_to_its_hash(server: Server, bench: Bench) -> None:
    assert bench.fetch(server.url(), trust=True).trusted
    assert not bench.fetch(server.url()).trusted
    server.files["/sdk.zip"] = Served(other := archive({f"x/{name}": elf() for name in LINUX.needed_libraries}))
    for trust in (False, True):
        message = bench.refused(TransportUnavailable, server.url(), trust=trust)
        assert hashlib.sha256(other).hexdigest() in message
        assert SHA256 in message
    assert read_marker(bench.folder) == Marker("agora", "", server.url(), SHA256)
    # The user may know better, and is held to that from then on.
    bench.fetch(server.url(), sha256=hashlib.sha256(other).hexdigest())
    bench.fetch(server.url())


def test_what_could_not_be_used_is_not_trusted(server: Server, bench: Bench) -> None:
    server.files["/sdk.zip"] = Served(b"<html>log in to this network</html>")
    assert "is not a zip file" in bench.refused(TransportUnavailable, server.url(), trust=True)
    server.files["/sdk.zip"] = Served(ZIP)
    assert bench.fetch(server.url(), trust=True).trusted


def test_a_query_is_neither_shown_nor_kept(server: Server, bench: Bench) -> None:
    url = server.url("/sdk.zip?signature=s3cret")
    assert "s3cret" not in bench.refused(ConfigError, url)
    bench.fetch(url, trust=True)
    assert server.asked == [("/sdk.zip?signature=s3cret", "")]
    assert not [path for path in bench.home.rglob("*.json") if "s3cret" in path.read_text("utf-8")]


@pytest.mark.parametrize("text", ['{"format": 1, "sha256": {"a": "b"}}', "[]", "{", '{"sha256": [1]}', "\xff"])
def test_damaged_hashes_are_not_taken_for_none(server: Server, bench: Bench, text: str) -> None:
    (bench.home / "agora-hashes.json").write_text(text, "latin-1")
    assert "agora-hashes.json" in bench.refused(ConfigError, server.url(), trust=True)
    assert not server.asked


def test_a_foreign_authority(server: Server, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "other.pem"))
    message = bench.refused(TransportUnavailable, server.url(), trust=True)
    assert "certificate of localhost is not trusted" in message
    assert "SSL_CERT_FILE" in message
    assert not server.asked


@pytest.mark.trap("2.1d")
def test_the_default_that_upstream_switches_off_is_not_used(
    server: Server, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssl, "_create_default_https_context", ssl._create_unverified_context)
    monkeypatch.delenv("SSL_CERT_FILE")
    assert "is not trusted" in bench.refused(TransportUnavailable, server.url(), trust=True)


def test_another_host_name(authority: trustme.CA, bench: Bench) -> None:
    with https_server(authority.issue_cert("elsewhere.example")) as server:
        message = bench.refused(TransportUnavailable, server.url(), trust=True)
    assert "not trusted: Hostname mismatch" in message


def test_an_expired_certificate(authority: trustme.CA, bench: Bench) -> None:
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    expired = authority.issue_cert("localhost", not_before=past, not_after=past + datetime.timedelta(days=1))
    with https_server(expired) as server:
        assert "certificate has expired" in bench.refused(TransportUnavailable, server.url(), trust=True)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_wrong_setting_for_certificates(
    server: Server, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    path = tmp_path / "none.pem"
    if content:
        path.write_text(content, "ascii")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    message = bench.refused(ConfigError, server.url(), trust=True)
    assert "offhook doctor" in message


def test_a_proxy_that_is_none_is_not_shown(server: Server, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "ftp://user:s3cret@proxy.example")
    assert "s3cret" not in bench.refused(ConfigError, server.url(), trust=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/sdk.zip",
        "ftp://localhost/sdk.zip",
        "file:///etc/passwd",
        "sdk.zip",
        "https:///sdk.zip",
        "https://user:secret@localhost/sdk.zip",
        "https://[::1/",
        "https://localhost:99999999/",
        "\n",
    ],
)
def test_only_https_addresses(bench: Bench, url: str) -> None:
    assert "secret" not in bench.refused(ConfigError, url, trust=True)


def test_a_redirect_is_followed(server: Server, bench: Bench) -> None:
    server.files["/a"] = Served(location="/b")
    server.files["/b"] = Served(location=server.url())
    bench.fetch(server.url("/a"), trust=True)
    assert [path for path, _ in server.asked] == ["/a", "/b", "/sdk.zip"]


def test_a_redirect_to_plain_http_is_refused(server: Server, bench: Bench) -> None:
    server.files["/a"] = Served(location=f"http://localhost:{server.port}/sdk.zip")
    assert "https" in bench.refused(ConfigError, server.url("/a"), trust=True)
    assert [path for path, _ in server.asked] == ["/a"]


@pytest.mark.parametrize("location", ["/a", "https://localhost:0x/", "https://u:p@localhost/"])
def test_redirects_that_lead_nowhere(server: Server, bench: Bench, location: str) -> None:
    server.files["/a"] = Served(location=location)
    bench.refused(OffhookError, server.url("/a"), trust=True)
    assert len(server.asked) <= LIMITS.redirects + 1


@pytest.mark.parametrize("status", [401, 403, 404, 418, 429, 500, 503])
def test_a_refusal_names_the_file(server: Server, bench: Bench, status: int) -> None:
    server.files["/sdk.zip"] = Served(status=status)
    message = bench.refused(TransportUnavailable, server.url(), trust=True)
    assert f"answered {status} for /sdk.zip" in message
    assert ("try again later" in message) == (status in (429, 500, 503))


def test_nothing_listens(server: Server, bench: Bench) -> None:
    url = server.url()
    server.close()
    message = bench.refused(TransportUnavailable, url, trust=True)
    assert "cannot be reached" in message
    assert "--zip" in message


def test_what_is_cut_off_goes_on_by_itself(server: Server, bench: Bench) -> None:
    server.files["/sdk.zip"] = Served(ZIP, cuts=[100, 200])
    bench.fetch(server.url(), sha256=SHA256)
    assert [part for _, part in server.asked] == ["", "bytes=100-", "bytes=300-"]


def test_what_is_cut_off_goes_on_the_next_time(server: Server, bench: Bench) -> None:
    server.files["/sdk.zip"] = Served(ZIP, cuts=[100, 0])
    message = bench.refused(TransportUnavailable, server.url(), sha256=SHA256)
    assert "type the command again" in message
    assert (bench.work / "archive.part").read_bytes() == ZIP[:100]
    assert not bench.folder.exists()
    bench.fetch(server.url(), sha256=SHA256)
    assert server.asked[-1][1] == "bytes=100-"
    assert not bench.work.exists()


def test_a_part_is_resumed_by_its_time_where_the_etag_is_weak(server: Server, bench: Bench) -> None:
    modified = "Sat, 01 Aug 2026 10:00:00 GMT"
    server.files["/sdk.zip"] = Served(ZIP, etag='W/"one"', modified=modified, cuts=[100, 0])
    bench.refused(TransportUnavailable, server.url(), sha256=SHA256)
    bench.fetch(server.url(), sha256=SHA256)
    assert server.asked[-1][1] == "bytes=100-"


def test_without_a_validator_it_starts_anew(server: Server, bench: Bench) -> None:
    server.files["/sdk.zip"] = Served(ZIP, etag="", cuts=[100, 0])
    bench.refused(TransportUnavailable, server.url(), sha256=SHA256)
    bench.fetch(server.url(), sha256=SHA256)
    assert [part for _, part in server.asked] == ["", "", ""]


def test_a_file_that_changed_in_between_starts_anew(server: Server, bench: Bench) -> None:
    server.files["/sdk.zip"] = Served(ZIP[::-1], etag='"zero"', cuts=[100, 0])
    bench.refused(TransportUnavailable, server.url(), sha256=SHA256)
    server.files["/sdk.zip"] = Served(ZIP)
    bench.fetch(server.url(), sha256=SHA256)
    assert any("another file" in note for note in bench.progress.notes)


def test_a_file_that_changed_without_saying_so_starts_anew(server: Server, bench: Bench) -> None:
    server.files["/sdk.zip"] = Served(ZIP[::-1], cuts=[100, 0])
    bench.refused(TransportUnavailable, server.url(), sha256=SHA256)
    server.files["/sdk.zip"] = Served(ZIP)
    bench.fetch(server.url(), sha256=SHA256)
    assert any("wrong hash" in note for note in bench.progress.notes)


def test_a_server_that_sends_a_part_of_another_file(server: Server, bench: Bench) -> None:
    server.files["/sdk.zip"] = Served(ZIP[::-1], etag='"zero"', cuts=[100, 0])
    bench.refused(TransportUnavailable, server.url(), sha256=SHA256)
    server.files["/sdk.zip"] = Served(ZIP, always=True)
    bench.fetch(server.url(), sha256=SHA256)
    assert any("another file" in note for note in bench.progress.notes)
    assert not any("wrong hash" in note for note in bench.progress.notes)


def test_an_archive_that_cannot_be_written(server: Server, bench: Bench) -> None:
    (bench.work / "archive.part").mkdir(parents=True)
    assert "cannot be written" in bench.refused(StorageError, server.url(), trust=True)


def test_a_server_without_parts(server: Server, bench: Bench) -> None:
    server.files["/sdk.zip"] = Served(ZIP, cuts=[100, 0], ranges=False)
    bench.refused(TransportUnavailable, server.url(), sha256=SHA256)
    bench.fetch(server.url(), sha256=SHA256)


@pytest.mark.parametrize("header", ["bytes 0-9/10", "bytes 100-199/*", "nonsense", "bytes 100-1/5", ""])
def test_an_answer_that_does_not_fit_starts_anew(server: Server, bench: Bench, header: str) -> None:
    served = Served(ZIP, cuts=[100, 0])
    server.files["/sdk.zip"] = served
    bench.refused(TransportUnavailable, server.url(), sha256=SHA256)
    # The last header of a name counts here; what the server itself says would fit.
    served.etag = '"other"' if not header else served.etag
    served.headers["Content-Range"] = header
    bench.fetch(server.url(), sha256=SHA256)


@pytest.mark.parametrize("state", ["{", "[]", '{"address": 1}', '{"address": "", "validator": "é", "total": 5}', ""])
def test_a_damaged_note_about_a_part_starts_anew(server: Server, bench: Bench, state: str) -> None:
    server.files["/sdk.zip"] = Served(ZIP, cuts=[100, 0])
    bench.refused(TransportUnavailable, server.url(), sha256=SHA256)
    (bench.work / "archive.json").write_text(state, "utf-8")
    bench.fetch(server.url(), sha256=SHA256)
    assert server.asked[-1][1] == ""


def test_a_part_of_another_address_is_not_used(server: Server, bench: Bench) -> None:
    server.files["/other.zip"] = Served(ZIP[::-1], cuts=[100, 0])
    bench.refused(TransportUnavailable, server.url("/other.zip"), trust=True)
    bench.fetch(server.url(), sha256=SHA256)
    assert server.asked[2:] == [("/sdk.zip", "")]


def test_what_is_whole_is_not_fetched_again(server: Server, bench: Bench) -> None:
    server.files["/sdk.zip"] = Served(ZIP, cuts=[100, 0])
    bench.refused(TransportUnavailable, server.url(), sha256=SHA256)
    (bench.work / "archive.part").write_bytes(ZIP)
    asked = len(server.asked)
    bench.fetch(server.url(), sha256=SHA256)
    assert len(server.asked) == asked


@pytest.mark.parametrize("length", [True, False])
def test_too_large(server: Server, bench: Bench, length: bool) -> None:
    server.files["/sdk.zip"] = Served(bytes(2000), length=length)
    limits = Limits(archive_bytes=1000)
    assert "more than" in bench.refused(TransportUnavailable, server.url(), trust=True, limits=limits)
    assert not (bench.work / "archive.part").exists()


def test_too_slow(server: Server, bench: Bench) -> None:
    limits = Limits(total_s=-1.0)
    assert "took longer" in bench.refused(TransportUnavailable, server.url(), trust=True, limits=limits)


def test_a_server_that_sends_nothing(server: Server, bench: Bench) -> None:
    server.go_on.clear()
    limits = Limits(idle_s=0.05)
    assert "cut off" in bench.refused(TransportUnavailable, server.url(), trust=True, limits=limits)
    server.go_on.set()


def test_an_encoding_that_was_not_asked_for(server: Server, bench: Bench) -> None:
    server.files["/sdk.zip"] = Served(ZIP, headers={"Content-Encoding": "gzip"})
    assert "encoding" in bench.refused(TransportUnavailable, server.url(), trust=True)


def test_a_lock_whose_file_was_removed_is_taken_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, waits, holds, ends = tmp_path / "lock", threading.Event(), threading.Event(), threading.Event()
    flock = fcntl.flock

    def waiter() -> None:
        with locked(path, ""):
            holds.set()
            ends.wait(PATIENCE_S)

    def announced(descriptor: int, operation: int) -> None:
        waits.set()
        flock(descriptor, operation)

    with locked(path, ""):
        monkeypatch.setattr(fcntl, "flock", announced)
        thread = threading.Thread(target=waiter)
        thread.start()
        assert waits.wait(PATIENCE_S)
        path.unlink()
    assert holds.wait(PATIENCE_S)
    with pytest.raises(TransportUnavailable, match="busy"), locked(path, "busy"):
        pass
    ends.set()
    thread.join()


def test_two_at_once(server: Server, bench: Bench) -> None:
    server.go_on.clear()
    server.started.clear()
    done: list[Fetched] = []
    first = threading.Thread(target=lambda: done.append(bench.fetch(server.url(), sha256=SHA256)))
    first.start()
    assert server.started.wait(PATIENCE_S)
    message = bench.refused(TransportUnavailable, server.url(), sha256=SHA256)
    assert "another fetch into" in message
    server.go_on.set()
    first.join()
    assert done
    assert len(server.asked) == 1


def test_a_fetch_that_fails_leaves_the_old_folder(server: Server, bench: Bench) -> None:
    bench.fetch(server.url(), trust=True)
    before = sorted((path, path.stat().st_mtime_ns) for path in bench.folder.rglob("*"))
    server.files["/bad.zip"] = Served(archive({"a/libagora_rtc_sdk.so": b"not a library"}))
    server.files["/cut.zip"] = Served(ZIP, cuts=[10, 0])
    for path in ("/bad.zip", "/cut.zip", "/missing.zip"):
        bench.refused(TransportUnavailable, server.url(path), trust=True)
    assert before == sorted((path, path.stat().st_mtime_ns) for path in bench.folder.rglob("*"))


def test_a_folder_is_replaced_as_a_whole(server: Server, bench: Bench) -> None:
    bench.fetch(server.url(), trust=True)
    (bench.folder / "agora_sdk" / "old.so").write_bytes(b"")
    bench.fetch(server.url())
    assert not (bench.folder / "agora_sdk" / "old.so").exists()


def test_the_layer_that_a_user_has_put_there_is_kept(server: Server, bench: Bench) -> None:
    package = upstream(bench.folder / "upstream")
    assert bench.fetch(server.url(), trust=True).checked == len(SYMBOLS)
    assert bench.fetch(server.url()).checked == len(SYMBOLS)
    assert (package / "rtc" / "agora_service.py").is_file()
    assert not (package.parent / "RAN").exists()
    # A fetch that was killed when the layer had been moved already.
    (bench.work / "new").mkdir(parents=True)
    (bench.folder / "upstream").rename(bench.work / "new" / "upstream")
    bench.folder.rename(bench.work / "old")
    server.files["/sdk.zip"] = Served(status=500)
    bench.refused(TransportUnavailable, server.url())
    assert (package / "rtc" / "agora_service.py").is_file()


def test_what_cannot_be_put_in_place_changes_nothing(tmp_path: Path) -> None:
    folder, old = tmp_path / "sdk", tmp_path / "old"
    package = upstream(folder / "upstream")
    with pytest.raises(StorageError, match="cannot be replaced"):
        replace(folder, tmp_path / "missing", old)
    assert package.is_dir()
    assert not old.exists()


def test_a_fetch_that_was_killed_between_its_last_steps(server: Server, bench: Bench) -> None:
    bench.fetch(server.url(), trust=True)
    bench.work.mkdir()
    bench.folder.rename(bench.work / "old")
    (bench.work / "new" / "agora_sdk").mkdir(parents=True)
    server.files["/sdk.zip"] = Served(status=500)
    bench.refused(TransportUnavailable, server.url())
    assert read_marker(bench.folder)


def test_a_read_only_folder(server: Server, bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(0o500)
    with bound_by_permissions():
        message = bench.refused(StorageError, server.url(), trust=True, into=tmp_path / "closed" / "sdk")
    assert "may not be written to" in message
    assert not server.asked


def test_a_folder_that_cannot_be_made(server: Server, bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert "is a file" in bench.refused(StorageError, server.url(), trust=True, into=tmp_path / "file" / "sdk")
    assert not server.asked


def test_a_folder_of_ones_own(server: Server, bench: Bench, tmp_path: Path) -> None:
    into = tmp_path / "new" / "sdk"
    old = os.umask(0o022)
    try:
        assert bench.fetch(server.url(), trust=True, into=into).folder == into
    finally:
        os.umask(old)
    # Another user must be able to load what was fetched into an image.
    assert stat.S_IMODE((into / "agora_sdk" / "libaosl.so").stat().st_mode) == 0o644
    assert stat.S_IMODE((into / "agora_sdk").stat().st_mode) == stat.S_IMODE(into.stat().st_mode) == 0o755
    assert stat.S_IMODE((into / "offhook-agora-sdk.json").stat().st_mode) == 0o644


def test_a_link_to_a_folder_stays(server: Server, bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    bench.fetch(server.url(), trust=True, into=tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert read_marker(tmp_path / "real")


def test_never_where_packages_are_installed(server: Server, bench: Bench, tmp_path: Path) -> None:
    import sysconfig

    inside = [
        Path(sysconfig.get_path("purelib")) / "agora",
        tmp_path / "site-packages",
        tmp_path / "dist-packages" / "a",
    ]
    (tmp_path / "link").symlink_to(sysconfig.get_path("purelib"))
    for into in (*inside, tmp_path / "link" / "agora"):
        assert "packages are installed" in bench.refused(ConfigError, server.url(), trust=True, into=into)
    assert not server.asked


@pytest.mark.parametrize("name", ["notes.txt", "agora", ".git"])
def test_a_folder_with_other_files_is_not_replaced(server: Server, bench: Bench, tmp_path: Path, name: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / name).write_text("mine", "ascii")
    assert "other files" in bench.refused(ConfigError, server.url(), trust=True, into=tmp_path / "mine")
    assert (tmp_path / "mine" / name).read_text("ascii") == "mine"


def test_a_folder_of_the_mock_is_not_replaced(server: Server, bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "mock").mkdir()
    (tmp_path / "mock" / "offhook-agora-sdk.json").write_text('{"format": 1, "kind": "mock"}', "ascii")
    assert "the mock's SDK" in bench.refused(ConfigError, server.url(), trust=True, into=tmp_path / "mock")


@pytest.mark.parametrize("marker", ["{", '{"format": 99, "kind": "agora"}'])
def test_a_folder_with_a_damaged_marker_is_replaced(server: Server, bench: Bench, marker: str) -> None:
    bench.folder.mkdir()
    (bench.folder / "offhook-agora-sdk.json").write_text(marker, "ascii")
    bench.fetch(server.url(), trust=True)
    assert read_marker(bench.folder)


def test_a_work_folder_of_somebody_else_is_not_used(server: Server, bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    work = tmp_path / ".sdk.fetch"
    work.symlink_to(tmp_path / "theirs")
    assert "is a link" in bench.refused(StorageError, server.url(), trust=True, into=tmp_path / "sdk")
    work.unlink()
    work.mkdir()
    work.chmod(0o777)
    assert "other users" in bench.refused(StorageError, server.url(), trust=True, into=tmp_path / "sdk")
    assert not server.asked


def test_links_in_a_circle(server: Server, bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert "circle" in bench.refused(ConfigError, server.url(), trust=True, into=tmp_path / "a" / "sdk")


def test_a_root_is_not_replaced(server: Server, bench: Bench) -> None:
    assert "mount point" in bench.refused(ConfigError, server.url(), trust=True, into=Path("/"))


@pytest.mark.trap("2.2a")
@pytest.mark.parametrize(
    ("machine", "said"),
    [
        (Machine("linux", "x86_64", None), "musl"),
        (Machine("linux", "riscv64", (2, 40)), "riscv64"),
        (Machine("win32", "x86_64", None), "win32"),
    ],
)
def test_a_machine_that_agora_builds_nothing_for(bench: Bench, machine: Machine, said: str) -> None:
    assert said in bench.refused(TransportNotSetUp, trust=True, machine=machine)


def test_the_addresses_are_those_of_the_pinned_version() -> None:
    machines = [LINUX, Machine("linux", "aarch64", (2, 31)), Machine("darwin", "aarch64", None)]
    assert len({pinned_address(machine) for machine in machines}) == 3
    assert pinned_address(machines[2]) == pinned_address(Machine("darwin", "x86_64", None))


# The user's own file.


def test_a_file_needs_a_known_hash_too(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "sdk.zip").write_bytes(ZIP)
    message = bench.refused(ConfigError, zip_=tmp_path / "sdk.zip")
    assert f"--sha256 {SHA256}" in message
    assert bench.fetch(zip_=tmp_path / "sdk.zip", trust=True).trusted
    assert not bench.fetch(zip_=tmp_path / "sdk.zip").trusted
    assert read_marker(bench.folder) == Marker("agora", "", "", SHA256)


def test_a_file_that_was_fetched_elsewhere_is_known(server: Server, bench: Bench, tmp_path: Path) -> None:
    bench.fetch(server.url(), trust=True)
    (tmp_path / "sdk.zip").write_bytes(ZIP)
    bench.fetch(zip_=tmp_path / "sdk.zip", into=tmp_path / "other")


def test_a_file_that_cannot_be_read(bench: Bench, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "No such file" in bench.refused(StorageError, zip_=tmp_path / "missing.zip", trust=True)
    for path in (tmp_path / "pipe", tmp_path):
        bench.refused(OffhookError, zip_=path, trust=True)
    assert not bench.folder.exists()


# What is in the archive.


def _refused_archive(bench: Bench, tmp_path: Path, content: bytes, limits: Limits = LIMITS) -> str:
    (tmp_path / "sdk.zip").write_bytes(content)
    message = bench.refused(TransportUnavailable, zip_=tmp_path / "sdk.zip", trust=True, limits=limits)
    assert not bench.folder.exists()
    assert not bench.work.exists()
    outside = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert outside == {tmp_path / "sdk.zip", tmp_path / "ca.pem"}
    return message


GOOD = {f"agora_sdk/{name}": elf() for name in LINUX.needed_libraries}


@pytest.mark.parametrize(
    "name",
    [
        "../evil.so",
        "agora_sdk/../../evil.so",
        "/etc/evil.so",
        "agora_sdk//evil.so",
        "agora_sdk/./evil.so",
        "agora_sdk\\..\\evil.so",
        "C:/evil.so",
        "agora_sdk/\x1b[31mevil.so",
        "agora_sdk/\u202eevil.so",
        "a/" * 30 + "evil.so",
        "agora_sdk/" + "a" * 300,
        "agora_sdk/LIBAOSL.so",
        "agora_sdk/libaosl.so/evil",
        "..",
    ],
)
def test_names_that_lead_elsewhere(bench: Bench, tmp_path: Path, name: str) -> None:
    message = _refused_archive(bench, tmp_path, archive({**GOOD, name: b"evil"}))
    assert "is not the name of a file" in message or "have one name" in message or "name of a folder" in message


def _with(name: str, mode: int, flags: int = 0) -> bytes:
    buffer = io.BytesIO(archive(GOOD))
    with zipfile.ZipFile(buffer, "a") as file:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = mode << 16
        entry.flag_bits |= flags
        file.writestr(entry, "/etc/passwd")
    return buffer.getvalue()


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
def test_links_and_devices(bench: Bench, tmp_path: Path, kind: int) -> None:
    assert "link or a device" in _refused_archive(bench, tmp_path, _with("agora_sdk/link", kind | 0o777))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_with_one_name(bench: Bench, tmp_path: Path) -> None:
    buffer = io.BytesIO(archive(GOOD))
    with zipfile.ZipFile(buffer, "a") as file:
        file.writestr("agora_sdk/libaosl.so", b"evil")
    assert "have one name" in _refused_archive(bench, tmp_path, buffer.getvalue())


def test_a_directory_that_is_too_long(bench: Bench, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for number in range(130):
            entry = zipfile.ZipInfo(str(number))
            entry.comment = bytes(65_535)
            file.writestr(entry, b"")
    limits = Limits(files=1000)
    assert "64-bit format" in _refused_archive(bench, tmp_path, buffer.getvalue(), limits)


def test_a_bomb(bench: Bench, tmp_path: Path) -> None:
    message = _refused_archive(bench, tmp_path, archive({**GOOD, "agora_sdk/zeros": bytes(3_000_000)}))
    assert "it holds more than" in message


def test_a_bomb_that_lies_about_its_size(bench: Bench, tmp_path: Path) -> None:
    content = bytearray(archive({**GOOD, "agora_sdk/zeros": bytes(3_000_000)}))
    true, said = (3_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little")
    assert content.count(true) == 2
    _refused_archive(bench, tmp_path, bytes(content).replace(true, said))


def test_many_files(bench: Bench, tmp_path: Path) -> None:
    content = archive({**GOOD, **{f"agora_sdk/{number}": b"" for number in range(60)}})
    assert "more than 50 files" in _refused_archive(bench, tmp_path, content)


def test_the_64_bit_format(bench: Bench, tmp_path: Path) -> None:
    content = archive(GOOD)
    at = content.rindex(b"PK\x05\x06")
    wide = content[:at] + b"PK\x06\x07" + bytes(16) + content[at:]
    assert "64-bit" in _refused_archive(bench, tmp_path, wide)


@pytest.mark.parametrize("cut", [0, 1, 10, len(ZIP) // 2, len(ZIP) - 1, len(ZIP) - 30])
def test_a_truncated_archive(bench: Bench, tmp_path: Path, cut: int) -> None:
    _refused_archive(bench, tmp_path, ZIP[:cut])


def test_every_damaged_byte_is_found_or_harmless(bench: Bench, tmp_path: Path) -> None:
    small = archive(GOOD)
    for at in range(0, len(small), 7):
        (tmp_path / "sdk.zip").write_bytes(small[:at] + bytes([small[at] ^ 0xFF]) + small[at + 1 :])
        with contextlib.suppress(TransportUnavailable):
            bench.fetch(zip_=tmp_path / "sdk.zip", trust=True)
        assert {path.name for path in tmp_path.iterdir()} == {"home", "sdk.zip", "ca.pem"}


def test_an_encrypted_entry(bench: Bench, tmp_path: Path) -> None:
    content = bytearray(archive(GOOD))
    at = content.index(b"PK\x01\x02")
    content[at + 8] |= 1
    assert "encrypted" in _refused_archive(bench, tmp_path, bytes(content))


def test_an_unusual_compression(bench: Bench, tmp_path: Path) -> None:
    assert "unusual" in _refused_archive(bench, tmp_path, archive(GOOD, method=zipfile.ZIP_LZMA))


def test_an_archive_without_the_library(bench: Bench, tmp_path: Path) -> None:
    assert "libagora_rtc_sdk.so is not in it" in _refused_archive(bench, tmp_path, archive({"a/b.so": elf()}))


def test_an_archive_with_two_libraries(bench: Bench, tmp_path: Path) -> None:
    content = archive({f"{place}/{name}": elf() for place in "ab" for name in LINUX.needed_libraries})
    assert "more than once" in _refused_archive(bench, tmp_path, content)


def test_an_archive_with_the_library_at_its_root_or_deep(bench: Bench, tmp_path: Path) -> None:
    for place in ("", "a/b/c/"):
        (tmp_path / "sdk.zip").write_bytes(archive({f"{place}{name}": elf() for name in LINUX.needed_libraries}))
        bench.fetch(zip_=tmp_path / "sdk.zip", trust=True)
        assert (bench.folder / "agora_sdk" / "libaosl.so").is_file()


@pytest.mark.trap("2.2a")
def test_a_library_of_another_processor(bench: Bench, tmp_path: Path) -> None:
    content = archive({f"a/{name}": elf(machine=AARCH64) for name in LINUX.needed_libraries})
    message = _refused_archive(bench, tmp_path, content)
    assert "built for aarch64, and this machine is x86_64" in message


def test_a_library_for_a_newer_system(bench: Bench, tmp_path: Path) -> None:
    content = archive({f"a/{name}": elf(glibc=["GLIBC_2.38"]) for name in LINUX.needed_libraries})
    assert "needs glibc 2.38, and this system has 2.31" in _refused_archive(bench, tmp_path, content)


def test_a_library_that_is_missing_or_cut(bench: Bench, tmp_path: Path) -> None:
    lonely = {"a/libagora_rtc_sdk.so": elf()}
    assert "lacks libaosl.so" in _refused_archive(bench, tmp_path, archive(lonely))
    cut = {f"a/{name}": elf()[:-10] for name in LINUX.needed_libraries}
    assert "is truncated" in _refused_archive(bench, tmp_path, archive(cut))


@pytest.mark.trap("2.3b")
def test_what_is_unpacked_must_have_the_functions(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "home" / "site"
    site.mkdir()
    upstream(site, symbols=(*SYMBOLS, "agora_new_in_this_version"))
    monkeypatch.syspath_prepend(str(site))
    (tmp_path / "sdk.zip").write_bytes(ZIP)
    message = bench.refused(TransportUnavailable, zip_=tmp_path / "sdk.zip", trust=True)
    assert "lacks 1 of the 4 functions" in message
    assert "agora_new_in_this_version" in message
    assert not (site / "RAN").exists()
    (tmp_path / "sdk.zip").write_bytes(
        archive({f"a/{name}": elf((*SYMBOLS, "agora_new_in_this_version")) for name in LINUX.needed_libraries})
    )
    assert bench.fetch(zip_=tmp_path / "sdk.zip", trust=True).checked == 4


# The command itself.


def test_the_command_prints_the_hash_on_stdout_and_progress_on_stderr(
    server: Server, bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OFFHOOK_HOME", str(bench.home))
    code = {"x86_64": X86_64, "aarch64": AARCH64}.get(HERE.processor, 0)
    content = archive({f"a/{name}": elf(machine=code) for name in HERE.needed_libraries})
    server.files["/sdk.zip"] = Served(content)
    into = bench.home / "into folder"
    assert run(["agora", "fetch", "--url", server.url(), "--trust-first", "--into", str(into)]) == 0
    out, err = capsys.readouterr()
    assert f"sha256 {hashlib.sha256(content).hexdigest()} (not known before" in out
    assert f"export OFFHOOK_AGORA_SDK='{into}'" in out
    assert "fetched 0.0 of 0.0 MB" in err
    assert json.loads((into / "offhook-agora-sdk.json").read_text("ascii"))["kind"] == "agora"


def test_a_fetch_that_is_killed_can_be_typed_again(server: Server, bench: Bench) -> None:
    server.files["/sdk.zip"] = Served(ZIP, cuts=[100])
    server.go_on.clear()
    environment = {**os.environ, "OFFHOOK_HOME": str(bench.home)}
    command = [sys.executable, "-m", "offhook", "agora", "fetch", "--url", server.url(), "--trust-first"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        assert server.started.wait(PATIENCE_S)
        assert "another fetch" in bench.refused(TransportUnavailable, server.url(), trust=True)
        process.kill()
    server.go_on.set()
    assert bench.fetch(server.url(), trust=True).sha256 == SHA256


def test_the_command_says_that_a_setting_counts_first(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = {"x86_64": X86_64, "aarch64": AARCH64}.get(HERE.processor, 0)
    (tmp_path / "sdk.zip").write_bytes(archive({f"a/{name}": elf(machine=code) for name in HERE.needed_libraries}))
    monkeypatch.setenv("OFFHOOK_HOME", str(bench.home))
    monkeypatch.setenv("OFFHOOK_AGORA_SDK", "/elsewhere")
    assert run(["agora", "fetch", "--zip", str(tmp_path / "sdk.zip"), "--trust-first"]) == 0
    assert "OFFHOOK_AGORA_SDK is set" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [["--url", "https://a.example/", "--zip", "b.zip"], ["--sha256", "a" * 64, "--trust-first"], ["--zip", ""], []],
)
def test_wrong_arguments(
    bench: Bench, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OFFHOOK_HOME", str(bench.home))
    assert run(["agora", "fetch", *arguments]) == 2
    out, err = capsys.readouterr()
    assert err.startswith("offhook: ")
    assert err.count("\n") == 1
    assert not out


def test_plain_progress(capsys: pytest.CaptureFixture[str]) -> None:
    progress = make_progress(None, Environment())
    assert isinstance(progress, PlainProgress)
    for received in range(101):
        progress.at(received * 1_000_000, 100_000_000)
    progress.note("\x1b[31m")
    progress.close()
    lines = capsys.readouterr().err.splitlines()
    assert lines[1] == "fetched 10.0 of 100.0 MB"
    assert len(lines) == 12
    assert lines[-1] == r"\x1b[31m"


def test_a_bar_on_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    for dumb in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert isinstance(make_progress(out, Environment(dumb)), PlainProgress)
    progress = make_progress(out, Environment())
    progress.at(0, None)
    progress.at(50_000_000, 100_000_000)
    progress.note("[red]cut off")
    progress.close()
    assert "50.0/100.0 MB" in out.getvalue()
    assert "[red]cut off" in out.getvalue()
