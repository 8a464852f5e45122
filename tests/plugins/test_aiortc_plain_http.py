"""One connection; what unkind servers do is in tests/plugins/test_aiortc_http.py."""

from __future__ import annotations

import asyncio
import socket

import pytest

from offhook_aiortc.plain_http import PlainConnection


def test_each_address_of_a_name_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        port: int = server.sockets[0].getsockname()[1]
        found = [(socket.AF_INET, ("127.0.0.1", 1)), (socket.AF_INET, ("127.0.0.1", port))]

        async def addresses(host: str, port: int, *, type: int) -> list[tuple[object, ...]]:
            return [(family, type, 0, "", address) for family, address in found]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", addresses)
        connection = await PlainConnection.open("somewhere", port)
        await connection.send("GET", "/", [("host", "somewhere")])
        connection.close()
        del found[1]
        with pytest.raises(ConnectionRefusedError):
            await PlainConnection.open("somewhere", port)
        found.clear()
        with pytest.raises(ConnectionError, match="somewhere has no address"):
            await PlainConnection.open("somewhere", port)
        server.close()

    asyncio.run(main())
