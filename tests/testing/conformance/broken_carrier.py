"""Carriers with one thing wrong each."""

from __future__ import annotations

import asyncio
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
from offhook.testing import ScriptedCarrier, ScriptedService, ServiceAnswer
from offhook.testing.conformance import CarrierConformance

if TYPE_CHECKING:
    from offhook.interfaces import Auth, DialRequest
    from offhook.interfaces.environment import Environment
    from offhook.interfaces.grant import Grant


class Good(ScriptedCarrier):
    """The double, with its service in hand."""

    def __init__(self, service: ScriptedService, environment: Environment) -> None:
        super().__init__(service=service.ring, line=environment["SCRIPTED_LINE"])
        self.far_end = service


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


class StaysOccupied(Good):
    busy = False

    async def start_call(self, request: DialRequest) -> Grant:
        if self.busy and self.far_end.told is ServiceAnswer.ACCEPT:
            raise CarrierUnavailable("a call is being started")
        self.busy = self.far_end.told is ServiceAnswer.HANG
        grant = await super().start_call(request)
        self.busy = False
        return grant


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

    def __init__(self, service: ScriptedService, environment: Environment) -> None:
        super().__init__(service, environment)
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
            raise ValueError("Expecting value: line 1 column 1 (char 0)") from None


class TakesALostAnswerForNone(Good):
    async def start_call(self, request: DialRequest) -> Grant:
        try:
            return await super().start_call(request)
        except StartAmbiguous:
            if self.far_end.told is ServiceAnswer.LOSE:
                raise CarrierUnavailable("the connection was reset") from None
            raise


class WaitsForEver(Good):
    async def start_call(self, request: DialRequest) -> Grant:
        if self.far_end.told is ServiceAnswer.HANG:
            self.far_end.rung.append(request.number)
            await asyncio.sleep(math.inf)
        return await super().start_call(request)


class TakesNobodyForALoss(Good):
    async def start_call(self, request: DialRequest) -> Grant:
        if self.far_end.told is ServiceAnswer.UNREACHABLE:
            raise StartAmbiguous("the connection was refused")
        return await super().start_call(request)


class AsksAgain(Good):
    async def start_call(self, request: DialRequest) -> Grant:
        try:
            return await super().start_call(request)
        except StartAmbiguous:
            if self.far_end.told is ServiceAnswer.LOSE:
                return await super().start_call(request)
            raise


class GoodKit(CarrierConformance):
    plugin: type[Good] = Good

    def make(self, environment: Environment, auth: Auth) -> Good:
        assert isinstance(self.far_end, ScriptedService)
        return self.plugin(self.far_end, environment)

    def make_far_end(self) -> ScriptedService:
        return ScriptedService()


BROKEN: Final[dict[str, tuple[type[Good], ...]]] = {
    "carrier-1": (RingsToCheck,),
    "carrier-2": (RingsTwice,),
    "carrier-3": (GivesNoUid,),
    "carrier-4": (GivesAnotherEndpoint, LearnsItsEndpoint),
    "carrier-5": (HasALineForEachObject,),
    "carrier-6": (HasOneLine,),
    "carrier-7": (TellsItsKeyInTheLine,),
    "carrier-8": (CallsOneAtATime,),
    "carrier-9": (SwallowsCancellations, StaysOccupied),
    "carrier-10": (LeavesATask, ClosesOnce),
    "carrier-11": (BreaksWhenClosed,),
    "carrier-12": (KeepsDescriptors,),
    "carrier-13": (LogsTheNumber, TellsTheNumber),
    "carrier-14": (TakesBadKeysForARefusal,),
    "carrier-15": (TakesARefusalForARing,),
    "carrier-16": (WaitsForThePast,),
    "carrier-17": (TrustsAServiceThatFails,),
    "carrier-18": (RaisesWhatItsParserDoes,),
    "carrier-19": (TakesALostAnswerForNone,),
    "carrier-20": (WaitsForEver,),
    "carrier-21": (TakesNobodyForALoss,),
    "carrier-22": (AsksAgain,),
}
