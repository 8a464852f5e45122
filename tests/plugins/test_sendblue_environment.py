"""What the HTTP client finds in the environment is found by `check`, before anything rings, and named by variable."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import os
import socket
import ssl
import sys
import traceback
from typing import TYPE_CHECKING

import certifi
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from offhook.call.phone import Phone
from offhook.errors import CarrierUnavailable, ConfigError, StartAmbiguous
from offhook.interfaces import DialRequest, Level
from offhook.testing import LinkedTransport
from offhook_sendblue import KeyAuth, SendblueCarrier, http_environment

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path

HOST = "api.invalid"
URL = f"https://{HOST}"
REQUEST = DialRequest("call_1", "+14155550123")
PASSWORD = "proxy-SENTINEL-password"


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.lower().endswith("_proxy") or name.startswith("SSL") or name.endswith("_CA_BUNDLE"):
            monkeypatch.delenv(name)
    # The pytest plugin of the mock sets it. No test here leaves this machine: there are no such hosts.
    monkeypatch.delenv("OFFHOOK_ONLY_LOOPBACK", raising=False)
    monkeypatch.delitem(sys._xoptions, "offhook_only_loopback", raising=False)


def carrier(base_url: str = URL, timeout_s: float = 5.0) -> SendblueCarrier:
    relay = "http://127.0.0.1:9"
    return SendblueCarrier(
        KeyAuth("a-key", "a-secret"),
        from_number="+18885550199",
        base_url=base_url,
        relay_url=relay,
        timeout_s=timeout_s,
    )


def found(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a check, a call and a dry run say with one variable set."""
    monkeypatch.setenv(name, value)

    async def main() -> str:
        ours = carrier()
        with pytest.raises(ConfigError) as checked:
            await ours.check()
        with pytest.raises(ConfigError) as started:
            await ours.start_call(REQUEST)
        async with Phone(carrier=ours, transport=LinkedTransport()) as phone:
            with pytest.raises(ConfigError) as tried:
                await phone.dry_run(REQUEST.number)
        assert checked.value.message == started.value.message == tried.value.message
        error = checked.value
        assert error.__context__ is None
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
        assert PASSWORD not in shown
        return error.message

    message = asyncio.run(main())
    assert message.startswith(name)
    return message


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SSLKEYLOGFILE", "{folder}/missing/keys.log", "its folder does not exist"),
        ("SSLKEYLOGFILE", "{folder}", "it is a folder"),
        ("SSLKEYLOGFILE", "{folder}/" + "x" * 300, "the name is too long"),
        ("SSL_CERT_FILE", "{folder}/missing.pem", "that file does not exist"),
        ("SSL_CERT_FILE", "{folder}", "that is not a file"),
        ("SSL_CERT_FILE", "{folder}/empty", "holds no certificates"),
        ("SSL_CERT_DIR", "{folder}/missing", "no certificates that OpenSSL can find"),
        ("SSL_CERT_DIR", "{folder}", "no certificates that OpenSSL can find"),
        ("NO_PROXY", "localhost,fd07:b51a:cc66:f0::/64", "no networks of IPv6 addresses): remove it"),
        ("no_proxy", "localhost,[::1]", "without brackets"),
        ("NO_PROXY", "http://a:b", "has the entry 'http://a:b', which the HTTP client cannot read: remove it"),
        ("NO_PROXY", "fd00::/x", "no networks of IPv6 addresses): remove it"),
        ("ALL_PROXY", "socks5://127.0.0.1:1", 'pip install "httpx[socks]"'),
        ("all_proxy", "socks://127.0.0.1:1", "write socks5://"),
        ("HTTPS_PROXY", f"http://user:{PASSWORD}/@proxy:1", "not the URL of a proxy"),
        ("https_proxy", "proxy:port", "not the URL of a proxy"),
        ("HTTP_PROXY", "ftp://proxy", "not the URL of a proxy"),
        ("HTTPS_PROXY", "http://", "not the URL of a proxy"),
        ("HTTPS_PROXY", "http://proxy:99999", "not the URL of a proxy"),
    ],
)
def test_a_variable_that_breaks_the_client_is_named(
    name: str, value: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").touch()
    assert says in found(name, value.replace("{folder}", str(tmp_path)), monkeypatch)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SSL_CERT_FILE", certifi.where()),
        ("NO_PROXY", "localhost,.example.com,10.0.0.0/8,::1,fe80::1,*.a.test,a:80"),
        ("NO_PROXY", "[::1],*"),
        ("HTTPS_PROXY", "proxy.test:3128"),
        ("HTTPS_PROXY", "http://user:pass@proxy.test"),
        ("https_proxy", ""),
        ("REQUESTS_CA_BUNDLE", "/nonexistent"),
        ("NETRC", "/nonexistent"),
    ],
)
def test_a_variable_that_the_client_can_use_is_left_alone(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert list(http_environment.problems()) == []
    assert isinstance(carrier()._made_client(), httpx.AsyncClient)


def test_a_key_log_that_can_be_written_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))
    assert list(http_environment.problems()) == []
    assert list(tmp_path.iterdir()) == [], "looking makes nothing"
    (tmp_path / "keys.log").touch()
    assert list(http_environment.problems()) == []


def test_a_proxy_in_small_letters_hides_the_one_in_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "ftp://proxy")
    monkeypatch.setenv("https_proxy", "")
    assert list(http_environment.problems()) == []
    monkeypatch.setenv("https_proxy", "ftp://proxy")
    assert next(http_environment.problems()).startswith("https_proxy ")


def test_what_nobody_foresaw_is_a_sentence_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"ftp://user:{PASSWORD}@proxy")
    monkeypatch.setattr(http_environment, "problems", lambda: iter(()))
    with pytest.raises(ConfigError, match=r"cannot be made \(ValueError\)") as caught:
        asyncio.run(carrier().check())
    assert PASSWORD not in "".join(
        traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    )


def test_on_this_machine_the_environment_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("SSLKEYLOGFILE", "/dev/null/keys.log"),
        ("SSL_CERT_FILE", "/nonexistent"),
        ("NO_PROXY", "[::1]"),
        ("ALL_PROXY", "socks://x"),
    ):
        monkeypatch.setenv(name, value)

    async def main() -> None:
        async with proxy(silent) as (port, asked):
            for scheme in ("http", "https"):
                ours = carrier(f"{scheme}://127.0.0.1:{port}", timeout_s=0.2)
                if scheme == "http":
                    await ours.check()
                    await ours.aclose()
                    continue
                with pytest.raises(CarrierUnavailable, match="no connection within"):
                    await ours.check()
                await ours.aclose()
            assert asked[0] == b"", "connected, and nothing was sent"

    asyncio.run(main())


# ---- proxies that can be reached, or not


async def silent(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def closing(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    pass


async def refusing(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")


async def not_tls(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    await reader.read(1)
    writer.write(b"SSH-2.0\r\n")


@contextlib.asynccontextmanager
async def proxy(
    behave: Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncGenerator[tuple[int, list[bytes]]]:
    """A proxy on this machine; yields its port, and the first line of each connection, empty for none."""
    asked: list[bytes] = []
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError as error:
                asked.append(error.partial)
                raise
            asked.append(head.split(b"\r\n")[0])
            await behave(head, reader, writer)
        writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(serve(reader, writer))
        tasks.add(task)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], asked
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "all_proxy"])
def test_a_dead_proxy_is_blamed_by_its_variable(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
            monkeypatch.setenv(variable, f"http://user:{PASSWORD}@127.0.0.1:{port}")
            ours = carrier()
            for doing in (ours.check, lambda: ours.start_call(REQUEST)):
                with pytest.raises(CarrierUnavailable) as caught:
                    await doing()
                message = caught.value.message
                assert not caught.value.may_have_rung
                assert f"through the proxy at 127.0.0.1:{port} (ConnectError" in message
                assert f"{variable} names that proxy: check it, unset {variable}, or add {HOST} to NO_PROXY" in message
                assert PASSWORD not in message
            await ours.aclose()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("behave", "says"),
    [(silent, "no connection within"), (closing, "RemoteProtocolError"), (refusing, "407"), (not_tls, "ConnectError")],
)
def test_a_proxy_that_does_not_let_us_through_has_rung_no_phone(
    behave: Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        async with proxy(behave) as (port, asked):
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
            ours = carrier(timeout_s=0.3 if behave is silent else 5)
            with pytest.raises(CarrierUnavailable, match=says):
                await ours.check()
            with pytest.raises(CarrierUnavailable, match="HTTPS_PROXY names that proxy") as caught:
                await ours.start_call(REQUEST)
            assert not caught.value.may_have_rung
            assert set(asked) == {b"CONNECT api.invalid:443 HTTP/1.1"}
            await ours.aclose()

    asyncio.run(main())


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for the API that no authority has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return folder / "cert.pem", context


def test_a_certificate_that_is_not_trusted_is_blamed_on_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, context = certificate(tmp_path)
    received = bytearray()

    async def tunnel(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await writer.start_tls(context)
        received.extend(await reader.read())

    async def main() -> None:
        async with proxy(tunnel) as (port, _):
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
            ours = carrier()
            with pytest.raises(CarrierUnavailable, match=r"api\.invalid is not signed by a trusted.*set SSL_CERT_FILE"):
                await ours.check()
            monkeypatch.setenv("SSL_CERT_FILE", certifi.where())
            with pytest.raises(
                CarrierUnavailable, match=r"which SSL_CERT_FILE names .*: check SSL_CERT_FILE, or unset"
            ):
                await carrier().check()
            monkeypatch.setenv("SSL_CERT_FILE", str(path))
            ours = carrier()
            await ours.check()
            assert not received, "checking sends nothing"
            with pytest.raises(StartAmbiguous):
                await carrier(timeout_s=0.5).start_call(REQUEST)

    asyncio.run(main())


# ---- the doctor


def texts(*, loopback: bool) -> list[tuple[Level, str]]:
    return [(finding.level, finding.text) for finding in http_environment.findings(loopback=loopback)]


def test_the_doctor_lists_what_changes_the_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ((level, text),) = texts(loopback=False)
    assert (level, text) == (Level.FINE, "no proxy and no certificates are set in the environment")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/some/ca.pem")
    assert texts(loopback=False)[0][1].startswith("REQUESTS_CA_BUNDLE is set, and is not read here")
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))
    monkeypatch.setenv("https_proxy", f"http://user:{PASSWORD}@proxy.test")
    monkeypatch.setenv("NO_PROXY", "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", certifi.where())
    (_, log), (level, text) = texts(loopback=False)
    assert "enough to decrypt the requests" in log
    assert (level, text) == (Level.NOTE, "changed by SSL_CERT_FILE, https_proxy, NO_PROXY")
    monkeypatch.setenv("HTTPS_PROXY", "socks://x")
    monkeypatch.setenv("NO_PROXY", "[::1]")
    assert [level for level, text in texts(loopback=False)].count(Level.WRONG) == 1
    on_this_machine = texts(loopback=True)
    assert [level for level, _ in on_this_machine] == [Level.FINE, Level.NOTE]
    assert "not used, because the carrier is on this machine" in on_this_machine[0][1]
    assert all(PASSWORD not in text for _, text in (*texts(loopback=False), *on_this_machine))
