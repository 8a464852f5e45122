"""The Sendblue carrier: ``POST /facetime/start-call``, exactly once per call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

from offhook.arguments import check_instance, check_seconds, check_text
from offhook.errors import (
    CarrierError,
    CarrierUnavailable,
    ConfigError,
    NumberRejected,
    PluginError,
    StartAmbiguous,
)
from offhook.interfaces import Auth, Carrier, Clock, Environment, Ids, e164, is_loopback, mask, unread
from offhook.plugin import isolated, name_of
from offhook.secret import Secret
from offhook_sendblue import baseurl, http_environment
from offhook_sendblue.answer import FROM_NUMBER_VARIABLE, KEYS_FROM, grant_of, message_suffix, names_from_number
from offhook_sendblue.auth import KEY_HEADER, EnvAuth
from offhook_sendblue.client import make_client
from offhook_sendblue.exchange import Failure, HttpAnswer, NoAnswer, connect_only, get_once, post_once
from offhook_sendblue.line_choice import AUTO, LineChoice
from offhook_sendblue.lines import LINES, LINES_STATE, NO_STATES, lines_of, object_of
from offhook_sendblue.only_loopback import in_a_test

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx

    from offhook.interfaces import DialRequest, Grant
    from offhook_sendblue.exchange import Client
    from offhook_sendblue.lines import Line

_log: Final = logging.getLogger("offhook.sendblue")

DEFAULT_BASE_URL: Final = "https://api.sendblue.co"
BASE_URL_VARIABLE: Final = "SENDBLUE_API_BASE_URL"
RELAY_URL_VARIABLE: Final = "OFFHOOK_RELAY_URL"
START_CALL: Final = "/facetime/start-call"
#: How long `check` may try to connect, in seconds. The core waits 10 s for the whole check.
_CONNECT_LIMIT_S: Final = 8.0
#: How long `lines` may take, in seconds. The core waits 10 s for the lines to choose among.
_LIST_LIMIT_S: Final = 8.0


def route_problem(environment: Environment) -> str:
    """Return why calls would ring a person and be joined somewhere else; empty if they would not.

    The relay of a mock does not have the channels of Sendblue's own API. A base URL that is neither may have it behind.
    """
    relay_url = environment.as_written(RELAY_URL_VARIABLE)
    base_url = environment.as_written(BASE_URL_VARIABLE) or DEFAULT_BASE_URL
    if not is_loopback(relay_url) or urlsplit(base_url).hostname != urlsplit(DEFAULT_BASE_URL).hostname:
        return ""
    return (
        f"{RELAY_URL_VARIABLE} names a mock, and {BASE_URL_VARIABLE} does not: Sendblue would ring a person, and "
        f"offhook would not be in that call. Unset {RELAY_URL_VARIABLE}, or set {BASE_URL_VARIABLE} to the mock as well"
    )


class SendblueCarrier(Carrier):
    """Places FaceTime calls through Sendblue, or through anything on this machine that answers as Sendblue does.

    Args:
        auth: provides the key headers; called for each call.
        from_number: your FaceTime line, E.164, for calls whose request names no line; empty if each request names one;
            ``"auto"`` to let the phone choose among the lines of the account, which are asked for once in 5 minutes. A
            line that Sendblue refused as not a FaceTime line is not chosen again.
        base_url: the API. Must be https unless it is on this machine. Its path is kept.
        relay_url: where to join the channels of its grants. Default: the base URL if that is on this machine, because
            the server there has its own relay; else Agora.
        timeout_s: the limit for a whole start-call, from connecting to the last byte of the answer.
        clock: for Retry-After headers that hold a date.
        ids: randomness for the waits between attempts to connect.
        http: an httpx transport instead of the network's own, for a server in the same process.

    Raises:
        ConfigError: an argument is of the wrong type, a URL to which keys must not be sent, or a time limit that is not
            positive and finite.
    """

    def __init__(
        self,
        auth: Auth,
        *,
        from_number: str,
        base_url: str = DEFAULT_BASE_URL,
        relay_url: str | None = None,
        timeout_s: float = 15.0,
        clock: Clock | None = None,
        ids: Ids | None = None,
        http: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        check_instance(auth, "auth", Auth, "an Auth, such as EnvAuth(os.environ) or KeyAuth(key, secret)")
        shared = Environment(clock=clock, ids=ids, http=http)  # which checks them
        check_text(from_number, "from_number", "+14155550123")
        check_text(base_url, "base_url", DEFAULT_BASE_URL)
        if relay_url is not None:
            check_text(relay_url, "relay_url", "http://127.0.0.1:8080")
        self.base_url: str = baseurl.checked(base_url, f"the base URL ({BASE_URL_VARIABLE})")
        self.from_number = from_number
        self._choice: LineChoice | None = None
        self._auth = auth
        self._timeout_s = check_seconds(timeout_s, "timeout_s")
        self._clock: Clock = shared.clock
        self._ids = shared.ids
        self._host = urlsplit(self.base_url).hostname or ""
        self._loopback = is_loopback(self.base_url)
        if from_number == AUTO:
            self._choice = LineChoice(self.lines, self._clock)
        self._http = http
        self._client: Client | None = None
        if relay_url:
            self.endpoint = baseurl.checked(relay_url, f"the relay URL ({RELAY_URL_VARIABLE})")
        else:
            self.endpoint = self.base_url if self._loopback else None

    @classmethod
    def from_environment(cls, environment: Environment, auth: Auth) -> SendblueCarrier:
        """Settings from `SENDBLUE_API_BASE_URL`, `OFFHOOK_FROM_NUMBER` and `OFFHOOK_RELAY_URL`; empty means unset.

        Clock, randomness and HTTP transport are also the environment's.

        Raises:
            ConfigError: `environment` is not an `Environment`, or as the constructor.
        """
        guess = "Write Environment(environment)" if hasattr(environment, "items") else ""
        check_instance(environment, "environment", Environment, "an offhook.interfaces.Environment", guess)
        if problem := route_problem(environment):
            raise ConfigError(problem)
        return cls(
            auth,
            from_number=environment.get(FROM_NUMBER_VARIABLE, ""),
            base_url=environment.get(BASE_URL_VARIABLE) or DEFAULT_BASE_URL,
            relay_url=environment.get(RELAY_URL_VARIABLE) or None,
            clock=environment.clock,
            ids=environment.ids,
            http=environment.http,
        )

    def __repr__(self) -> str:
        # A traceback may show one whose making failed.
        base_url, from_number = getattr(self, "base_url", "not made"), getattr(self, "from_number", "")
        return f"SendblueCarrier({base_url}, from {from_number if from_number == AUTO else mask(from_number)})"

    async def line_id(self, from_number: str | None = None) -> str:
        """See `Carrier.line_id`: base URL, fingerprint of the key id, from-number."""
        line = await self._line(from_number)
        account = (await self._keys()).get(KEY_HEADER)
        return f"{self.base_url} {account.fingerprint if account else ''} {line}"

    async def check(self) -> None:
        """See `Carrier.check`. It does not require a line, since a call may name one; `line_id` requires a line.

        It also connects to the API as a call would, through proxies and with TLS, and sends nothing. It does not if the
        relay is at the same place, which the transport's check asks, or if `http` is used instead of the network.

        Raises:
            CarrierUnavailable: the API cannot be reached.
        """
        if self.from_number and self._choice is None:
            e164(self.from_number, "from-number")
        await self._keys()
        client = self._made_client()
        if self._http is None and self.endpoint != self.base_url:
            timeout_s = min(self._timeout_s, _CONNECT_LIMIT_S)
            failure = await connect_only(client, self.base_url + START_CALL, timeout_s=timeout_s, ids=self._ids)
            if isinstance(failure, NoAnswer):
                raise self._unreachable(failure)

    async def lines_to_choose(self) -> Sequence[str]:
        """See `Carrier.lines_to_choose`: the line that is set, or, with ``auto``, those of the account.

        Raises:
            ConfigError: the account has no line, or a call from each of them was refused.
            CarrierError: the lines cannot be asked for.
        """
        if self._choice is not None:
            return await self._choice.numbers()
        return (self.from_number,) if self.from_number else ()

    async def lines(self) -> tuple[Line, ...]:
        """Ask for the lines of the account, with their states where the account may ask for those.

        It follows no redirect, and sends the keys to the host of the base URL alone.

        Raises:
            ConfigError: there are no keys.
            CarrierError: the carrier cannot be reached, refuses, or answers with something else.
        """
        client, keys = self._made_client(), await self._keys()
        async with asyncio.TaskGroup() as group:
            numbers = group.create_task(self._get(client, LINES, keys))
            states = group.create_task(self._get(client, LINES_STATE, keys))
        found = self._object_of(numbers.result(), LINES)
        try:
            known = self._object_of(states.result(), LINES_STATE)
        except CarrierError as error:
            known = None
            answer = states.result()
            if not isinstance(answer, HttpAnswer) or answer.status not in NO_STATES:
                _log.warning("the states of the lines are not known: %s", error.message)
        return lines_of(found, known)

    async def _get(self, client: Client, path: str, keys: Mapping[str, Secret]) -> HttpAnswer | NoAnswer:
        timeout_s = min(self._timeout_s, _LIST_LIMIT_S)
        return await get_once(client, self.base_url + path, keys, timeout_s=timeout_s, ids=self._ids)

    def _object_of(self, answer: HttpAnswer | NoAnswer, path: str) -> dict[str, object]:
        if isinstance(answer, HttpAnswer):
            return object_of(answer, path, now_s=self._clock.wall_s(), keys_from=self._keys_from())
        if answer.failure is Failure.NOT_SENT:
            raise self._unreachable(answer)
        raise CarrierUnavailable(f"the answer to {path} was lost ({answer.problem})")

    async def _line(self, from_number: str | None) -> str:
        line = from_number or self.from_number
        if line == AUTO and self._choice is not None:
            return (await self._choice.numbers())[0]  # without a phone, which would have chosen
        if not line:
            if ignored := unread({}, (FROM_NUMBER_VARIABLE,)):
                raise ConfigError(f"no number to call from is set: {ignored}")
            raise ConfigError(
                f"no number to call from is set: set {FROM_NUMBER_VARIABLE} to your FaceTime line "
                "(`offhook mock` prints one to export), or name one for the call (from_number, --from)"
                f"{in_a_test()}"
            )
        return line

    async def start_call(self, request: DialRequest) -> Grant:
        to, line = request.number, await self._line(request.from_number)
        if to == line:
            raise NumberRejected(f"a line cannot call itself: {mask(to)} is also the number to call from")
        keys = await self._keys()
        answer = await post_once(
            self._made_client(),
            self.base_url + START_CALL,
            {"phoneNumber": to, "fromNumber": line},
            keys,
            timeout_s=self._timeout_s,
            ids=self._ids,
        )
        if isinstance(answer, NoAnswer):
            if answer.failure is Failure.NOT_SENT:
                raise self._unreachable(answer)
            raise StartAmbiguous(
                f"the answer to start-call was lost ({answer.problem}): the phone of {mask(to)} may have rung. "
                "offhook did not repeat the request; check that phone before you dial again"
            )
        if self._choice is not None and answer.status in (400, 403) and names_from_number(message_suffix(answer)):
            self._choice.refuse(line)
        return grant_of(answer, endpoint=self.endpoint, now_s=self._clock.wall_s(), keys_from=self._keys_from())

    async def aclose(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _made_client(self) -> Client:
        if self._client is None:
            self._client = make_client(self.base_url, timeout_s=self._timeout_s, transport=self._http)
        return self._client

    def _unreachable(self, failure: NoAnswer) -> CarrierUnavailable:
        """The error for a request that was not sent; it names the variable that is to blame, if one is."""
        why = f"({failure.problem}), so no phone rang"
        proxy = None if failure.place is None or self._loopback else http_environment.blamed_proxy(*failure.place)
        trusted = http_environment.certificates_variable()
        if failure.untrusted and not self._loopback:
            advice = f"check {trusted}, or unset it" if trusted else "for certificates of your own, set SSL_CERT_FILE"
            named = f", which {trusted} names" if trusted else ""
            return CarrierUnavailable(
                f"the certificate of {self._host} is not signed by a trusted authority{named} {why}: {advice}"
            )
        if proxy is not None:
            return CarrierUnavailable(
                f"{self.base_url} cannot be reached through the proxy at {proxy.host}:{proxy.port} {why}. "
                f"{proxy.variable} names that proxy: check it, unset {proxy.variable}, or add {self._host} to NO_PROXY"
            )
        return CarrierUnavailable(
            f"nothing answers at {self.base_url} {why}: is the URL right? To call the mock, start it with: offhook mock"
        )

    def _keys_from(self) -> str:
        return KEYS_FROM if isinstance(self._auth, EnvAuth) else f"the auth {name_of(self._auth)}"

    async def _keys(self) -> Mapping[str, Secret]:
        """Return the auth's headers. Its mistakes are reported under its own name, not the carrier's."""
        given = await isolated(self._auth, "headers", lambda: self._auth.headers(self._host), self._timeout_s)
        return self._checked(given)

    def _checked(self, given: object) -> Mapping[str, Secret]:
        if not isinstance(given, Mapping) or not given:
            raise PluginError(name_of(self._auth), "headers", "returned no headers; expected at least one")
        headers: dict[str, Secret] = {}
        for name, value in cast("Mapping[object, object]", given).items():
            if not isinstance(name, str) or not isinstance(value, Secret):
                kinds = f"{type(name).__name__} and {type(value).__name__}"
                raise PluginError(
                    name_of(self._auth), "headers", f"returned {kinds}; a header must be a str and a Secret"
                )
            headers[name] = value
        return headers
