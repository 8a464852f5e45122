"""Where webhooks may be posted: this machine, and what is listed; and how the connections are used."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

import pytest
import trustme
from tests.mockserver.tenants.hooks import OK, Receiver, hooked
from tests.mockserver.tenants.scene import mock_with, on

from offhook.errors import ConfigError
from offhook.testing import run_virtual
from offhook_mockserver.server import DeliveryState, InProcessMock, MockServer, MockSettings, TenantSettings
from offhook_mockserver.tenants.webhooks.dispatcher import Dispatcher
from offhook_mockserver.tenants.webhooks.http_post import HttpPost
from offhook_mockserver.tenants.webhooks.targets import NotDelivered, Targets, shown, target_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offhook_mockserver.tenants.webhooks.targets import Resolver


def resolving(*answers: Sequence[str]) -> tuple[Resolver, list[str]]:
    """A resolver that returns one answer after the other, and what it was asked."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    return resolve, asked


def addresses(url: str, targets: Targets) -> tuple[str, ...]:
    async def look() -> tuple[str, ...]:
        return await targets.addresses(target_of(url))

    return run_virtual(look())


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://127.0.0.1/", ("127.0.0.1",)),
        ("http://127.1.2.3:8000/x", ("127.1.2.3",)),
        ("https://[::1]:8443/", ("::1",)),
        ("http://[::ffff:127.0.0.1]/", ("127.0.0.1",)),
        ("http://localhost/", ("127.0.0.1", "::1")),
        ("http://LOCALHOST./", ("127.0.0.1", "::1")),
        ("http://app.localhost/", ("127.0.0.1", "::1")),
    ],
)
def test_this_machine_may_be_reached_and_no_name_is_looked_up(url: str, found: tuple[str, ...]) -> None:
    resolve, asked = resolving(())
    assert addresses(url, Targets(resolve=resolve)) == found
    assert asked == []


@pytest.mark.safety("S16")
@pytest.mark.fault("F52")
@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/",
        "http://172.16.0.1/",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://100.64.0.1/",
        "http://0.0.0.0/",
        "http://192.0.0.8/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "http://93.184.216.34/",
        "http://[::]/",
        "http://[fe80::1]/",
        "http://[fe80::1%25lo]/",
        "http://[fc00::1]/",
        "http://[ff02::1]/",
        "http://[::127.0.0.1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[::ffff:0:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[64:ff9b::a00:1]/",
        "http://[64:ff9b:1::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[2002:a00:1::]/",
        "http://[2001:0:7f00:1::]/",
        "http://[2606:2800:220:1::1]/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://127.1/",
        "http://0/",
        "http://0177.0.0.1/",
        "http://127.0.0.0x1/",
        "http://example.com/",
        "http://localhost.example.com/",
        "http://notlocalhost/",
        "http://127.0.0.1.example.com/",
        "http://127.0.0.1\\@example.com/",
        "http://127.0.0.1@example.com/",
        "http://user:word@127.0.0.1/",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1 /",
        "http://127.0.0.1/\r\nx: y",
        "http://ｌocalhost/",
        "http:///x",
        "http://[::1/",
        "127.0.0.1",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "javascript:alert(1)",
    ],
)
def test_nothing_else_is_reached_and_the_failure_is_final(url: str) -> None:
    resolve, asked = resolving(("127.0.0.1",))
    with pytest.raises(NotDelivered) as caught:
        addresses(url, Targets(resolve=resolve))
    assert caught.value.final
    assert caught.value.problem.isprintable()
    assert asked == []


def test_an_address_in_another_form_is_named_as_such() -> None:
    with pytest.raises(NotDelivered, match=r"write the address '0x7f\.1' as four decimal numbers"):
        target_of("http://0x7f.1/")


@pytest.mark.fault("F52")
@pytest.mark.parametrize(
    ("hosts", "url", "answer", "found"),
    [
        (("hooks.test",), "http://hooks.test/", ("93.184.216.34", "2606:2800:220:1::1"), None),
        (("Hooks.Test.",), "http://hooks.test/", ("127.0.0.1",), None),
        (("hooks.test",), "http://hooks.test/", ("64:ff9b::5db8:d822",), None),
        (("hooks.test", "10.0.0.0/8"), "http://hooks.test/", ("10.1.2.3",), None),
        (("10.0.0.0/8",), "http://10.1.2.3/", (), ("10.1.2.3",)),
        (("169.254.169.254",), "http://169.254.169.254/", (), ("169.254.169.254",)),
        (("fc00::/7",), "http://[fc00::1]/", (), ("fc00::1",)),
        (("[fc00::1]",), "http://[fc00::1]/", (), ("fc00::1",)),
        (("10.0.0.0/8",), "http://[::ffff:10.0.0.1]/", (), ("10.0.0.1",)),
        (("10.0.0.0/8",), "http://[2002:a00:1::]/", (), ("2002:a00:1::",)),
    ],
)
def test_what_is_listed_may_be_reached(
    hosts: tuple[str, ...], url: str, answer: tuple[str, ...], found: tuple[str, ...] | None
) -> None:
    resolve, _ = resolving(answer)
    assert addresses(url, Targets(hosts, resolve=resolve)) == (answer if found is None else found)


@pytest.mark.fault("F52")
@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.0.8",
        "224.0.0.1",
        "0.0.0.0",
        "fe80::1%eth0",
        "fc00::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
        "::ffff:0:7f00:1",
        "::",
    ],
)
@pytest.mark.parametrize("beside", [(), ("93.184.216.34",)])
def test_a_listed_name_that_means_something_else_opens_nothing(address: str, beside: tuple[str, ...]) -> None:
    resolve, _ = resolving((*beside, address))
    with pytest.raises(NotDelivered, match="which is not this machine") as caught:
        addresses("http://hooks.test/", Targets(("hooks.test",), resolve=resolve))
    assert caught.value.problem.startswith("hooks.test means ")
    assert caught.value.final


@pytest.mark.safety("S16")
@pytest.mark.fault("F52")
def test_a_name_that_means_another_address_the_second_time_opens_nothing() -> None:
    async def test(mock: InProcessMock) -> None:
        async with Receiver().running() as receiver:
            resolve, asked = resolving(("127.0.0.1",), ("169.254.169.254",))
            mock.dispatcher.post = Dispatcher(("hooks.test",), resolve=resolve).post
            hooked(mock, receiver.url.replace("127.0.0.1", "hooks.test"))
            (first,) = mock.tenant.webhooks.send("call_log", {})
            await asyncio.sleep(2)  # a kept connection is closed when nothing was posted for a while
            (second,) = mock.tenant.webhooks.send("call_log", {})
            await asyncio.sleep(30)
            assert (first.state, second.state, second.attempts) == (DeliveryState.DELIVERED, DeliveryState.DEAD, 1)
            assert "hooks.test means 169.254.169.254, which is not this machine" in second.problem
            assert len(asked) == 2, "it is looked up once for each connection"
            assert receiver.requests[0][0].startswith(b"POST /events HTTP/1.1\r\nHost: hooks.test:")

    on(mock_with, test)


@pytest.mark.fault("F52")
def test_a_redirect_is_not_followed() -> None:
    async def test(mock: InProcessMock) -> None:
        async with Receiver().running() as other:
            away = f"HTTP/1.1 307 Away\r\nlocation: {other.url}\r\ncontent-length: 0\r\n\r\n".encode()
            async with Receiver(away).running() as receiver:
                hooked(mock, receiver.url)
                (delivery,) = mock.tenant.webhooks.send("call_log", {})
                await asyncio.sleep(60)
                assert (delivery.state, delivery.status) == (DeliveryState.DEAD, 307)
                assert (len(receiver.requests), other.connections) == (3, 0)

    on(mock_with, test)


def test_a_name_that_cannot_be_looked_up_is_tried_again() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        if host == "slow.test":
            await asyncio.sleep(3600)
        if host == "none.test":
            return ()
        raise OSError("no such name")

    targets = Targets(("slow.test", "none.test", "no.test"), resolve=resolve)
    for url, problem in (
        ("http://slow.test/", "the name slow.test was not looked up within 5 s"),
        ("http://none.test/", "the name none.test has no address"),
        ("http://no.test/", "the name no.test cannot be looked up: OSError: no such name"),
    ):
        with pytest.raises(NotDelivered) as caught:
            addresses(url, targets)
        assert (caught.value.problem, caught.value.final) == (problem, False)


def test_the_system_looks_names_up_by_default() -> None:
    targets = Targets(("localhost.localdomain.test",))
    with pytest.raises(NotDelivered, match="cannot be looked up"):
        asyncio.run(targets.addresses(target_of("http://localhost.localdomain.test/")))


@pytest.mark.parametrize(
    "hosts",
    ["hooks.test", ("http://hooks.test/",), ("hooks.test:80",), (5,), ("",), ("2130706433",), ("10.0.0.1/8",), ("*",)],
)
def test_hosts_are_names_addresses_or_networks(hosts: object) -> None:
    with pytest.raises(ConfigError, match="webhook_hosts must be"):
        InProcessMock(webhook_hosts=hosts)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="webhook_hosts must be"):
        MockSettings(webhook_hosts=hosts)  # type: ignore[arg-type]


def test_a_server_passes_its_hosts_on() -> None:
    server = MockServer(MockSettings(webhook_hosts=("hooks.test",)))
    assert server.settings.webhook_hosts == ("hooks.test",)
    assert "hooks.test" in server.dispatcher._targets._names


def test_a_url_is_shown_without_what_may_be_secret() -> None:
    assert shown("https://user:word@hooks.test:8443/a?token=x#y") == "https://hooks.test:8443/a?…"
    assert shown("http://hooks.test") == "http://hooks.test"


# ---- connections


def test_a_connection_is_kept_for_the_next_post_and_closed_when_there_is_none() -> None:
    async def test(mock: InProcessMock) -> None:
        async with Receiver().running() as receiver:
            hooked(mock, receiver.url)
            for _ in range(20):
                mock.tenant.webhooks.send("call_log", {}, about="one call")
            await asyncio.sleep(0.1)
            assert (len(receiver.requests), receiver.connections) == (20, 1)
            await asyncio.sleep(2)
            mock.tenant.webhooks.send("call_log", {})
            await asyncio.sleep(0.1)
            assert receiver.connections == 2

    on(mock_with, test)


def test_a_kept_connection_that_the_receiver_has_closed_costs_no_attempt() -> None:
    closes = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"  # and then the receiver closes, without saying so

    async def test(mock: InProcessMock) -> None:
        async with Receiver(closes).running() as receiver:
            hooked(mock, receiver.url)
            for _ in range(5):
                mock.tenant.webhooks.send("call_log", {}, about="one call")
            await asyncio.sleep(10)
            assert [delivery.attempts for delivery in mock.tenant.webhooks.deliveries] == [1] * 5
            assert all(delivery.state is DeliveryState.DELIVERED for delivery in mock.tenant.webhooks.deliveries)

    on(mock_with, test)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n" + b"x" * 1_000_000,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnonsense",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab",
        b"HTTP/1.0 200 OK\r\n\r\nall of it",
    ],
)
def test_the_body_of_an_answer_is_not_read_beyond_a_limit_and_does_not_matter(answer: bytes) -> None:
    async def test(mock: InProcessMock) -> None:
        async with Receiver(answer).running() as receiver:
            hooked(mock, receiver.url)
            (delivery,) = mock.tenant.webhooks.send("call_log", {})
            await asyncio.sleep(5)
            assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 1)

    on(mock_with, test)


def test_a_kept_connection_that_is_reset_before_an_answer_costs_no_attempt() -> None:
    async def test(mock: InProcessMock) -> None:
        async with Receiver(lambda count: b"reset" if count == 2 else OK).running() as receiver:
            hooked(mock, receiver.url)
            for _ in range(2):
                mock.tenant.webhooks.send("call_log", {}, about="one call")
            await asyncio.sleep(10)
            assert [delivery.attempts for delivery in mock.tenant.webhooks.deliveries] == [1, 1]
            assert len(receiver.requests) == 3

    on(mock_with, test)


def test_a_body_that_never_ends_is_waited_for_no_longer_than_a_second() -> None:
    async def test(mock: InProcessMock) -> None:
        answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab"
        async with Receiver(answer, stays=True).running() as receiver:
            hooked(mock, receiver.url)
            (delivery,) = mock.tenant.webhooks.send("call_log", {})
            await asyncio.sleep(1.5)
            assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 1)

    on(mock_with, test)


def test_a_receiver_that_is_not_there_is_named() -> None:
    async def test(mock: InProcessMock) -> None:
        hooked(mock, "http://localhost:9/")
        (delivery,) = mock.tenant.webhooks.send("call_log", {})
        await asyncio.sleep(1)
        assert delivery.problem.startswith("no connection was made: ConnectionRefusedError")

    on(lambda: mock_with(settings=TenantSettings(webhook_attempts=1)), test)


@pytest.mark.parametrize("trusted", [True, False])
def test_certificates_are_checked(trusted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(served)
    ours = ssl.create_default_context()
    if trusted:
        authority.configure_trust(ours)
    monkeypatch.setattr(ssl, "create_default_context", lambda: ours)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        writer.close()

    async def test() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=served)
        server.get_loop().set_exception_handler(lambda loop, context: None)  # of the handshake that fails
        post = HttpPost(Targets())
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        try:
            if trusted:
                assert (await post(url, (), b"{}")).status == 204
            else:
                with pytest.raises(NotDelivered, match="CERTIFICATE_VERIFY_FAILED"):
                    await post(url, (), b"{}")
        finally:
            post.close()
            server.close()

    asyncio.run(test())
