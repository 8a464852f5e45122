"""A room on loopback, another member of it, and a program in it; for tests of the mock's native library."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.agora.native_program import Program, Sdk
from tests.plugins.relay_kit import Ear, until

from offhook.interfaces import AudioFrame, Grant
from offhook_mockserver.far_ends import PcmFarEnd

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from offhook_mockserver.rooms.pcm_member import PcmMember

CHANNEL = "room"
FAR_UID = 77


class Place:
    """A far end, and programs that join it. The service belongs to the place."""

    def __init__(self, sdk: Sdk, far: PcmFarEnd, service: Any, grant: Grant) -> None:
        self.sdk = sdk
        self.far = far
        self.service = service
        self.grant = grant
        self.ear = Ear()
        self.member: PcmMember | None = None
        self._programs: list[Program] = []

    def program(self, **settings: Any) -> Program:
        program = Program(self.sdk, self.service, **settings)
        self._programs.append(program)
        return program

    def join(self) -> PcmMember:
        """Have the other member join, and publish."""
        self.member = self.far.room(CHANNEL).join_pcm(FAR_UID, self.ear)
        self.member.publish()
        return self.member

    @property
    def heard(self) -> bytes:
        """What the other member heard, without its pauses."""
        return b"".join(frame.pcm for _, frame in self.ear.audio)

    async def hears(self, size: int) -> bytes:
        """Wait until the other member has heard `size` bytes."""
        await until(lambda: len(self.heard) >= size, f"{size} bytes at the other member")
        return self.heard

    def say(self, pcm: bytes, position: int = 0, *, samples: int = 320) -> int:
        """Have the other member say something at once, in messages of `samples`; returns the next position."""
        assert self.member is not None
        for at in range(0, len(pcm), 2 * samples):
            piece = pcm[at : at + 2 * samples]
            self.member.send(AudioFrame(piece, 16_000, position))
            position += len(piece) // 2
        return position

    async def close(self) -> None:
        for program in self._programs:
            if program.connection.conn_handle is not None:
                await program.left()


@contextlib.asynccontextmanager
async def place(sdk: Sdk, *, life_s: float = 600.0) -> AsyncIterator[Place]:
    """A room with its far end. Afterwards the library has freed everything, and has no thread more than before.

    In the same process, a transport that runs the SDK in it keeps a service, with its threads, to the end.
    """
    far = PcmFarEnd()
    await far.start()
    grant = far.grant(CHANNEL, life_s=life_s)
    handles, threads = sdk.handles(), native_threads()
    sdk.library.offhook_agora_set_endpoint(far.endpoint.encode())
    service = sdk.started(grant.app_id)
    here = Place(sdk, far, service, grant)
    try:
        yield here
        await here.close()
    finally:
        service.release()
        sdk.library.offhook_agora_set_endpoint(None)
        await far.aclose()
    assert sdk.handles() == handles
    assert native_threads() == threads


def native_threads() -> list[str]:
    """The names of the library's threads."""
    names: list[str] = []
    for thread in Path("/proc/self/task").glob("*"):
        with contextlib.suppress(OSError):
            names.append((thread / "comm").read_text().strip())
    return sorted(name for name in names if name.startswith("agora-"))
