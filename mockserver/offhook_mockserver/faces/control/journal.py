"""The journal of a tenant: searched, and waited for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, cast

from offhook_mockserver.faces.control.operation import TENANT, ControlOperation
from offhook_mockserver.faces.control.refusals import ControlRefused
from offhook_mockserver.faces.control.waits import TIMEOUT
from offhook_mockserver.faces.operations.fields import Field, Fields
from offhook_mockserver.faces.operations.kinds import Kind, WrongValue, any_object, one_of, text, whole
from offhook_mockserver.faces.operations.shapes import (
    FLAG,
    NUMBER,
    TEXT,
    TIME,
    WHOLE,
    a_list,
    about,
    an_object,
    choice,
    named,
)
from offhook_mockserver.tenants.entry import EntryKind
from offhook_mockserver.tenants.journal import NotSeen
from offhook_wire.strict_json import ProtocolError, load_object

if TYPE_CHECKING:
    from offhook_mockserver.faces.control.operation import Asked
    from offhook_mockserver.faces.operations.kinds import Schema

_MOST_SHOWN: Final = 1_000
KINDS: Final = tuple(kind.value for kind in EntryKind)
CRITERIA: Final = (
    Field("kind", one_of(*KINDS), summary="What it is about."),
    Field("channel", text(most=100), summary="The channel of its call."),
    Field("number", text(most=40), summary="The number that its call rings, in full or masked."),
    Field("text", text(most=1_000), summary="A part of its text, in upper or lower case."),
    Field("since", whole(least=-1, most=10**15), summary="Only entries after the one with this index."),
)
ENTRY: Final[Schema] = named(
    "Entry",
    an_object(
        {
            "index": about(WHOLE, "Its number in the journal, counted from 0."),
            "wall": about(TIME, "When it happened, by the clock of the tenant."),
            "wall_s": about(NUMBER, "The same, in seconds since 1970."),
            "at_s": about(NUMBER, "Seconds since the first entry."),
            "kind": choice(*KINDS),
            "channel": about(TEXT, "The channel of its call; empty if it is not about a call."),
            "number": about(TEXT, "The number that its call rings, masked."),
            "text": about(TEXT, "A sentence for people."),
            "fields": about({"type": "object"}, "The same for programs, without secrets."),
            "grade": about(TEXT, "How certain it is that Sendblue or Agora would do the same."),
        }
    ),
)


def _read_where(value: object, name: str) -> object:
    try:
        return load_object(value if isinstance(value, str) else json.dumps(value))
    except ProtocolError:
        raise WrongValue(f'{name} must be an object of JSON, for example {{"event":"ended"}}') from None


_WHERE_TEXT: Final = Kind(
    schema={"type": "string", "contentMediaType": "application/json", "maxLength": 4_000},
    read=_read_where,
    hint='pass an object of JSON, for example {"event":"ended"}',
)
#: The criterion of a query that `CRITERIA` lacks.
WHERE: Final = Field("where", _WHERE_TEXT, summary="Fields and the values that they must have, as an object of JSON.")


def operations() -> tuple[ControlOperation, ...]:
    """The operations on the journal."""
    return (
        ControlOperation(
            method="GET",
            path=f"{TENANT}/journal",
            summary="List the entries that fulfil all criteria, oldest first; for more, ask again with `since`.",
            query=Fields(
                *CRITERIA,
                WHERE,
                Field("limit", whole(least=1, most=_MOST_SHOWN), default=200, summary="How many entries, at most."),
                extra=False,
            ),
            answer=an_object(
                {
                    "entries": a_list(ENTRY),
                    "more": about(FLAG, "Whether further entries match."),
                    "dropped": about(WHOLE, "How many of the oldest entries were dropped at the journal's limits."),
                }
            ),
            handle=_search,
        ),
        ControlOperation(
            method="POST",
            path=f"{TENANT}/journal/wait",
            summary="Wait until entries fulfil all criteria; those that are there already count.",
            body=Fields(
                *CRITERIA,
                Field("where", any_object, summary="Fields and the values that they must have."),
                Field("count", whole(least=1, most=10_000), default=1, summary="How many must match."),
                TIMEOUT,
                extra=False,
            ),
            answer=an_object({"entry": about(ENTRY, "The last of these entries.")}),
            handle=_wait,
        ),
    )


def _search(asked: Asked) -> object:
    criteria = dict(cast("dict[str, Any]", asked.query))
    limit = criteria.pop("limit")
    journal = asked.tenant.journal
    found = journal.search(**criteria)
    entries = [entry.to_json() for entry in found[:limit]]
    return {"entries": entries, "more": len(found) > limit, "dropped": journal.dropped}


async def _wait(asked: Asked) -> object:
    try:
        wait = asked.tenant.journal.wait_for(**cast("dict[str, Any]", asked.body))
        entry = await asked.mock.waits.run(asked.receive, wait)
    except NotSeen as error:
        raise ControlRefused("not_seen", error.message) from None
    return {"entry": entry.to_json()}
