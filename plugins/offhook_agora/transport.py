"""`AgoraTransport`: joins channels of Agora, or of a mock on this machine, through Agora's SDK."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_instance
from offhook.errors import ConfigError, JoinFailed, JoinTimeout, TransportNotSetUp, TransportUnavailable
from offhook.interfaces import Environment, Transport, is_loopback
from offhook_agora.child_host import ChildHost
from offhook_agora.hosts import Hosts
from offhook_agora.inline_host import InlineHost
from offhook_agora.layout import find_sdk, place_sdk
from offhook_agora.leg import AgoraLeg
from offhook_agora.machine import Machine
from offhook_agora.mock_door import check_door
from offhook_agora.seat import NotJoined
from offhook_agora.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from offhook.interfaces import Grant, LegHandler
    from offhook_agora.host import Host
    from offhook_agora.layout import SdkLayout

    #: Of an SDK, the settings of the phone, and a lock that is held while a process is started.
    MakeHost: TypeAlias = Callable[[SdkLayout, Environment, asyncio.Lock], Host]

#: The time limit for joining, the start of a child included.
JOIN_S: Final = 10.0


class AgoraTransport(Transport):
    """Agora's SDK, in a child process or in this one.

    Args:
        environment: where the SDK is, and the clock and the ids.
        settings: by default those of the environment.
        find: finds the SDK and looks into its libraries, in another thread.
        make_host: returns a host for the SDK; tests pass doubles.

    Raises:
        ConfigError: a setting is not valid.
    """

    def __init__(
        self,
        environment: Environment | None = None,
        *,
        settings: Settings | None = None,
        find: Callable[[Environment], SdkLayout] = find_sdk,
        make_host: MakeHost | None = None,
    ) -> None:
        self._environment = Environment() if environment is None else environment
        if settings is not None:
            check_instance(settings, "settings", Settings, "an offhook_agora.settings.Settings")
        self._settings = Settings.of(self._environment) if settings is None else settings
        self._find = find
        self.rate_hz: int = self._settings.rate_hz
        self._make_host: MakeHost = make_host or (InlineHost if self._settings.process == "inline" else ChildHost)
        self._starts = asyncio.Lock()
        most = self._settings.calls_per_child if self._settings.process == "child" else None
        self._hosts = Hosts(self._host, most)
        self._legs: set[AgoraLeg] = set()
        self._closed = False

    async def check(self, endpoint: str | None) -> None:
        """See `Transport.check`: finds the SDK, loads it where calls will run, and asks a mock for its door."""
        self._must_be_open()
        _check_endpoint(endpoint)  # first: without an SDK, installing one would be of no use
        _check_kind(await asyncio.to_thread(self._find, self._environment), endpoint)
        if endpoint is not None:
            await check_door(endpoint)
        async with self._hosts.reserved(None):
            self._must_be_open()

    async def join(self, grant: Grant, handler: LegHandler) -> AgoraLeg:
        """See `Transport.join`: all within 10 s."""
        leg = AgoraLeg(
            handler,
            self._hosts,
            self._settings,
            clock=self._environment.clock,
            ids=self._environment.ids,
            over=self._legs.discard,
        )
        try:
            self._must_be_open()
            _check_endpoint(grant.endpoint)
            _check_kind(self._layout(), grant.endpoint)
            self._legs.add(leg)
            await leg.join(grant, JOIN_S)
        except NotJoined as error:
            await leg.leave()
            raise error.for_caller() from None
        except (ConfigError, TransportUnavailable) as error:  # the SDK was removed since `check`
            await leg.leave()
            raise JoinFailed(error.message) from error
        except TimeoutError:
            await leg.leave()
            raise JoinTimeout(f"Agora's SDK did not join the channel within {JOIN_S:g} s") from None
        except BaseException:
            await leg.leave()
            raise
        return leg

    async def aclose(self) -> None:
        """See `Transport.aclose`: makes every leg leave, and ends the children."""
        self._closed = True
        if self._legs:
            await asyncio.gather(*(leg.leave() for leg in self._legs))
        await self._hosts.aclose()

    def _must_be_open(self) -> None:
        if self._closed:
            raise TransportUnavailable("this transport was closed: make a new one")

    def _host(self) -> Host:
        return self._make_host(self._layout(), self._environment, self._starts)

    def _layout(self) -> SdkLayout:
        return place_sdk(self._environment, Machine.here())


def _check_endpoint(endpoint: str | None) -> None:
    """Check that there is an SDK that joins where the grant is for.

    Raises:
        TransportNotSetUp: there is none.
    """
    if endpoint is not None and not is_loopback(endpoint):
        raise TransportNotSetUp(
            f"the transport agora joins at Agora, or at a mock on this machine, and not at {endpoint}: unset "
            "OFFHOOK_RELAY_URL, or set it to what `offhook mock` prints"
        )


def _check_kind(layout: SdkLayout, endpoint: str | None) -> None:
    """Check that the SDK that was found is the one that joins where the grant is for.

    Raises:
        TransportNotSetUp: it is the other one.
    """
    if endpoint is None and layout.kind == "mock":
        raise TransportNotSetUp(
            "the SDK folder is the mock's, which joins only at a mock on this machine, and this call would be joined "
            "at Agora: set SENDBLUE_API_BASE_URL to what `offhook mock` prints; for Agora, unset OFFHOOK_AGORA_SDK and "
            "type: offhook agora fetch"
        )
    if endpoint is not None and layout.kind == "agora":
        raise TransportNotSetUp(
            f"Agora's own SDK cannot join at {endpoint}, which is a mock: use the transport aiortc there, the default, "
            "or make the mock's SDK folder, and name it in OFFHOOK_AGORA_SDK: offhook mock agora-sdk --into DIR"
        )
