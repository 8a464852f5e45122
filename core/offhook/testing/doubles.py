"""Doubles of the small interfaces: they record what they receive, and their answers are set beforehand."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from offhook.arguments import check_error, check_function, check_instance, check_text
from offhook.errors import StartAmbiguous
from offhook.interfaces import AudioFilter, AudioSink, Auth, Carrier, Store
from offhook.interfaces.grant import Grant
from offhook.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from offhook.interfaces.dialing import DialRequest
    from offhook.interfaces.frame import AudioFrame
    from offhook.interfaces.store import Document

#: How long a service may take to answer.
_GIVE_UP_S: Final = 15.0


class FixedAuth(Auth):
    """Returns the same headers for every host.

    Raises:
        ConfigError: the value of a header is not text.
    """

    def __init__(self, **headers: str) -> None:
        self._headers = {
            name.replace("_", "-"): Secret(check_text(value, f"the header {name}")) for name, value in headers.items()
        }

    async def headers(self, host: str) -> Mapping[str, Secret]:
        return self._headers


class ScriptedCarrier(Carrier):
    """Returns a grant, or raises a given error.

    Args:
        answer: what `start_call` raises instead of returning a grant.
        refuse_check: what `check` raises.
        endpoint: where its grants are joined.
        service: called with the number of each call to get the grant, for example `ScriptedService.ring`; `answer` is
            then ignored. If the service takes longer than 15 s, `start_call` raises `StartAmbiguous`.
        line: the id of its line, see `Carrier.line_id`.
        auth: asked for the headers of each call to the host of `endpoint`, as carriers that send keys do.

    Raises:
        ConfigError: an argument is of the wrong type.
    """

    def __init__(
        self,
        answer: Exception | None = None,
        *,
        refuse_check: Exception | None = None,
        endpoint: str | None = "http://127.0.0.1:9",
        service: Callable[[str], Awaitable[Grant]] | None = None,
        line: str | None = None,
        auth: Auth | None = None,
    ) -> None:
        check_error(answer, "answer")
        check_error(refuse_check, "refuse_check")
        for name, text in (("endpoint", endpoint), ("line", line)):
            if text is not None:
                check_text(text, name)
        if service is not None:
            check_function(service, "service", ("the number of a call",), may_be_async=True)
        self.endpoint = endpoint
        self._answer = answer
        self._refuse_check = refuse_check
        self._service = service
        self._line = line
        if auth is not None:
            check_instance(auth, "auth", Auth, "an Auth, such as FixedAuth(), or None")
        self._auth = auth
        self._host = urlsplit(endpoint or "").hostname or ""
        #: Clear it to hold back the answer.
        self.gate: asyncio.Event = asyncio.Event()
        self.gate.set()
        #: What `start_call` was called with, and the numbers in it.
        self.requests: list[DialRequest] = []
        self.rung: list[str] = []
        self.closed: bool = False

    async def check(self) -> None:
        if self._refuse_check is not None:
            raise self._refuse_check

    async def line_id(self, from_number: str | None = None) -> str:
        return from_number or self._line or await super().line_id()

    async def start_call(self, request: DialRequest) -> Grant:
        self.requests.append(request)
        self.rung.append(request.number)
        await self.gate.wait()
        if self._auth is not None:
            await self._auth.headers(self._host)
        if self._service is not None:
            return await self._asked(self._service(request.number))
        if self._answer is not None:
            raise self._answer
        channel = f"ft_call_{len(self.rung):016x}"
        return Grant("0" * 32, channel, Secret(f"007-token-of-{channel}"), 0, self.endpoint)

    async def aclose(self) -> None:
        self.closed = True

    async def _asked(self, answer: Awaitable[Grant]) -> Grant:
        try:
            async with asyncio.timeout(_GIVE_UP_S):
                return await answer
        except TimeoutError:
            raise StartAmbiguous(f"no answer within {_GIVE_UP_S:g} s") from None


class ListSink(AudioSink):
    """Keeps the frames."""

    def __init__(self) -> None:
        self.frames: list[AudioFrame] = []
        self.closed: bool = False

    async def write(self, frame: AudioFrame) -> None:
        self.frames.append(frame)

    async def aclose(self) -> None:
        self.closed = True


class ListFilter(AudioFilter):
    """Keeps the frames and returns them unchanged."""

    def __init__(self) -> None:
        self.frames: list[AudioFrame] = []
        self.closed: bool = False

    def apply(self, frame: AudioFrame) -> AudioFrame:
        self.frames.append(frame)
        return frame

    def close(self) -> None:
        self.closed = True


class MemoryStore(Store):
    """Keeps journals and records."""

    def __init__(self) -> None:
        self.journal: list[Document] = []
        self.records: dict[str, Document] = {}
        self.closed: bool = False

    def append(self, call_id: str, entry: Document) -> None:
        self.journal.append(entry)

    def save(self, call_id: str, record: Document) -> None:
        self.records[call_id] = record

    def close(self) -> None:
        self.closed = True
