"""Why a mock was not reached."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import socket

import httpx
import pytest

from offhook_wire.unreachable import unreachable


async def error_of(base: str) -> Exception:
    # Certificates are not needed, and reading them takes a descriptor.
    async with httpx.AsyncClient(trust_env=False, verify=False) as client:
        with pytest.raises(httpx.HTTPError) as caught:
            await client.get(base)
    return caught.value


def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        base = f"http://127.0.0.1:{server.getsockname()[1]}"
    error = asyncio.run(error_of(base))
    assert unreachable(base, error) == f"nothing is listening at {base} (no connection): start it with `offhook mock`"


@pytest.mark.parametrize("error", [TimeoutError(), httpx.ReadTimeout("")])
def test_no_answer(error: Exception) -> None:
    assert unreachable("http://localhost:1", error) == (
        "the server at http://localhost:1 did not answer in time: it is stopped, hangs or is very busy; start it again"
        " with `offhook mock`"
    )


def test_without_descriptors_it_is_not_known_whether_anything_listens() -> None:
    async def without_descriptors() -> Exception:
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, limits[1]))
        try:
            return await error_of("http://127.0.0.1:1")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    assert unreachable("http://127.0.0.1:1", asyncio.run(without_descriptors())) == (
        "http://127.0.0.1:1 cannot be reached: this program has too many files open; raise its limit (ulimit -n), or "
        "place fewer calls at once"
    )


def test_an_error_without_end_is_looked_at_for_a_while() -> None:
    error, system = RuntimeError(), OSError(errno.ENOMEM, "")
    error.__cause__ = error
    assert unreachable("http://localhost:1", error).startswith("nothing is listening")
    error.__cause__ = system
    assert unreachable("http://localhost:1", error).endswith("this machine has no memory left")
