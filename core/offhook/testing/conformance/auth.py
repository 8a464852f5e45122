"""The kit for auth: what a carrier relies on when it requests the headers for a request."""

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
from offhook.testing.conformance.cancelling import cancel_everywhere
from offhook.testing.conformance.clause import NotClaimed, clause
from offhook.testing.conformance.exposure import SHORTEST, Exposure, watched
from offhook.testing.conformance.kit import Conformance
from offhook.testing.conformance.probes import ending_of, error_of, leaves_nothing, shown
from offhook.testing.conformance.turns import does_not_block

if TYPE_CHECKING:
    from offhook.interfaces import Auth

#: RFC 9110, section 5.6.2.
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: RFC 9110, section 5.5, without the characters that only old servers accept.
_VALUE: Final = re.compile(r"[!-~]([ \t!-~]*[!-~])?")
_MANY: Final = 20


class AuthConformance(Conformance):
    """What an auth must do. A subclass implements `make`.

    Attributes:
        variables: the settings that it is made with.
        host: the host to request headers for; set it if your auth has keys for its own host only.
        foreign_host: a host that must not get the keys; empty if your keys are for any host, which skips auth-9.

    Capabilities: ``settings``: its keys come from `variables`; ``rotation``: its keys may change; `rotate`
    changes them.
    """

    kind = "auth"
    capabilities: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "rotation": "Its keys may change while a program runs.",
            "settings": "Its keys come from settings, which may be missing.",
        }
    )
    variables: Mapping[str, str] = {}
    host: str = "api.example.com"
    foreign_host: str = ""

    def make(self, environment: Environment) -> Auth:
        """Return the auth. Your subclass implements this."""
        raise NotImplementedError("your subclass must have make(self, environment), which returns the auth")

    async def rotate(self, auth: Auth) -> None:
        """Change the keys at the place that `auth` takes them from. Your subclass implements this."""
        raise NotClaimed(
            "skipped: the kit does not know how to change the keys (implement rotate() in your subclass of the kit)"
        )

    async def try_out(self) -> None:
        """Make an auth and request headers once, so that missing keys are reported once and not by every clause."""
        await self._values(self._made())

    def _made(self) -> Auth:
        return self.make(Environment(self.variables))

    async def _values(self, auth: Auth) -> dict[str, str]:
        """Return the headers in clear.

        Values that are not a `Secret` become strings, since auth-1 alone tests the type of the values.
        """
        given = cast("Mapping[str, object]", await auth.headers(self.host))
        return {name: value.reveal() if isinstance(value, Secret) else str(value) for name, value in given.items()}

    @clause(
        "auth-1",
        "headers() returns at least one header; each name is a string and each value a Secret that is not empty",
    )
    async def test_headers_are_texts_and_secrets(self) -> None:
        headers: object = await self._made().headers(self.host)
        assert isinstance(headers, Mapping), f"returned {type(headers).__name__}, not a mapping"
        assert headers, "returned no header"
        for name, value in cast("Mapping[object, object]", headers).items():
            assert isinstance(name, str), f"returned a header whose name is {type(name).__name__}, not str"
            assert isinstance(value, Secret), f"the header {name!r} is {type(value).__name__}, not a Secret"
            assert value, f"the header {name!r} is empty"

    @clause(
        "auth-2",
        "names and values of headers are valid in HTTP: no blanks around them, no line breaks, no name twice",
    )
    async def test_headers_are_legal(self) -> None:
        values = await self._values(self._made())
        assert len({name.lower() for name in values}) == len(values), (
            f"a header is there twice, since case does not matter in names: {', '.join(sorted(values))}"
        )
        for name, text in values.items():
            assert _TOKEN.fullmatch(name), f"{name!r} is not a valid name of a header (RFC 9110, 5.6.2)"
            assert not text or _VALUE.fullmatch(text), (
                f"the value of {name!r} is not a valid value of a header (RFC 9110, 5.5)"
            )

    @clause("auth-3", "every call of headers() returns the same names; values may change")
    async def test_it_can_be_asked_again(self) -> None:
        auth = self._made()
        first = set(await self._values(auth))
        for _ in range(3):
            later = set(await self._values(auth))
            assert later == first, f"it returned {', '.join(sorted(first))} first, {', '.join(sorted(later))} later"

    @clause("auth-4", "headers() can be called several times at once, and each call returns all headers")
    async def test_it_can_be_asked_by_several_at_once(self) -> None:
        auth = self._made()
        await self._values(auth)
        alone = set(await self._values(auth))
        calls = asyncio.gather(*(self._values(auth) for _ in range(10)))
        for headers in await self.bounded(calls, "ten calls of headers() return"):
            assert set(headers) == alone, (
                f"it returned {', '.join(sorted(alone))} alone, {', '.join(sorted(headers)) or 'nothing'} at once"
            )

    @clause("auth-5", "after the keys change, headers() returns the new ones", capability="rotation")
    async def test_keys_rotate(self) -> None:
        auth = self._made()
        before = await self._values(auth)
        await self.rotate(auth)
        assert await self._values(auth) != before, "the keys changed, but the headers did not"

    @clause(
        "auth-6",
        "without keys, or with empty settings, headers() raises a ConfigError that says so",
        capability="settings",
    )
    async def test_without_keys(self) -> None:
        for what, variables in (("without settings", {}), ("with empty settings", dict.fromkeys(self.variables, ""))):
            error = await error_of(self._made_with(variables))
            assert isinstance(error, ConfigError), f"made {what}: {shown(error)}"
            assert len(error.message.split()) >= 3, f"the message does not say what is missing: {error.message!r}"

    @clause(
        "auth-7",
        "a missing setting raises a ConfigError or is not needed, and the error does not show a key",
        capability="settings",
    )
    async def test_errors_hold_no_key(self) -> None:
        settings = _RecordingEnvironment(self.variables)
        values = await self._long_values(settings)
        gc.collect()  # earlier secrets that are still alive would be masked in the errors
        for name in sorted(settings.read):
            error = await error_of(self._made_with({key: self.variables[key] for key in self.variables if key != name}))
            exposure = Exposure()
            exposure.add_error(error)
            places = exposure.places_of(values)
            assert not places, f"without {name}, the error shows a key: {', '.join(places)}"
            assert error is None or isinstance(error, ConfigError), f"without {name}: {shown(error)}"

    async def _made_with(self, variables: Mapping[str, str]) -> None:
        await self.make(Environment(variables)).headers(self.host)

    async def _long_values(self, settings: Environment) -> list[str]:
        """Return the keys in clear, without words such as Bearer; no Secret is kept, so that nothing is masked."""
        values = (await self._values(self.make(settings))).values()
        return [word for value in values for word in value.split()[-1:] if len(word) >= SHORTEST]

    @clause(
        "auth-8",
        "its keys appear nowhere: not in its repr(), before or after headers() was called, nor in a log, a warning, an "
        "error, the output, the environment or a child process",
    )
    async def test_keys_are_not_shown(self) -> None:
        with watched() as exposure:
            values = await self._long_values(Environment(self.variables))
            gc.collect()  # earlier secrets that are still alive would be masked in errors
            auth = self._made()
            exposure.add_object("auth", auth)
            exposure.add_object("headers()", await auth.headers(self.host))
            exposure.add_object("auth, after headers() was called", auth)
            for host in self._foreign_hosts():
                exposure.add_error(await error_of(auth.headers(host)))
            asking = asyncio.ensure_future(auth.headers(self.host))
            await asyncio.sleep(0)
            asking.cancel()
            exposure.add_error(await ending_of(asking))
            exposure.add_object("auth, after headers() was called", auth)
            del auth, asking
            gc.collect()  # finalizers may print as well
        places = exposure.places_of(values)
        assert not places, f"a key appears in {', '.join(places)}"

    @clause("auth-9", "headers() for a host that the keys are not for raises a ConfigError")
    async def test_keys_are_for_their_host(self) -> None:
        if not self.foreign_host:
            raise NotClaimed("skipped: no foreign host was given (foreign_host of the kit, --foreign-host)")
        for host in self._foreign_hosts():
            error = await error_of(self._made().headers(host))
            assert isinstance(error, ConfigError), f"headers({host!r}): {shown(error)}"

    def _foreign_hosts(self) -> tuple[str, ...]:
        """Hosts that must not get the keys: the given one, and others whose names contain that of the right host."""
        if not self.foreign_host:
            return ()
        return (self.foreign_host, f"not-{self.host}", f"{self.host}.{self.foreign_host}", "")

    @clause("auth-10", "a cancelled headers() raises CancelledError, and headers() can be called again afterwards")
    async def test_asking_can_be_cancelled(self) -> None:
        auth = self._made()
        await cancel_everywhere(self, lambda: self._values(auth), "headers()")
        await self.bounded(self._values(auth), "headers() returns after a call was cancelled")

    @clause("auth-11", "it does not change the environment of the process")
    async def test_the_environment_stays(self) -> None:
        before = dict(os.environ)
        await self._values(self._made())
        changed = sorted({name for name, _ in before.items() ^ os.environ.items()})
        assert not changed, f"it changed {', '.join(changed)}"

    @clause("auth-12", "headers() does not block the event loop")
    async def test_it_does_not_hold_the_loop(self) -> None:
        await does_not_block(lambda: self._values(self._made()), "headers()")

    @clause("auth-13", f"after {_MANY} calls of headers() it holds no more descriptors and tasks than after one")
    async def test_many_calls_hold_no_more(self) -> None:
        auth = self._made()
        await self._values(auth)
        async with leaves_nothing(f"{_MANY} calls of headers()"):
            for _ in range(_MANY):
                await self._values(auth)


class _RecordingEnvironment(Environment):
    """Records which settings are read: auth-7 removes only these, since removing others would test nothing."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__(variables)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> str:
        value = super().__getitem__(name)
        self.read.add(name)
        return value
