"""The base of the clauses for transports: what a kit makes, its time limits, and the stage of a clause."""

from __future__ import annotations

import contextlib
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final

from offhook.errors import TransportError
from offhook.testing.conformance.kit import Conformance
from offhook.testing.conformance.transport.stage import Stage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from offhook.interfaces import Transport
    from offhook.interfaces.environment import Environment
    from offhook.interfaces.far_end import ChannelFarEnd
    from offhook.interfaces.grant import Grant


#: The optional features of a transport. Some far ends cannot test all of them.
CAPABILITIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "outage": "A leg comes back by itself after its network was gone for a while.",
        "giving up": "A leg whose network does not come back gives up by itself, within `give_up_s`.",
        "renewal": "Tokens expire, are announced before they do, and can be renewed.",
    }
)


class TransportKit(Conformance):
    """See `TransportConformance`."""

    kind: ClassVar[str] = "transport"
    capabilities: ClassVar[Mapping[str, str]] = CAPABILITIES

    give_up_s: float = 30.0
    outage_s: float = 3.0
    first_dbfs: float = -30.0
    most_delay_s: float = 0.2
    late_audio_s: float = 0.2
    ending_s: float = 5.0
    long_audio_s: float | None = None
    cycles: int | None = None
    examples: int | None = None
    token_life_s: float | None = None
    rest_s: float = 0.0
    elsewhere: tuple[str | None, ...] | None = None

    #: The far end of the clause that is running.
    far_end: ChannelFarEnd

    def make(self, environment: Environment) -> Transport:
        """Return the transport, which must lead to `far_end`. Your subclass implements this."""
        raise NotImplementedError("your subclass must have make(environment), which returns the transport")

    def make_far_end(self) -> ChannelFarEnd:
        """Return the far end; it is started later, on the loop of the clause. Your subclass implements this."""
        raise NotImplementedError("your subclass must have make_far_end(), which returns the far end")

    def prepare(self) -> None:
        """Use real time if the far end needs it, and drop the capabilities that the far end cannot show."""
        far_end = self.make_far_end()
        self.virtual_time: bool = self.virtual_time and far_end.virtual_time
        self.not_claimed: Mapping[str, str] = {**far_end.not_claimed, **self.not_claimed}
        if not self.rest_s:
            self.rest_s = 0.01 if self.virtual_time else 0.25

    async def try_out(self) -> None:
        """Make a transport and close it."""
        async with self.stage():
            pass

    @contextlib.asynccontextmanager
    async def stage(self) -> AsyncGenerator[Stage]:
        """A far end and a transport, both closed at the end."""
        async with self.make_far_end() as far_end:
            self.far_end = far_end
            transport = self.make(far_end.environment)
            try:
                yield Stage(self, far_end, transport)
            finally:
                far_end.mend()
                await self.bounded(transport.aclose(), "the transport's aclose() returns")

    async def refused(self, stage: Stage, grant: Grant, what: str) -> TransportError:
        """Join with a token that the channel refuses, and return the error.

        Raises:
            AssertionError: join() returned a leg.
        """
        try:
            await stage.join(grant.channel, grant=grant)
        except TransportError as error:
            return error
        await stage.rest()
        if grant.uid in stage.far.uids(grant.channel):
            raise AssertionError(f"{what} opened the channel")
        raise AssertionError(f"the channel refused {what}, and join() ignored that: it returned a leg")

    def either(self, virtual: float, real: float) -> float:
        """Return `virtual` if the clause runs on virtual time, else `real`."""
        return virtual if self.virtual_time else real
