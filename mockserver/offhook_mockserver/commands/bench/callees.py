"""The callees of a trial: their numbers, what they do, and what they missed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import httpx

from offhook.errors import TransportUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from offhook_mockserver.commands.own_mock import OwnMock

#: Fictional numbers are +1 NPA 555 01XX: a hundred for each area code.
_FIRST_AREA: Final = 201
_EACH: Final = 100
#: How many calls a trial may have.
MOST: Final = 5_000
#: How long a callee rings, in seconds.
_RING_S: Final = 0.5
#: How much later a callee echoes what it hears, in seconds.
_ECHO_S: Final = 0.1
_TIMEOUT_S: Final = 10.0


def number(index: int) -> str:
    """The number of a callee."""
    return f"+1{_FIRST_AREA + index // _EACH}55501{index % _EACH:02d}"


def script_of(calls: int) -> str:
    """The file for ``offhook mock --scripts``: each callee answers, and echoes what it hears."""
    return "\n".join(
        f'[[callee]]\nnumber = "{number(index)}"\n'
        f"steps = [{{answer = {{after_s = {_RING_S}}}}}, {{echo = {_ECHO_S}}}]\n"
        for index in range(calls)
    )


async def losses_at_callees(mock: OwnMock, channels: Iterable[str]) -> int:
    """How many frames were lost, late, concealed or never sent on the mock's side, in all calls together.

    Raises:
        TransportUnavailable: the mock does not answer as it should.
    """
    lost = 0
    headers = {"Authorization": f"Bearer {mock.control_token.reveal()}"}
    async with httpx.AsyncClient(headers=headers, timeout=_TIMEOUT_S, trust_env=False) as client:
        for channel in channels:
            try:
                answer = await client.get(f"{mock.control_url}/tenants/default/calls/{channel}")
                call = answer.raise_for_status().json()
                lost += sum(call["losses"].values()) + call["counters"]["frames_skipped"]
            except (httpx.HTTPError, ValueError, KeyError, AttributeError, TypeError):
                raise TransportUnavailable(f"the mock does not say what it lost of the call {channel}") from None
    return lost
