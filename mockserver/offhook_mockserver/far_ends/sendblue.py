"""The far end of the carrier ``sendblue``, for conformance kits: the mock on a clause's loop, with chosen answers.

It answers a good request as Sendblue documents it; refusals are those that careful clients expect, as everywhere in the
mock.
"""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

from offhook.interfaces import Environment, Ids
from offhook.session import Grade
from offhook.testing import FixedAuth, LoopClock, ServiceAnswer, ServiceFarEnd
from offhook_mockserver.callees.script import Decline, Script
from offhook_mockserver.faces.refusals import ApiRefusal, refuse
from offhook_mockserver.server.asgi_transport import AsgiTransport, NetworkFault
from offhook_mockserver.server.in_process import InProcessMock
from offhook_mockserver.tenants.fault_register import START_CALL
from offhook_mockserver.tenants.settings import TenantSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from offhook.interfaces import Auth


#: From the range that is reserved for fiction.
_OTHER_LINE: Final = "+18885550198"
#: Calls end at once: clauses test how they begin.
_SCRIPT: Final = Script("declines at once", (Decline(),))
_JOIN_WINDOW_S: Final = 0.01

_STATUS: Final[Mapping[ServiceAnswer, int]] = {
    ServiceAnswer.REJECT_KEYS: 401,
    ServiceAnswer.REFUSE: 400,
    ServiceAnswer.RATE_LIMIT: 429,
    ServiceAnswer.FAIL: 503,
}
#: Statuses and places of redirects, used in turns. The last place is at the same host, another path.
_ELSEWHERE: Final = "https://elsewhere.example.com"
_OTHER_PORT: Final = "http://127.0.0.1:8"
_REDIRECTS: Final = (
    *((status, f"{_ELSEWHERE}{START_CALL}") for status in (307, 308, 301, 302, 303)),
    (307, f"{_OTHER_PORT}{START_CALL}"),
    (307, f"{START_CALL}?again"),
)
_FAULTS: Final[Mapping[ServiceAnswer, NetworkFault]] = {
    ServiceAnswer.LOSE: NetworkFault(lose_answer=True),
    ServiceAnswer.UNREACHABLE: NetworkFault(refuse=True),
}


class SendblueFarEnd(ServiceFarEnd):
    """The mock's Sendblue API, in virtual time and without a socket."""

    virtual_time = True

    def __init__(self) -> None:
        self._clock = LoopClock()
        self._mock = InProcessMock(
            clock=self._clock,
            ids=Ids(1),
            tenant=TenantSettings(join_window_s=_JOIN_WINDOW_S),
            script_for=lambda number: _SCRIPT,
        )
        self.host: str = urlsplit(self._mock.environment["SENDBLUE_API_BASE_URL"]).hostname or ""
        self._answer = ServiceAnswer.ACCEPT
        self._rung: list[str] = []
        self._strayed: list[str] = []
        self._redirects = itertools.cycle(_REDIRECTS)
        self._http = _Network(self)

    @property
    def environment(self) -> Environment:
        return self._environment(self._mock.from_number)

    @property
    def other_line(self) -> Environment:
        return self._environment(_OTHER_LINE)

    @property
    def auth(self) -> Auth:
        tenant = self._mock.tenant
        return FixedAuth(sb_api_key_id=tenant.api_key.reveal(), sb_api_secret_key=tenant.api_secret.reveal())

    @property
    def strayed(self) -> list[str]:
        return self._strayed

    @property
    def rung(self) -> list[str]:
        return self._rung

    def answer(self, answer: ServiceAnswer) -> None:
        self._answer = answer

    async def start(self) -> None:
        await self._mock.start()

    async def aclose(self) -> None:
        await self._http.aclose()
        await self._mock.aclose()

    def _environment(self, from_number: str) -> Environment:
        settings = {**self._mock.environment, "OFFHOOK_FROM_NUMBER": from_number}
        return Environment(settings, clock=self._clock, ids=self._mock.ids, http=self._http)

    @property
    def fault(self) -> NetworkFault:
        """The network's fault now."""
        return _FAULTS.get(self._answer, NetworkFault())

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give the answer that was set with `answer`; if none was set, pass the request to the mock."""
        answer = self._answer
        body = await receive()
        self._note(cast("bytes", body.get("body", b"")))
        if scope["query_string"] == b"again":
            self._strayed.append("another path of the same host")
        if answer is ServiceAnswer.HANG:
            await receive()  # returns when the client has disconnected
        elif answer is ServiceAnswer.REDIRECT:
            status, place = next(self._redirects)
            headers = [(b"location", place.encode())]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
        elif answer is ServiceAnswer.NONSENSE:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
            await send({"type": "http.response.body", "body": b"<!doctype html><title>Welcome</title>"})
        elif answer in _STATUS:
            refusal = ApiRefusal(_STATUS[answer], Grade.ASSUMED)
            await refuse(refusal, f"the far end was set to {answer.value}")(scope, receive, send)
        else:
            await self._pass_on(body, scope, receive, send)

    async def _pass_on(self, body: Message, scope: Scope, receive: Receive, send: Send) -> None:
        read: list[Message] = [body]

        async def once_more() -> Message:
            return read.pop() if read else await receive()

        app: ASGIApp = self._mock.app
        await app(scope, once_more, send)

    def _note(self, body: bytes) -> None:
        if body:  # a request that asks for nothing, such as that of a check, rings no number
            self._rung.append(str(json.loads(body).get("phoneNumber")))


class _Network(AsgiTransport):
    """The HTTP transport to the far end; each request gets the fault that is set when it begins."""

    def __init__(self, far_end: SendblueFarEnd) -> None:
        super().__init__(far_end.app)
        self._far_end = far_end

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        place = f"{request.url.scheme}://{request.url.netloc.decode()}"
        if place in {_ELSEWHERE, _OTHER_PORT}:
            self._far_end.strayed.append(place)
        with self.fault(self._far_end.fault):
            return await super().handle_async_request(request)
