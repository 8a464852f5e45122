"""The kit for auth: what a carrier relies on when it asks for the headers of a request."""

from __future__ import annotations

import asyncio
import gc
import os
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final, cast

from offhook.errors import ConfigError
from offhook.interfaces.environment import Environment
from offhook.secret import Secret
from offhook.testing.conformance.clause import NotClaimed, clause
from offhook.testing.conformance.kit import Conformance
from offhook.testing.conformance.probes import error_of, everything_logged, shown

if TYPE_CHECKING:
    from offhook.interfaces import Auth

#: RFC 9110, section 5.6.2.
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: RFC 9110, section 5.5, without what only old servers bear.
_VALUE: Final = re.compile(r"[!-~]([ \t!-~]*[!-~])?")
#: Shorter values stand in texts by chance.
_SHORTEST: Final = 6


class AuthConformance(Conformance):
    """Subclass it and say how your auth is made.

    Attributes:
        variables: the settings that it is made with.
        host: whose headers are asked for; set it where yours gives them to its own host alone.
        foreign_host: a host that must not be given the keys; empty if yours are for any host, and auth-9 is not asked.

    Capabilities: ``settings``, that its keys come from `variables`; ``rotation``, that keys may change, which
    `rotate` shows.
    """

    kind = "auth"
    capabilities: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "rotation": "Keys may change while a program runs.",
            "settings": "Its keys come from settings, which may be missing.",
        }
    )
    variables: Mapping[str, str] = {}
    host: str = "api.example.com"
    foreign_host: str = ""

    def make(self, environment: Environment) -> Auth:
        """The auth. Your subclass says how."""
        raise NotImplementedError("your subclass must have make(self, environment), which gives the auth")

    async def rotate(self, auth: Auth) -> None:
        """Have other keys from now on, wherever `auth` takes them from. Your subclass says how."""
        raise NotClaimed(
            "not asked: nothing was given that changes the keys (the method rotate of a subclass of the kit)"
        )

    async def try_out(self) -> None:
        """Make one and ask it once: what is said of keys that are missing need not be said by every clause."""
        await self._values(self._made())

    def prepare(self) -> None:
        """See `Conformance.prepare`."""
        self._environ = dict(os.environ)

    def tidy(self) -> None:
        """See `Conformance.tidy`. What was done to the environment of the process is undone."""
        for name in os.environ.keys() - self._environ.keys():
            del os.environ[name]
        os.environ.update(self._environ.items() - os.environ.items())

    def _made(self) -> Auth:
        return self.make(Environment(self.variables))

    async def _values(self, auth: Auth) -> dict[str, str]:
        """The headers in clear. Values of another kind are the matter of one clause, and hurt no other."""
        given = cast("Mapping[str, object]", await auth.headers(self.host))
        return {name: value.reveal() if isinstance(value, Secret) else str(value) for name, value in given.items()}

    @clause("auth-1", "it gives at least one header, each a text and a Secret that is not empty")
    async def test_headers_are_texts_and_secrets(self) -> None:
        headers: object = await self._made().headers(self.host)
        assert isinstance(headers, Mapping), f"gave {type(headers).__name__}, not a mapping"
        assert headers, "gave no header"
        for name, value in cast("Mapping[object, object]", headers).items():
            assert isinstance(name, str), f"gave a header whose name is {type(name).__name__}"
            assert isinstance(value, Secret), f"the header {name!r} is {type(value).__name__}, not a Secret"
            assert value, f"the header {name!r} is empty"

    @clause("auth-2", "names and values of headers are such as HTTP allows: no blank around them, no line break")
    async def test_headers_are_legal(self) -> None:
        for name, text in (await self._values(self._made())).items():
            assert _TOKEN.fullmatch(name), f"{name!r} is no name of a header (RFC 9110, 5.6.2)"
            assert not text or _VALUE.fullmatch(text), f"the value of {name!r} is none of a header (RFC 9110, 5.5)"

    @clause("auth-3", "asked again, it gives the same headers; what they hold may change")
    async def test_it_can_be_asked_again(self) -> None:
        auth = self._made()
        first = set(await self._values(auth))
        for _ in range(3):
            given = set(await self._values(auth))
            assert given == first, f"it gave {', '.join(sorted(first))} first, and {', '.join(sorted(given))} later"

    @clause("auth-4", "it can be asked by several calls at once")
    async def test_it_can_be_asked_by_several_at_once(self) -> None:
        auth = self._made()
        await self.bounded(asyncio.gather(*(self._values(auth) for _ in range(10))), "ten are answered")

    @clause("auth-5", "when the keys change, the next request has the new ones", capability="rotation")
    async def test_keys_rotate(self) -> None:
        auth = self._made()
        before = await self._values(auth)
        await self.rotate(auth)
        assert await self._values(auth) != before, "the keys changed and the headers did not"

    @clause("auth-6", "without keys it raises a ConfigError that says so", capability="settings")
    async def test_without_keys(self) -> None:
        error = await error_of(self._made_with({}))
        assert isinstance(error, ConfigError), f"no settings are given: {shown(error)}"
        assert len(error.message.split()) >= 3, f"the message says too little: {error.message!r}"

    @clause("auth-7", "what it raises for a setting that is missing holds no key", capability="settings")
    async def test_errors_hold_no_key(self) -> None:
        settings = _Noting(self.variables)
        values = await self._long_values(settings)
        gc.collect()  # secrets of before that are still there would be masked in what is raised now
        for name in sorted(settings.read):
            error = await error_of(self._made_with({key: self.variables[key] for key in self.variables if key != name}))
            assert error is None or not _within(values, str(error)), f"without {name}, the error holds a key"

    async def _made_with(self, variables: Mapping[str, str]) -> None:
        await self.make(Environment(variables)).headers(self.host)

    async def _long_values(self, settings: Environment) -> list[str]:
        """The keys in clear, without words such as Bearer; the secrets are let go of, so that nothing is masked."""
        values = (await self._values(self.make(settings))).values()
        return [word for value in values for word in value.split()[-1:] if len(word) >= _SHORTEST]

    @clause("auth-8", "its keys stand neither in its repr nor in any log")
    async def test_keys_are_not_shown(self) -> None:
        values = await self._long_values(Environment(self.variables))
        with everything_logged() as lines:
            auth = self._made()
            text = f"{auth!r} {auth} {await auth.headers(self.host)!r}"
        assert not _within(values, text), "its repr holds a key"
        assert not _within(values, "\n".join(lines)), "a line that was logged holds a key"

    @clause("auth-9", "keys that are for one host are given to no other: it raises a ConfigError")
    async def test_keys_are_for_their_host(self) -> None:
        if not self.foreign_host:
            raise NotClaimed("not asked: no foreign host was given (foreign_host of the kit, --foreign-host)")
        error = await error_of(self._made().headers(self.foreign_host))
        assert isinstance(error, ConfigError), f"asked for {self.foreign_host}: {shown(error)}"

    @clause("auth-10", "asking can be cancelled, and it can be asked again afterwards")
    async def test_asking_can_be_cancelled(self) -> None:
        auth = self._made()
        for turns in range(3):
            asking = asyncio.ensure_future(self._values(auth))
            for _ in range(turns):
                await asyncio.sleep(0)
            asking.cancel()
            await self.bounded(asyncio.wait({asking}), "what was cancelled ends")
        await self.bounded(self._values(auth), "it answers after somebody gave up")

    @clause("auth-11", "it leaves the environment of the process as it is")
    async def test_the_environment_stays(self) -> None:
        await self._values(self._made())
        changed = sorted({name for name, _ in self._environ.items() ^ os.environ.items()})
        assert not changed, f"it changed {', '.join(changed)}"


class _Noting(Environment):
    """It notes which settings are read: to do without each of the others would show nothing."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__(variables)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> str:
        value = super().__getitem__(name)
        self.read.add(name)
        return value


def _within(values: list[str], text: str) -> bool:
    return any(value in text for value in values)
