"""One operation of Sendblue's API as data: what is asked, who may ask, what is answered, and how certain that is."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from offhook_mockserver.faces.operations.fields import NO_FIELDS, Fields
from offhook_mockserver.faces.sendblue.families import Family

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.types import Scope

    from offhook.session import Grade
    from offhook_mockserver.faces.operations.kinds import Schema
    from offhook_mockserver.tenants.account.access_tokens import AccessToken
    from offhook_mockserver.tenants.calls import Calls
    from offhook_mockserver.tenants.entry import Json
    from offhook_mockserver.tenants.tenant import Tenant


class Scoped(Enum):
    """Who may use an operation."""

    #: A key pair, and a bearer token of the whole account.
    ACCOUNT = "account"
    #: These, and a bearer token of some lines; the operation answers about `Asked.lines` alone.
    LINES = "lines"
    #: A key pair.
    KEYS = "keys"


@dataclass(slots=True, kw_only=True, eq=False)
class Asked:
    """A request to an operation, after its credentials and fields were checked.

    Attributes:
        tenant: whose request it is.
        token: its bearer token; None if it has a key pair.
        headers: its headers, with names in lower case.
        scope: its ASGI scope.
        calls: starts and owns the calls of the mock.
        parameters: the values of the fields in its path.
        query: the values of the fields in its query.
        body: the values of the fields in its body.
    """

    tenant: Tenant
    token: AccessToken | None
    headers: Mapping[str, str]
    scope: Scope
    calls: Calls
    parameters: Mapping[str, object] = field(default_factory=dict[str, object])
    query: Mapping[str, object] = field(default_factory=dict[str, object])
    body: Mapping[str, object] = field(default_factory=dict[str, object])

    @property
    def lenient(self) -> bool:
        """Whether the tenant's API accepts placeholders, and makes what they name."""
        return self.tenant.settings.lenient

    @property
    def lines(self) -> tuple[str, ...]:
        """The tenant's lines that this client may see."""
        if self.token is None or not self.token.lines:
            return self.tenant.lines
        return tuple(line for line in self.tenant.lines if line in self.token.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What the journal says of an answered request beside its method, path and status.

    Attributes:
        text: what was done, for people.
        channel: the channel of its call.
        fields: more for programs.
    """

    text: str = ""
    channel: str = ""
    fields: Mapping[str, Json] = field(default_factory=dict[str, "Json"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer other than 200 with a body alone.

    Attributes:
        status: the HTTP status.
        body: what JSON can hold; with 204 there is no body.
        headers: further headers.
        note: what the journal says of it.
    """

    status: int = 200
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    note: Note | None = None


#: What carries out an operation. It returns what JSON can hold, an `Answer`, or a response of Starlette; or an
#: awaitable of these. It refuses with `RequestRefused`.
Handler: TypeAlias = "Callable[[Asked], object | Awaitable[object]]"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Operation:
    """An operation.

    Attributes:
        method: the HTTP method.
        path: the path; ``{name}`` stands for a segment of `parameters`.
        aliases: other paths under which it is answered.
        summary: what it does, in one sentence.
        grade: how certain the answer to a good request is.
        source: who says so.
        handle: carries it out.
        check: refuses what fields cannot describe, before a fault of a test happens to the request.
        parameters: the fields in the path.
        query: the fields in the query.
        body: the fields in the body; None if no body is read.
        answer: the schema of the answer with 200; None if it has no body.
        answers: the schemas of answers with other statuses, refusals excepted; None if one has no body.
        media_type: the type of the answer's body.
        family: the shape of its refusals.
        scoped: who may use it.
        number: the field of the body with the number that journal and faults know the request by, or "".
        lenient: whether it is answered only to tenants whose settings are lenient.
    """

    method: str
    path: str
    summary: str
    grade: Grade
    source: str
    handle: Handler
    aliases: tuple[str, ...] = ()
    check: Callable[[Asked], None] | None = None
    parameters: Fields = NO_FIELDS
    query: Fields = NO_FIELDS
    body: Fields | None = None
    answer: Schema | None = None
    answers: Mapping[int, Schema | None] = field(default_factory=dict[int, "Schema | None"])
    media_type: str = "application/json"
    family: Family = Family.API
    scoped: Scoped = Scoped.ACCOUNT
    number: str = ""
    lenient: bool = False

    @property
    def paths(self) -> tuple[str, ...]:
        """All paths under which it is answered, its own first."""
        return (self.path, *self.aliases)
