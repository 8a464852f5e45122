"""How many requests a second a server on this machine answers, over eight connections that are kept."""

from __future__ import annotations

import selectors
import socket
import time
from dataclasses import dataclass
from typing import Final

_CONNECTIONS: Final = 8
_BYTES: Final = 65_536
_STUCK_S: Final = 10.0
_HEAD_END: Final = b"\r\n\r\n"


class WrongAnswer(RuntimeError):
    """A server did not answer with 2xx, or not at all."""


@dataclass(slots=True)
class _Client:
    """One connection, and what has come of the answer that it waits for."""

    connection: socket.socket
    answer: bytes = b""


def per_second(port: int, request: bytes, seconds: float) -> float:
    """Send requests for a time, each as soon as the one before is answered; returns how many were answered a second.

    Raises:
        WrongAnswer: something else than 2xx came.
    """
    answered = 0
    with selectors.DefaultSelector() as selector:
        clients = [_Client(socket.create_connection(("127.0.0.1", port))) for _ in range(_CONNECTIONS)]
        try:
            for client in clients:
                client.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(client.connection, selectors.EVENT_READ, client)
            start_s = time.perf_counter()
            for client in clients:
                client.connection.sendall(request)
            while (now_s := time.perf_counter()) < start_s + seconds:
                ready = selector.select(_STUCK_S)
                if not ready:
                    raise WrongAnswer(f"the server at port {port} did not answer within {_STUCK_S:g} s")
                for key, _ in ready:
                    answered += _read(key.data, request)
            return answered / (now_s - start_s)
        finally:
            for client in clients:
                client.connection.close()


def _read(client: _Client, request: bytes) -> int:
    """Read what is there; ask again, and return 1, if that completes the answer."""
    data = client.connection.recv(_BYTES)
    client.answer += data
    if not data or (len(client.answer) > len("HTTP/1.1 2") and not client.answer.startswith(b"HTTP/1.1 2")):
        raise WrongAnswer(f"the server answered {client.answer[:200]!r}")
    if not is_complete(client.answer):
        return 0
    client.answer = b""
    client.connection.sendall(request)
    return 1


def is_complete(answer: bytes) -> bool:
    """Whether an HTTP answer, with its length or in chunks, is there as a whole."""
    head, end, body = answer.partition(_HEAD_END)
    if not end:
        return False
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return len(body) >= int(value)
    return body.endswith(b"0\r\n\r\n")
