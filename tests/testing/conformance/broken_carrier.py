"""Carriers with one fault each, and the message with which the kit reports it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import math
import os
from typing import TYPE_CHECKING, Final

from offhook.errors import (
    CarrierProtocolError,
    CarrierUnavailable,
    CredentialsRejected,
    RateLimited,
    RequestRejected,
    StartAmbiguous,
)
from offhook.interfaces.grant import Grant
from offhook.secret import Secret
from offhook.testing import ScriptedCarrier, ScriptedService, ServiceAnswer, VirtualLoop
from offhook.testing.conformance import CarrierConformance

if TYPE_CHECKING:
    from offhook.interfaces import Auth, DialRequest
    from offhook.interfaces.environment import Environment


class Good(ScriptedCarrier):
    """The double, with access to its service."""

    def __init__(self, service: ScriptedService, environment: Environment, auth: Auth) -> None:
        super().__init__(service=service.ring, line=environment["SCRIPTED_LINE"], auth=auth)
        self.far_end = service
        self.auth = auth

    @property
    def answer(self) -> ServiceAnswer:
        """How the service answers now."""
        return self.far_end.told


class RingsToCheck(Good):
    async def check(self) -> None:
        await self.far_end.ring(self.far_end.number)


class RingsTwice(Good):
    async def start_call(self, request: DialRequest) -> Grant:
        await super().start_call(request)
        return await super().start_call(request)


class GivesNoUid(Good):
    async def start_call(self, request: DialRequest) -> Grant:
        return dataclasses.replace(await super().start_call(request), uid=-1)


class GivesAnotherEndpoint(Good):
    async def start_call(self, request: DialRequest) -> Grant:
        return dataclasses.replace(await super().start_call(request), endpoint="https://relay.example.com")


class LearnsItsEndpoint(Good):
    async def start_call(self, request: DialRequest) -> Grant:
        self.endpoint = "https://relay.example.com"
        return dataclasses.replace(await super().start_call(request), endpoint=self.endpoint)


class HasALineForEachObject(Good):
    async def line_id(self, from_number: str | None = None) -> str:
        return f"{await super().line_id(from_number)} {id(self)}"


class HasOneLine(Good):
    async def line_id(self, from_number: str | None = None) -> str:
        return "the line"


class TellsItsKeyInTheLine(Good):
    async def line_id(self, from_number: str | None = None) -> str:
        headers = await self.far_end.auth.headers("")
        return f"{await super().line_id(from_number)} {[secret.reveal() for secret in headers.values()]}"


class CallsOneAtATime(Good):
    busy = False

    async def start_call(self, request: DialRequest) -> Grant:
        if self.busy:
            raise CarrierUnavailable("another call is being started")
        self.busy = True
        try:
            return await super().start_call(request)
        finally:
            self.busy = False


class SwallowsCancellations(Good):
    async def start_call(self, request: DialRequest) -> Grant:
        try:
            return await super().start_call(request)
        except asyncio.CancelledError:
            raise CarrierUnavailable("the call was given up") from None


class ReturnsWhenCancelled(Good):
    async def start_call(self, request: DialRequest) -> Grant:
        try:
            return await super().start_call(request)
        except asyncio.CancelledError:
            self.far_end.answer(ServiceAnswer.ACCEPT)
            return await super().start_call(request)


class RingsOnWhenCancelled(Good):
    """Prepares and places the call in a task of its own, which its cancellation does not reach."""

    calls: tuple[asyncio.Task[Grant], ...] = ()

    async def start_call(self, request: DialRequest) -> Grant:
        self.calls = (*self.calls, asyncio.ensure_future(self._prepared(request)))
        return await asyncio.shield(self.calls[-1])

    async def _prepared(self, request: DialRequest) -> Grant:
        await asyncio.sleep(0.3)
        return await super().start_call(request)

    async def aclose(self) -> None:
        for call in self.calls:
            call.cancel()
        await asyncio.gather(*self.calls, return_exceptions=True)


class ChecksOnWhenCancelled(Good):
    async def check(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.01)


class StaysOccupied(Good):
    busy = False

    async def start_call(self, request: DialRequest) -> Grant:
        if self.busy and self.answer is ServiceAnswer.ACCEPT:
            raise CarrierUnavailable("a call is being started")
        try:
            return await super().start_call(request)
        except asyncio.CancelledError:
            self.busy = True
            raise


class LeavesATask(Good):
    async def check(self) -> None:
        self.heartbeat = asyncio.create_task(asyncio.Event().wait())


class ClosesOnce(Good):
    async def aclose(self) -> None:
        if self.closed:
            raise RuntimeError("closed already")
        await super().aclose()


class BreaksWhenClosed(Good):
    async def start_call(self, request: DialRequest) -> Grant:
        if self.closed:
            raise AttributeError("'NoneType' object has no attribute 'post'")
        return await super().start_call(request)


class KeepsDescriptors(Good):
    kept: list[int]

    def __init__(self, service: ScriptedService, environment: Environment, auth: Auth) -> None:
        super().__init__(service, environment, auth)
        self.kept = []

    async def start_call(self, request: DialRequest) -> Grant:
        self.kept.append(os.open(os.devnull, os.O_RDONLY))
        return await super().start_call(request)

    async def aclose(self) -> None:
        while self.kept:
            os.close(self.kept.pop())


class LogsTheNumber(Good):
    async def start_call(self, request: DialRequest) -> Grant:
        logging.getLogger("acme").debug("ringing %s", request.number)
        return await super().start_call(request)


class TellsTheNumber(Good):
    async def start_call(self, request: DialRequest) -> Grant:
        try:
            return await super().start_call(request)
        except RequestRejected as error:
            raise RequestRejected(f"{error.message}: {request.number}") from None


class NotesTheKey(Good):
    async def start_call(self, request: DialRequest) -> Grant:
        try:
            return await super().start_call(request)
        except CarrierUnavailable as error:
            error.add_note(f"asked with {await self.keys()}")
            raise

    async def keys(self) -> list[str]:
        return [secret.reveal() for secret in (await self.auth.headers("127.0.0.1")).values()]


class HasTheKeyInItsFrame(NotesTheKey):
    async def start_call(self, request: DialRequest) -> Grant:
        keys = await self.keys()
        self.asked_with = len(keys)
        return await Good.start_call(self, request)


class ShowsItsLastToken(Good):
    last = ""

    async def start_call(self, request: DialRequest) -> Grant:
        grant = await super().start_call(request)
        self.last = self.last or grant.token.reveal()
        return grant

    def __repr__(self) -> str:
        return f"ShowsItsLastToken({self.last})"


class SetsAVariable(NotesTheKey):
    async def start_call(self, request: DialRequest) -> Grant:
        os.environ["ACME_KEYS"] = " ".join(await self.keys())
        return await Good.start_call(self, request)


class TakesBadKeysForARefusal(Good):
    async def start_call(self, request: DialRequest) -> Grant:
        try:
            return await super().start_call(request)
        except CredentialsRejected as error:
            raise RequestRejected(error.message) from None


class TakesARefusalForARing(Good):
    async def start_call(self, request: DialRequest) -> Grant:
        try:
            return await super().start_call(request)
        except RequestRejected as error:
            raise RequestRejected(error.message, may_have_rung=True) from None


class WaitsForThePast(Good):
    async def start_call(self, request: DialRequest) -> Grant:
        try:
            return await super().start_call(request)
        except RateLimited as error:
            raise RateLimited(error.message, -5.0) from None


class TrustsAServiceThatFails(Good):
    async def start_call(self, request: DialRequest) -> Grant:
        try:
            return await super().start_call(request)
        except CarrierUnavailable as error:
            raise CarrierUnavailable(error.message) from None


class RaisesWhatItsParserDoes(Good):
    async def start_call(self, request: DialRequest) -> Grant:
        try:
            return await super().start_call(request)
        except CarrierProtocolError:
            if self.answer is ServiceAnswer.REDIRECT:
                raise
            raise ValueError("Expecting value: line 1 column 1 (char 0)") from None


class TakesALostAnswerForNone(Good):
    async def start_call(self, request: DialRequest) -> Grant:
        try:
            return await super().start_call(request)
        except StartAmbiguous:
            if self.answer is ServiceAnswer.LOSE:
                raise CarrierUnavailable("the connection was reset") from None
            raise


class WaitsForEver(Good):
    async def start_call(self, request: DialRequest) -> Grant:
        if self.answer is ServiceAnswer.HANG:
            self.far_end.rung.append(request.number)
            await asyncio.sleep(math.inf)
        return await super().start_call(request)


class TakesNobodyForALoss(Good):
    async def start_call(self, request: DialRequest) -> Grant:
        if self.answer is ServiceAnswer.UNREACHABLE:
            raise StartAmbiguous("the connection was refused")
        return await super().start_call(request)


class AsksAgain(Good):
    async def start_call(self, request: DialRequest) -> Grant:
        try:
            return await super().start_call(request)
        except StartAmbiguous:
            if self.answer is ServiceAnswer.LOSE:
                return await super().start_call(request)
            raise


class AsksAgainLater(Good):
    async def start_call(self, request: DialRequest) -> Grant:
        try:
            return await super().start_call(request)
        except CarrierUnavailable as error:
            if error.may_have_rung:
                asyncio.get_running_loop().call_later(30, self.far_end.rung.append, request.number)
            raise


class AsksAgainAfterHanging(Good):
    async def start_call(self, request: DialRequest) -> Grant:
        try:
            return await super().start_call(request)
        except StartAmbiguous:
            if self.answer is ServiceAnswer.HANG:
                return await super().start_call(request)
            raise


class IsDoneAfterAFailure(Good):
    failed = False

    async def start_call(self, request: DialRequest) -> Grant:
        if self.failed and self.answer is ServiceAnswer.ACCEPT:
            raise CarrierUnavailable("the last call failed")
        try:
            return await super().start_call(request)
        except CredentialsRejected:
            self.failed = True
            raise


class FollowsRedirects(Good):
    async def start_call(self, request: DialRequest) -> Grant:
        if self.answer is ServiceAnswer.REDIRECT:
            self.far_end.strayed.append("https://elsewhere.example.com")
        return await super().start_call(request)


class FollowsRedirectsToCheck(Good):
    async def check(self) -> None:
        if self.answer is ServiceAnswer.REDIRECT:
            self.far_end.strayed.append("https://elsewhere.example.com")


class TakesARedirectForAGrant(Good):
    async def start_call(self, request: DialRequest) -> Grant:
        try:
            return await super().start_call(request)
        except CarrierProtocolError:
            if self.answer is not ServiceAnswer.REDIRECT:
                raise
            return Grant("0" * 32, "elsewhere", Secret("007-token"), 0, self.endpoint)


class KeepsItsKeys(Good):
    kept: object = None

    async def start_call(self, request: DialRequest) -> Grant:
        if self.kept is not None:
            self._auth = None
        self.kept = self.auth
        return await super().start_call(request)


class AsksForAnyHost(Good):
    async def start_call(self, request: DialRequest) -> Grant:
        await self.auth.headers("")
        return await super().start_call(request)


class HoldsTheLoop(Good):
    async def start_call(self, request: DialRequest) -> Grant:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.block(0.3)
        return await super().start_call(request)


class GoodKit(CarrierConformance):
    plugin: type[Good] = Good

    def make(self, environment: Environment, auth: Auth) -> Good:
        assert isinstance(self.far_end, ScriptedService)
        return self.plugin(self.far_end, environment, auth)

    def make_far_end(self) -> ScriptedService:
        return ScriptedService()


BROKEN: Final[dict[str, dict[type[Good], str]]] = {
    "carrier-1": {RingsToCheck: "check() rang 3 times"},
    "carrier-2": {RingsTwice: "start_call() rang 2 times, not once"},
    "carrier-3": {GivesNoUid: "uid -1 is not an unsigned 32-bit number"},
    "carrier-4": {
        GivesAnotherEndpoint: "endpoint is 'http://127.0.0.1:9', but the grant says 'https://relay.example.com'",
        LearnsItsEndpoint: "endpoint was 'http://127.0.0.1:9', but is 'https://relay.example.com' after a call",
    },
    "carrier-5": {HasALineForEachObject: "line_id() of another object returned another string"},
    "carrier-6": {HasOneLine: "line_id() returned the same string for two lines"},
    "carrier-7": {TellsItsKeyInTheLine: "line_id() contains a key"},
    "carrier-8": {CallsOneAtATime: "CarrierUnavailable: another call is being started"},
    "carrier-9": {
        SwallowsCancellations: "start_call() (hang) was cancelled after 1.000 s and raised CarrierUnavailable",
        ReturnsWhenCancelled: "start_call() (hang) was cancelled after 1.000 s and returned, although",
        ChecksOnWhenCancelled: "check() was cancelled after 1 turns of the loop and returned, although",
        RingsOnWhenCancelled: "start_call() was cancelled, and the number was rung after that",
        StaysOccupied: "CarrierUnavailable: a call is being started",
    },
    "carrier-10": {LeavesATask: "the carrier left behind: 1 tasks", ClosesOnce: "RuntimeError: closed already"},
    "carrier-11": {BreaksWhenClosed: "AttributeError was raised: 'NoneType' object has no attribute 'post'"},
    "carrier-12": {KeepsDescriptors: "20 calls left behind: 20 descriptors"},
    "carrier-13": {
        LogsTheNumber: "the number appears in a log record of acme at DEBUG",
        TellsTheNumber: "the number appears in the arguments of a RequestRejected, the message of a RequestRejected",
        NotesTheKey: "a key or a token appears in a note of a CarrierUnavailable",
        HasTheKeyInItsFrame: "a key or a token appears in the variable keys of start_call() (broken_carrier.py, line ",
        ShowsItsLastToken: "a key or a token appears in repr(carrier, after a call), repr(carrier, after failures)",
        SetsAVariable: "a key or a token appears in the environment of the process",
    },
    "carrier-14": {TakesBadKeysForARefusal: "expected CredentialsRejected: RequestRejected was raised"},
    "carrier-15": {TakesARefusalForARing: "RequestRejected has may_have_rung=True, not False"},
    "carrier-16": {WaitsForThePast: "retry_after_s is -5.0; expected None or 0 to 86400"},
    "carrier-17": {TrustsAServiceThatFails: "CarrierUnavailable has may_have_rung=False, not True"},
    "carrier-18": {RaisesWhatItsParserDoes: "ValueError was raised: Expecting value"},
    "carrier-19": {TakesALostAnswerForNone: "expected StartAmbiguous: CarrierUnavailable was raised"},
    "carrier-20": {WaitsForEver: "did not happen within 60 s: start_call() ends (hang)"},
    "carrier-21": {TakesNobodyForALoss: "expected CarrierUnavailable: StartAmbiguous was raised"},
    "carrier-22": {
        AsksAgain: "lose: the number was rung 2 times",
        AsksAgainLater: "fail: the number was rung 2 times",
        AsksAgainAfterHanging: "hang: the number was rung 2 times",
        IsDoneAfterAFailure: "reject keys, then a call that the service accepts: CarrierUnavailable was raised",
    },
    "carrier-23": {
        FollowsRedirects: "start_call() followed a redirect to https://elsewhere.example.com: keys and number are for",
        FollowsRedirectsToCheck: "check() followed a redirect to https://elsewhere.example.com",
        TakesARedirectForAGrant: "the service redirected the call: nothing was raised",
    },
    "carrier-24": {
        KeepsItsKeys: "call 2 requested no headers from the auth: keys may have rotated",
        AsksForAnyHost: "headers were requested for '', but the service is 127.0.0.1",
    },
    "carrier-25": {HoldsTheLoop: "start_call() blocked the event loop for "},
}
