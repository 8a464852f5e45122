"""``POST /facetime/start-call``.

Sendblue documents the request and the answer to a good one, and the mock adds nothing to them. It documents no
refusals: their statuses and texts are what careful clients in the field expect. Each behaviour carries its grade, and
each request is noted in the journal of its tenant.
"""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Final, cast

from offhook.errors import Overloaded
from offhook.session import Grade
from offhook_mockserver.callees.script import ScriptError
from offhook_mockserver.faces.flawed_grant import with_flaw
from offhook_mockserver.faces.mistakes import report_mistake
from offhook_mockserver.faces.operations.fields import Field, Fields
from offhook_mockserver.faces.operations.kinds import dialled_number
from offhook_mockserver.faces.operations.shapes import OK, TEXT, about, an_object
from offhook_mockserver.faces.refusals import ApiRefusal, RequestRefused
from offhook_mockserver.faces.sendblue.families import Family
from offhook_mockserver.faces.sendblue.operation import Answer, Note, Operation, Scoped
from offhook_mockserver.faces.sendblue.own_lines import is_own_line
from offhook_mockserver.rooms.room_error import RoomError
from offhook_mockserver.tenants.effects import FlawedGrant, FlawedToken
from offhook_mockserver.tenants.fault_register import START_CALL
from offhook_mockserver.tenants.flawed_token import mint_flawed_token
from offhook_mockserver.tenants.tenant import mint_token

if TYPE_CHECKING:
    from offhook_mockserver.faces.operations.kinds import Schema
    from offhook_mockserver.faces.sendblue.operation import Asked
    from offhook_mockserver.tenants.call import MockCall
    from offhook_mockserver.tenants.tenant import Tenant


_log: Final = logging.getLogger(__name__)

# Sendblue documents the rules (numbers are E.164, 911 is blocked, the from-number must be a FaceTime line of the
# account), but not its answer to a request that breaks a rule.
BAD_FIELD: Final = ApiRefusal(400, Grade.ASSUMED)
NOT_OUR_LINE: Final = ApiRefusal(400, Grade.ASSUMED)
#: A mistake in the test. The status is one after which clients know that nothing rang.
SCRIPT_WRONG: Final = ApiRefusal(422, Grade.ASSUMED)
#: A limit of the mock's own.
TOO_MANY_CALLS: Final = ApiRefusal(503, Grade.ASSUMED)
#: Another one. The status is one after which clients know that nothing rang.
OVERLOADED: Final = ApiRefusal(429, Grade.ASSUMED)

_BODY: Final = Fields(
    Field("phoneNumber", dialled_number, required=True, summary="The number to ring."),
    Field("fromNumber", dialled_number, required=True, summary="The FaceTime line of the account to call from."),
)
_ANSWER: Final[Schema] = an_object(
    {
        "status": OK,
        "message": TEXT,
        "agora": an_object(
            {
                "appId": about(TEXT, "The application of the channel, 32 hex digits."),
                "channelName": about(TEXT, "The channel to join."),
                "token": about(TEXT, "A secret that opens the channel."),
                "uid": about({"type": "integer"}, "The uid to join with; 0 lets the channel choose one."),
            }
        ),
    }
)


def operations() -> tuple[Operation, ...]:
    """The operation that starts a call."""
    return (
        Operation(
            method="POST",
            path=START_CALL,
            summary="Ring a number by FaceTime from a line of the account.",
            grade=Grade.DOCUMENTED,
            source="Sendblue's calling pages, FaceTime",
            body=_BODY,
            answer=_ANSWER,
            family=Family.FACETIME,
            scoped=Scoped.LINES,
            number="phoneNumber",
            check=_check,
            handle=_start,
        ),
    )


def _check(asked: Asked) -> None:
    to, from_number = cast("str", asked.body["phoneNumber"]), cast("str", asked.body["fromNumber"])
    if not is_own_line(asked, from_number):
        lines = " or ".join(asked.lines)
        raise RequestRefused(
            NOT_OUR_LINE, f"fromNumber {from_number} is not a FaceTime line of this account; use {lines}"
        )
    if to == from_number and not asked.lenient:
        raise RequestRefused(BAD_FIELD, "phoneNumber and fromNumber are the same: a line cannot call itself")


def _start(asked: Asked) -> Answer:
    tenant = asked.tenant
    to, from_number = cast("str", asked.body["phoneNumber"]), cast("str", asked.body["fromNumber"])
    try:
        call = asked.calls.start(tenant, to, from_number)
    except RoomError as error:
        raise RequestRefused(TOO_MANY_CALLS, error.message) from None
    except Overloaded as error:
        raise RequestRefused(OVERLOADED, error.message) from None
    except ScriptError as error:
        report_mistake(asked.scope, error)
        _log.error("%s", error.message)
        raise RequestRefused(SCRIPT_WRONG, error.message) from None
    token = _token(tenant, call)
    agora: dict[str, object] = {"appId": tenant.app_id, "channelName": call.channel, "token": token, "uid": 0}
    answer: dict[str, object] = {"status": "OK", "message": "Call started"}
    flawed = tenant.faults.take(FlawedGrant, "the grant has a flaw", to, call.channel)
    token_hash = hashlib.sha256(token.encode()).hexdigest()[:8]
    return Answer(
        body={**answer, "agora": agora} if flawed is None else with_flaw(answer, agora, flawed.flaw),
        note=Note(text="Call started", channel=call.channel, fields={"token_hash": token_hash}),
    )


def _token(tenant: Tenant, call: MockCall) -> str:
    flawed = tenant.faults.take(FlawedToken, "the grant has another token", call.to, call.channel)
    return mint_token(tenant, call) if flawed is None else mint_flawed_token(tenant, call, flawed)
