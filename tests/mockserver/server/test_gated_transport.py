"""The transport below every connection of the mock."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING

from offhook_mockserver.server.gated_transport import GatedTransport
from offhook_mockserver.server.loopback import listen

if TYPE_CHECKING:
    import pytest


def test_writes_to_a_client_that_has_reset_its_connection_are_dropped_without_a_line_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """asyncio warns from the sixth write on, one line for each; a member's audio is 50 writes a second."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with listen(0) as listener, socket.socket() as client:
            listener.listen()
            client.connect(listener.getsockname())
            accepted, _address = listener.accept()
            accepted.setblocking(False)
            transport, _protocol = await loop.connect_accepted_socket(asyncio.Protocol, accepted)
            gate = GatedTransport(transport)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()  # with a reset
            for _ in range(20):
                gate.write(b"audio")
                gate.writelines([b"more", b"audio"])
            assert gate.is_closing()
            await asyncio.sleep(0)

    asyncio.run(main())
    assert caplog.records == []
