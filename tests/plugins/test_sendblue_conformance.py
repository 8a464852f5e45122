"""Sendblue's auth and carrier against the kits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.secret import Secret
from offhook.testing.conformance import AuthConformance, CarrierConformance
from offhook_mockserver.far_ends.sendblue import SendblueFarEnd
from offhook_sendblue import CallableAuth, EnvAuth, KeyAuth, SendblueCarrier

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook.interfaces import Auth
    from offhook.interfaces.environment import Environment

KEYS = ("a-key-of-some-length", "a-secret-of-some-length")


class TestEnvAuth(AuthConformance):
    variables: Mapping[str, str] = {"SENDBLUE_API_API_KEY": KEYS[0], "SENDBLUE_API_API_SECRET": KEYS[1]}
    not_claimed: Mapping[str, str] = {"rotation": "settings are read for each request; those of a phone do not change"}

    def make(self, environment: Environment) -> Auth:
        return EnvAuth(environment)


class TestKeyAuth(AuthConformance):
    not_claimed: Mapping[str, str] = {"rotation": "one pair for ever", "settings": "given in code"}

    def make(self, environment: Environment) -> Auth:
        return KeyAuth(*KEYS)


class TestCallableAuth(AuthConformance):
    not_claimed: Mapping[str, str] = {"settings": "given in code"}
    pair = KEYS

    def make(self, environment: Environment) -> Auth:
        async def keys() -> tuple[str, Secret]:
            return self.pair[0], Secret(self.pair[1])

        return CallableAuth(keys)

    async def rotate(self, auth: Auth) -> None:
        self.pair = ("another-key", "another-secret")


class TestSendblueCarrier(CarrierConformance):
    def make(self, environment: Environment, auth: Auth) -> SendblueCarrier:
        return SendblueCarrier.from_environment(environment, auth)

    def make_far_end(self) -> SendblueFarEnd:
        return SendblueFarEnd()
