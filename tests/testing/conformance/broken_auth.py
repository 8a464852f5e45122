"""Auths with one fault each, and the message with which the kit reports it."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING, Final

from offhook.errors import ConfigError
from offhook.interfaces import Auth
from offhook.secret import Secret
from offhook.testing.conformance import AuthConformance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook.interfaces.environment import Environment

NAMES = ("ACME_KEY", "ACME_SECRET")
FOREIGN = "elsewhere.example.com"


class Good(Auth):
    """Keys from two settings, for one host, followed by a number that rotates."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.generation = 0

    async def headers(self, host: str) -> Mapping[str, Secret]:
        if host == FOREIGN:
            raise ConfigError(f"the keys are not for {host}")
        await asyncio.sleep(0)
        return {f"x-{name.lower()}": Secret(self.value(name) + "!" * self.generation) for name in NAMES}

    def value(self, name: str) -> str:
        if name not in self.environment:
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


class KeepsOldKeys(Good):
    kept: Mapping[str, Secret] | None = None

    async def headers(self, host: str) -> Mapping[str, Secret]:
        headers = await super().headers(host)
        self.kept = self.kept or headers
        return self.kept


class RaisesKeyErrors(Good):
    def value(self, name: str) -> str:
        return self.environment[name]


class TellsTheOtherKey(Good):
    def value(self, name: str) -> str:
        if name not in self.environment and len(self.environment):
            raise ConfigError(f"{name} is missing beside {dict(self.environment)}: export it")
        return super().value(name)


class ShowsItsKeys(Good):
    def __repr__(self) -> str:
        return f"ShowsItsKeys({dict(self.environment)})"


class LogsItsKeys(Good):
    def value(self, name: str) -> str:
        logging.getLogger("acme").debug("%s is %s", name, super().value(name))
        return super().value(name)


class GivesThemToAnybody(Good):
    async def headers(self, host: str) -> Mapping[str, Secret]:
        return await super().headers("api.example.com")


class KeepsItsLock(Good):
    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.lock = asyncio.Lock()

    async def headers(self, host: str) -> Mapping[str, Secret]:
        await self.lock.acquire()
        headers = await super().headers(host)
        self.lock.release()
        return headers


class ChangesTheProcess(Good):
    def value(self, name: str) -> str:
        os.environ[name] = super().value(name)
        return super().value(name)


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
    },
    "auth-3": {GivesLessTheSecondTime: "it returned x-acme_key, x-acme_secret first, x-acme_key later"},
    "auth-4": {AnswersOneAtATime: "RuntimeError: another request is being served"},
    "auth-5": {KeepsOldKeys: "the keys changed, but the headers did not"},
    "auth-6": {RaisesKeyErrors: "made without settings: KeyError was raised: 'ACME_KEY'"},
    "auth-7": {TellsTheOtherKey: "without ACME_KEY, the error contains a key"},
    "auth-8": {ShowsItsKeys: "its repr() contains a key", LogsItsKeys: "a logged line contains a key"},
    "auth-9": {GivesThemToAnybody: "headers('elsewhere.example.com'): nothing was raised"},
    "auth-10": {KeepsItsLock: "did not happen within 5 s: headers() returns after a call was cancelled"},
    "auth-11": {ChangesTheProcess: "it changed ACME_KEY, ACME_SECRET"},
}
