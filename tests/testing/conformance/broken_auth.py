"""Auths with one fault each, and the message with which the kit reports it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import subprocess
import threading
import warnings
from typing import TYPE_CHECKING, Final

from offhook.errors import ConfigError
from offhook.interfaces import Auth
from offhook.secret import Secret
from offhook.testing import VirtualLoop
from offhook.testing.conformance import AuthConformance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook.interfaces.environment import Environment

NAMES = ("ACME_KEY", "ACME_SECRET")
HOST = "api.example.com"
FOREIGN = "elsewhere.example.com"


class Good(Auth):
    """Keys from two settings, for one host, followed by a number that rotates."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.generation = 0

    async def headers(self, host: str) -> Mapping[str, Secret]:
        if host != HOST:
            raise ConfigError(f"the keys are not for {host}")
        await asyncio.sleep(0)
        return {f"x-{name.lower()}": Secret(self.value(name) + "!" * self.generation) for name in NAMES}

    def value(self, name: str) -> str:
        if not self.environment.get(name):
            raise ConfigError(f"{name} is not set: export your keys")
        return self.environment[name]


class GivesAnEmptySecret(Good):
    async def headers(self, host: str) -> Mapping[str, Secret]:
        return {**await super().headers(host), "x-none": Secret("")}


class GivesNoHeaderName(Good):
    async def headers(self, host: str) -> Mapping[str, Secret]:
        return {f"{name}:": value for name, value in (await super().headers(host)).items()}


class GivesLineBreaks(Good):
    def value(self, name: str) -> str:
        return f"{super().value(name)}\r\nx-injected: yes"


class GivesLessTheSecondTime(Good):
    asked = False

    async def headers(self, host: str) -> Mapping[str, Secret]:
        headers = dict(await super().headers(host))
        if self.asked:
            headers.popitem()
        self.asked = True
        return headers


class AnswersOneAtATime(Good):
    busy = False

    async def headers(self, host: str) -> Mapping[str, Secret]:
        if self.busy:
            raise RuntimeError("another request is being served")
        self.busy = True
        try:
            return await super().headers(host)
        finally:
            self.busy = False


class ServesOneInFull(AnswersOneAtATime):
    async def headers(self, host: str) -> Mapping[str, Secret]:
        return {} if self.busy else await super().headers(host)


class GivesAHeaderTwice(Good):
    async def headers(self, host: str) -> Mapping[str, Secret]:
        return {**await super().headers(host), "X-Acme_Key": Secret("another")}


class KeepsOldKeys(Good):
    kept: Mapping[str, Secret] | None = None

    async def headers(self, host: str) -> Mapping[str, Secret]:
        headers = await super().headers(host)
        self.kept = self.kept or headers
        return self.kept


class RaisesKeyErrors(Good):
    def value(self, name: str) -> str:
        return super().value(name) if self.environment else self.environment[name]


class TakesEmptyKeys(Good):
    def value(self, name: str) -> str:
        return self.environment[name] if name in self.environment else super().value(name)


class TellsTheOtherKey(Good):
    def value(self, name: str) -> str:
        if name not in self.environment and len(self.environment):
            raise ConfigError(f"{name} is missing beside {dict(self.environment)}: export it")
        return super().value(name)


class NotesTheOtherKey(Good):
    def value(self, name: str) -> str:
        try:
            return super().value(name)
        except ConfigError as error:
            error.add_note(f"these are set: {dict(self.environment)}")
            raise


class RaisesKeyErrorsForOne(Good):
    def value(self, name: str) -> str:
        return self.environment[name] if any(self.environment.values()) else super().value(name)


class ShowsItsKeys(Good):
    def __repr__(self) -> str:
        return f"ShowsItsKeys({dict(self.environment)})"


class ShowsWhatItServed(Good):
    served: tuple[str, ...] = ()

    async def headers(self, host: str) -> Mapping[str, Secret]:
        headers = await super().headers(host)
        self.served = tuple(secret.reveal() for secret in headers.values())
        return headers

    def __repr__(self) -> str:
        return f"ShowsWhatItServed({self.served})"


class Leaks(Good):
    """Reveals its keys whenever it has both of them."""

    async def headers(self, host: str) -> Mapping[str, Secret]:
        if all(self.environment.get(name) for name in NAMES):
            await self.leak(host, " ".join(self.environment[name] for name in NAMES))
        return await super().headers(host)

    async def leak(self, host: str, keys: str) -> None:
        raise NotImplementedError


class LogsItsKeys(Leaks):
    async def leak(self, host: str, keys: str) -> None:
        logging.getLogger("acme").debug("the keys are %s", keys)


class LogsItsKeysBesides(Leaks):
    async def leak(self, host: str, keys: str) -> None:
        logging.getLogger("acme").debug("asked", extra={"acme_keys": keys})


class LogsItsKeysToItself(Leaks):
    async def leak(self, host: str, keys: str) -> None:
        log = logging.getLogger("acme.private")
        log.propagate = False
        log.addHandler(logging.NullHandler())
        log.warning(keys)


class LogsAnErrorWithItsKeys(Leaks):
    async def leak(self, host: str, keys: str) -> None:
        try:
            raise ValueError(keys)
        except ValueError:
            logging.getLogger("acme").debug("odd", exc_info=True)


class WarnsOfItsKeys(Leaks):
    async def leak(self, host: str, keys: str) -> None:
        warnings.warn(f"{keys} are old", DeprecationWarning, stacklevel=2)


class PrintsItsKeys(Leaks):
    async def leak(self, host: str, keys: str) -> None:
        print(keys)


class PrintsItsKeysInHex(Leaks):
    async def leak(self, host: str, keys: str) -> None:
        os.write(2, keys.encode().hex().encode())


class LosesAnError(Leaks):
    async def leak(self, host: str, keys: str) -> None:
        future = asyncio.get_running_loop().create_future()
        future.set_exception(ValueError(keys))


class LosesAnErrorInAThread(Leaks):
    async def leak(self, host: str, keys: str) -> None:
        def fail() -> None:
            raise ValueError(keys)

        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()


class PassesItsKeysToAChild(Leaks):
    async def leak(self, host: str, keys: str) -> None:
        await asyncio.to_thread(subprocess.run, ["true", keys], check=True)


class PassesItsKeysToAChildsEnvironment(Leaks):
    async def leak(self, host: str, keys: str) -> None:
        environment = {**os.environ, "KEYS": keys}
        await asyncio.to_thread(subprocess.run, ["true"], check=True, env=environment)


class RaisesItsKeys(Leaks):
    """Each of the following puts them into another part of an error."""

    async def leak(self, host: str, keys: str) -> None:
        if host != HOST:
            await self.fail(f"the keys are not for {host}", keys)

    async def fail(self, problem: str, keys: str) -> None:
        raise NotImplementedError


class RaisesThemAsANote(RaisesItsKeys):
    async def fail(self, problem: str, keys: str) -> None:
        error = ConfigError(problem)
        error.add_note(keys)
        raise error


class RaisesThemAsACause(RaisesItsKeys):
    async def fail(self, problem: str, keys: str) -> None:
        raise ConfigError(problem) from ValueError(keys)


class RaisesThemAsASuppressedContext(RaisesItsKeys):
    async def fail(self, problem: str, keys: str) -> None:
        try:
            raise ValueError(keys)
        except ValueError:
            raise ConfigError(problem) from None


class RaisesThemInAGroup(RaisesItsKeys):
    async def fail(self, problem: str, keys: str) -> None:
        raise ConfigError(problem) from ExceptionGroup("all failed", [ValueError(), ValueError(keys)])


class RaisesThemAsAnAttribute(RaisesItsKeys):
    async def fail(self, problem: str, keys: str) -> None:
        error = ConfigError(problem)
        error.request = {"x-key": keys}  # type: ignore[attr-defined]
        raise error


class RaisesThemAsVariables(RaisesItsKeys):
    async def fail(self, problem: str, keys: str) -> None:
        request = keys.encode()
        raise ConfigError(f"{problem} ({len(request)})")


class NotesItsKeysWhenCancelled(Leaks):
    async def leak(self, host: str, keys: str) -> None:
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError as error:
            error.add_note(keys)
            raise


class GivesThemToAnybody(Good):
    async def headers(self, host: str) -> Mapping[str, Secret]:
        return await super().headers(HOST)


class GivesThemToHostsThatEndSo(Good):
    async def headers(self, host: str) -> Mapping[str, Secret]:
        return await super().headers(HOST if host.endswith(HOST) else host)


class GivesThemToHostsThatBeginSo(Good):
    async def headers(self, host: str) -> Mapping[str, Secret]:
        return await super().headers(HOST if host.startswith(HOST) else host)


class SwallowsItsCancellation(Good):
    async def headers(self, host: str) -> Mapping[str, Secret]:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.01)
        return await super().headers(host)


class RaisesForACancellation(Good):
    async def headers(self, host: str) -> Mapping[str, Secret]:
        try:
            return await super().headers(host)
        except asyncio.CancelledError:
            raise ConfigError("the keys could not be read") from None


class KeepsItsLock(Good):
    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.lock = asyncio.Lock()

    async def headers(self, host: str) -> Mapping[str, Secret]:
        await self.lock.acquire()
        try:
            headers = await super().headers(host)
        except ConfigError:
            self.lock.release()
            raise
        self.lock.release()
        return headers


class ChangesTheProcess(Good):
    def value(self, name: str) -> str:
        os.environ["ACME_WAS_HERE"] = "yes"
        return super().value(name)


class HoldsTheLoop(Good):
    def value(self, name: str) -> str:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.block(0.2)
        return super().value(name)


class KeepsDescriptors(Good):
    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.kept: list[int] = []

    async def headers(self, host: str) -> Mapping[str, Secret]:
        self.kept.append(os.open(os.devnull, os.O_RDONLY))
        return await super().headers(host)

    def __del__(self) -> None:
        for descriptor in self.kept:
            os.close(descriptor)


class GoodKit(AuthConformance):
    variables: Mapping[str, str] = {"ACME_KEY": "a-key-of-some-length", "ACME_SECRET": "a-secret-of-some-length"}
    foreign_host = FOREIGN
    plugin: type[Good] = Good

    def make(self, environment: Environment) -> Good:
        return self.plugin(environment)

    async def rotate(self, auth: Auth) -> None:
        assert isinstance(auth, Good)
        auth.generation += 1


BROKEN: Final[dict[str, dict[type[Good], str]]] = {
    "auth-1": {GivesAnEmptySecret: "the header 'x-none' is empty"},
    "auth-2": {
        GivesNoHeaderName: "'x-acme_key:' is not a valid name of a header (RFC 9110, 5.6.2)",
        GivesLineBreaks: "the value of 'x-acme_key' is not a valid value of a header (RFC 9110, 5.5)",
        GivesAHeaderTwice: "a header is there twice, since case does not matter in names: X-Acme_Key, x-acme_key",
    },
    "auth-3": {GivesLessTheSecondTime: "it returned x-acme_key, x-acme_secret first, x-acme_key later"},
    "auth-4": {
        AnswersOneAtATime: "RuntimeError: another request is being served",
        ServesOneInFull: "it returned x-acme_key, x-acme_secret alone, nothing at once",
    },
    "auth-5": {KeepsOldKeys: "the keys changed, but the headers did not"},
    "auth-6": {
        RaisesKeyErrors: "made without settings: KeyError was raised: 'ACME_KEY'",
        TakesEmptyKeys: "made with empty settings: nothing was raised",
    },
    "auth-7": {
        TellsTheOtherKey: "without ACME_KEY, the error shows a key: the arguments of a ConfigError, the message of a",
        NotesTheOtherKey: "without ACME_KEY, the error shows a key: a note of a ConfigError",
        RaisesKeyErrorsForOne: "without ACME_KEY: KeyError was raised",
    },
    "auth-8": {
        ShowsItsKeys: "a key appears in repr(auth), repr(auth, after headers() was called), str(auth)",
        ShowsWhatItServed: "a key appears in repr(auth, after headers() was called), str(auth, after",
        LogsItsKeys: "a key appears in a log record of acme at DEBUG",
        LogsItsKeysBesides: "a key appears in a log record of acme at DEBUG (acme_keys)",
        LogsItsKeysToItself: "a key appears in a log record of acme.private at WARNING",
        LogsAnErrorWithItsKeys: "a key appears in the arguments of a ValueError, the message of a ValueError",
        WarnsOfItsKeys: "a key appears in a DeprecationWarning",
        PrintsItsKeys: "a key appears in stdout",
        PrintsItsKeysInHex: "a key appears in stderr",
        LosesAnError: "a key appears in an error on the event loop, the arguments of a ValueError",
        LosesAnErrorInAThread: "a key appears in the arguments of a ValueError, the message of a ValueError",
        PassesItsKeysToAChild: "a key appears in the command line of a child process",
        PassesItsKeysToAChildsEnvironment: "a key appears in the environment of a child process",
        RaisesThemAsANote: "a key appears in a note of a ConfigError",
        RaisesThemAsACause: "a key appears in the arguments of a ValueError, the message of a ValueError",
        RaisesThemAsASuppressedContext: "a key appears in the arguments of a ValueError, the message of a ValueError",
        RaisesThemInAGroup: "a key appears in the arguments of a ExceptionGroup",
        RaisesThemAsAnAttribute: "a key appears in the attribute request of a ConfigError",
        RaisesThemAsVariables: "a key appears in the variable keys of fail() (broken_auth.py, line ",
        NotesItsKeysWhenCancelled: "a key appears in a note of a CancelledError",
    },
    "auth-9": {
        GivesThemToAnybody: "headers('elsewhere.example.com'): nothing was raised",
        GivesThemToHostsThatEndSo: "headers('not-api.example.com'): nothing was raised",
        GivesThemToHostsThatBeginSo: "headers('api.example.com.elsewhere.example.com'): nothing was raised",
    },
    "auth-10": {
        KeepsItsLock: "did not happen within 5 s: headers() returns after a call was cancelled",
        SwallowsItsCancellation: "headers() was cancelled after 1 turns of the loop and returned, although it must",
        RaisesForACancellation: "headers() was cancelled after 1 turns of the loop and raised ConfigError, although",
    },
    "auth-11": {ChangesTheProcess: "it changed ACME_WAS_HERE"},
    "auth-12": {HoldsTheLoop: "headers() blocked the event loop for "},
    "auth-13": {KeepsDescriptors: "20 calls of headers() left behind: 20 descriptors"},
}
