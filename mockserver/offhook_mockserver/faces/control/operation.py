"""One operation of the control API as data: what is asked, and what is answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from offhook_mockserver.faces.control.place import PREFIX
from offhook_mockserver.faces.control.refusals import ControlRefused
from offhook_mockserver.faces.operations.fields import NO_FIELDS, Field, Fields
from offhook_mockserver.faces.operations.kinds import text
from offhook_mockserver.tenants.shown_keys import MOST_KEY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from starlette.types import Receive

    from offhook.plugin import Plugins
    from offhook_mockserver.faces.control.measuring import Measuring
    from offhook_mockserver.faces.control.waits import Waits
    from offhook_mockserver.faces.operations.kinds import Schema
    from offhook_mockserver.tenants.tenant import Tenant, Tenants

_T = TypeVar("_T")

#: What operations on a tenant begin with.
TENANT: Final = f"{PREFIX}/tenants/{{tenant}}"
#: The first tenant of a mock.
DEFAULT: Final = "default"
#: The field that every operation below `TENANT` has.
TENANT_FIELD: Final = Fields(
    Field("tenant", text(most=MOST_KEY + 10), required=True, summary="The id of a tenant; `default` for the first one.")
)
JSON: Final = "application/json"
WAV: Final = "audio/wav"


@dataclass(frozen=True, slots=True, kw_only=True)
class Controlled:
    """The parts of a mock that can be controlled.

    Attributes:
        tenants: the tenants.
        first: the first tenant, which requests call ``default``.
        plugins: what opens audio.
        recordings: the folder for what callees hear, or None.
        environment_of: returns the settings with which a program calls through this mock, with the keys of a tenant.
        waits: the requests that wait.
        measuring: measures audio.
        documents: reads and writes large documents.
        document: returns the OpenAPI document of the API.
    """

    tenants: Tenants
    first: Tenant
    plugins: Plugins
    recordings: Path | None
    environment_of: Callable[[Tenant], Mapping[str, str]]
    waits: Waits
    measuring: Measuring
    documents: Measuring
    document: Callable[[], object]


@dataclass(slots=True, kw_only=True)
class Asked:
    """A request to an operation, after its credentials and fields were checked.

    Attributes:
        mock: what it may control.
        parameters: the values of the fields in its path.
        query: the values of the fields in its query.
        body: the values of the fields in its body.
        content: its body, if that is not JSON.
        receive: the ASGI callable of the request, for waits.
        headers: its headers, with names in lower case.
        is_large: whether its JSON is so large that what is done with it takes long.
    """

    mock: Controlled
    parameters: Mapping[str, object]
    query: Mapping[str, object]
    body: Mapping[str, object]
    content: bytes
    receive: Receive
    headers: Mapping[str, str]
    is_large: bool = False

    @property
    def tenant(self) -> Tenant:
        """The tenant in its path.

        Raises:
            ControlRefused: there is none with that id.
        """
        name = self.text("tenant")
        tenant = self.mock.first if name == DEFAULT else self.mock.tenants.named(name)
        if tenant is None or tenant.removed:
            problem = "this mock has no tenant with that id: GET /mock/v1/tenants lists them"
            raise ControlRefused("no_such_tenant", problem)
        return tenant

    @property
    def tenant_path(self) -> str:
        """The path of its tenant, for messages."""
        return f"{PREFIX}/tenants/{self.text('tenant')}"

    async def aside(self, work: Callable[[], _T]) -> _T:
        """Do what takes long in a thread, so that no call is held up; for a client that has gone, it is not begun.

        Raises:
            ControlRefused: too many requests wait, or the mock stops.
        """
        return await self.mock.waits.run(self.receive, self.mock.documents.run(lambda: work))

    def text(self, name: str) -> str:
        """A text in its path."""
        value = self.parameters[name]
        assert isinstance(value, str)
        return value


#: What carries out an operation. It returns what JSON can hold, or a response of Starlette; or an awaitable of these.
#: It refuses with `ControlRefused`; a `ConfigError` becomes 422, and a `CallStateError` 409.
Handler: TypeAlias = "Callable[[Asked], object | Awaitable[object]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlOperation:
    """An operation.

    Attributes:
        method: the HTTP method.
        path: the path; ``{name}`` stands for a segment of `parameters`, ``{tenant}`` for a tenant.
        summary: what it does, in one sentence.
        handle: carries it out.
        parameters: the fields in the path beside the tenant.
        query: the fields in the query.
        body: the fields in the body; None if no JSON is read.
        upload: the type of a body that is not JSON, or "".
        most_bytes: how long the body may be; 0 for the limit that all requests have.
        answer: the schema of the answer with 200; None if that is not JSON.
        answers: the schemas of answers with other statuses, refusals excepted.
        media_type: the type of the answer's body.
        is_open: whether it needs no token.
    """

    method: str
    path: str
    summary: str
    handle: Handler
    parameters: Fields = NO_FIELDS
    query: Fields = field(default_factory=lambda: Fields(extra=False))
    body: Fields | None = None
    upload: str = ""
    most_bytes: int = 0
    answer: Schema | None = None
    answers: Mapping[int, Schema] = field(default_factory=dict[int, "Schema"])
    media_type: str = JSON
    is_open: bool = False

    @property
    def paths(self) -> tuple[str, ...]:
        """All paths under which it is answered."""
        return (self.path,)
