"""One mock on a virtual loop, with callers that join its rooms by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from offhook.interfaces import Ids
from offhook.testing import LoopClock, run_virtual
from offhook_mockserver.callees.script import Answer, Script
from offhook_mockserver.server import InProcessMock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from offhook.interfaces import AudioFrame
    from offhook_mockserver.rooms.member import RoomEvent
    from offhook_mockserver.rooms.pcm_member import PcmMember
    from offhook_mockserver.server import MockCall, Step, TenantBounds, TenantSettings

_T = TypeVar("_T")

NUMBER = "+14155550123"
OTHER = "+14155550124"


class Silent:
    """The handler of a caller that ignores everything, but keeps the events."""

    def __init__(self) -> None:
        self.events: list[RoomEvent] = []

    def on_event(self, event: RoomEvent) -> None:
        self.events.append(event)

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        pass


def mock_with(
    *steps: Step, settings: TenantSettings | None = None, bounds: TenantBounds | None = None, seed: int = 1
) -> InProcessMock:
    """A mock whose callees follow these steps; by default, they answer."""
    script = Script("follows the test", steps or (Answer(),))
    return InProcessMock(
        clock=LoopClock(), ids=Ids(seed), tenant=settings, bounds=bounds, script_for=lambda number: script
    )


def on(mock: Callable[[], InProcessMock], test: Callable[[InProcessMock], Awaitable[_T]]) -> _T:
    """Run a test against a mock in virtual time."""

    async def main() -> _T:
        async with mock() as running:
            return await test(running)

    return run_virtual(main())


def call(mock: InProcessMock, number: str = NUMBER) -> MockCall:
    """A call of the first tenant; no caller has joined yet."""
    return mock.calls.start(mock.tenant, number, mock.from_number)


def join(started: MockCall, uid: int = 7) -> PcmMember:
    """A caller joins the call's room, and publishes."""
    member = started.room.join_pcm(uid, Silent())
    member.publish()
    return member
