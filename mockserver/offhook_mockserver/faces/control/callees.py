"""Callees: what happens when an application calls a number, as in the TOML files; and waits for a callee."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from offhook_mockserver.callees.confines import NamedClips
from offhook_mockserver.callees.order import MOST_STEPS
from offhook_mockserver.callees.places import CLIP_NAMES
from offhook_mockserver.callees.script_values import callee_of, scripts_from
from offhook_mockserver.callees.specs import check_spec
from offhook_mockserver.callees.summaries import CLIPS
from offhook_mockserver.faces.control.callee_waits import UNTIL, wait_for_callee
from offhook_mockserver.faces.control.calls import CALL, shown_call
from offhook_mockserver.faces.control.clips import HOW_TO_UPLOAD
from offhook_mockserver.faces.control.operation import TENANT, ControlOperation
from offhook_mockserver.faces.control.refusals import ControlRefused
from offhook_mockserver.faces.control.waits import TIMEOUT
from offhook_mockserver.faces.operations.fields import Field, Fields
from offhook_mockserver.faces.operations.kinds import any_object, anything, e164_number, either, list_of, one_of, text
from offhook_mockserver.faces.operations.shapes import ANYTHING, TEXT, a_list, about, an_object, named

if TYPE_CHECKING:
    from offhook_mockserver.callees.script import Script
    from offhook_mockserver.faces.control.operation import Asked
    from offhook_mockserver.faces.operations.kinds import Schema
    from offhook_mockserver.tenants.tenant import Tenant

#: As of TOML files.
_MOST_BYTES: Final = 256 * 1024
_MOST_CALLEES: Final = 1_000
_PATH: Final = f"{TENANT}/callees/{{number}}"
NUMBER: Final = Fields(Field("number", e164_number, required=True, summary="The number of the callee."))
_STEPS: Final = Field(
    "steps",
    list_of(either(text(), any_object), most=10_000),
    required=True,
    summary="The steps, each a verb alone or an object with one verb; see reference/callee-scripts.md.",
)
_SUMMARY: Final = Field(
    "summary", text(most=1_000), summary="What happens, for people; by default, the steps in words."
)
_CALLEE: Final[Schema] = named(
    "Callee",
    an_object(
        {
            "number": TEXT,
            "summary": about(TEXT, "What happens, for people."),
            "steps": about(a_list(ANYTHING), "The steps, as a script has them."),
        }
    ),
)


def operations() -> tuple[ControlOperation, ...]:
    """The operations on callees."""
    return (
        ControlOperation(
            method="GET",
            path=f"{TENANT}/callees",
            summary="List the callees that have a script of this tenant's own.",
            answer=an_object({"callee": a_list(_CALLEE)}),
            handle=lambda asked: {"callee": [_shown(asked.tenant, number) for number in asked.tenant.scripts]},
        ),
        ControlOperation(
            method="PUT",
            path=f"{TENANT}/callees",
            summary="Replace all callees by those of a document, which has the members of a TOML file of scripts.",
            body=Fields(
                Field(
                    "callee",
                    list_of(anything, most=_MOST_CALLEES),
                    required=True,
                    summary="The callees: `number`, `steps`, and perhaps `summary`.",
                ),
                extra=False,
            ),
            most_bytes=_MOST_BYTES,
            answer=an_object({"callee": a_list(_CALLEE)}),
            handle=_replace,
        ),
        ControlOperation(
            method="PUT",
            path=_PATH,
            summary="Say what the callee at a number does in calls that start afterwards.",
            parameters=NUMBER,
            body=Fields(_STEPS, _SUMMARY, extra=False),
            most_bytes=_MOST_BYTES,
            answer=_CALLEE,
            handle=_put,
        ),
        ControlOperation(
            method="GET", path=_PATH, summary="Show a callee.", parameters=NUMBER, answer=_CALLEE, handle=_get
        ),
        ControlOperation(
            method="DELETE",
            path=_PATH,
            summary="Forget the script of a callee; then the number does what the table of numbers says.",
            parameters=NUMBER,
            answer=_CALLEE,
            handle=_delete,
        ),
        ControlOperation(
            method="DELETE",
            path=f"{TENANT}/callees",
            summary="Forget the scripts of all callees.",
            answer=an_object({"callee": a_list(_CALLEE)}),
            handle=_clear,
        ),
        ControlOperation(
            method="POST",
            path=f"{_PATH}/wait",
            summary="Wait for the callee, in its latest call.",
            parameters=NUMBER,
            body=Fields(
                Field(
                    "until",
                    one_of(*UNTIL),
                    default="finished",
                    summary="`called`: a call has started; `answered`: the callee has answered; `finished`: it has "
                    "done every step of its script; `ended`: caller and callee have left.",
                ),
                TIMEOUT,
                extra=False,
            ),
            answer=CALL,
            handle=_wait,
        ),
    )


def confines_of(tenant: Tenant) -> NamedClips:
    """The audio that scripts and questions of a tenant may name."""
    return NamedClips(tenant.clips.files, HOW_TO_UPLOAD)


async def _replace(asked: Asked) -> object:
    tenant = asked.tenant
    scripts = await _read(asked, asked.body)
    tenant.scripts.clear()
    tenant.scripts.update(scripts)
    return {"callee": [_shown(tenant, number) for number in scripts]}


async def _put(asked: Asked) -> object:
    number = asked.text("number")
    scripts = await _read(asked, {"callee": [{"number": number, **asked.body}]})
    if number not in asked.tenant.scripts and len(asked.tenant.scripts) >= _MOST_CALLEES:
        raise ControlRefused("state", f"this tenant has {_MOST_CALLEES} callees, which is the limit: delete some")
    others = sum(script.size for name, script in asked.tenant.scripts.items() if name != number)
    if others + scripts[number].size > MOST_STEPS:
        problem = f"the callees of a tenant may have {MOST_STEPS:,} steps together, and the others have {others:,}"
        raise ControlRefused("state", f"{problem}: delete some")
    asked.tenant.scripts.update(scripts)
    return _shown(asked.tenant, number)


def _get(asked: Asked) -> object:
    _script(asked)
    return _shown(asked.tenant, asked.text("number"))


def _delete(asked: Asked) -> object:
    _script(asked)
    before = _shown(asked.tenant, asked.text("number"))
    del asked.tenant.scripts[asked.text("number")]
    return before


def _clear(asked: Asked) -> object:
    tenant = asked.tenant
    before = [_shown(tenant, number) for number in tenant.scripts]
    tenant.scripts.clear()
    return {"callee": before}


async def _wait(asked: Asked) -> object:
    tenant, number = asked.tenant, asked.text("number")
    until, timeout_s = cast("str", asked.body["until"]), cast("float", asked.body["timeout_s"])
    call = await asked.mock.waits.run(asked.receive, wait_for_callee(tenant, number, until, timeout_s))
    return shown_call(tenant, call)


async def _read(asked: Asked, document: object) -> dict[str, Script]:
    confines = confines_of(asked.tenant)

    def check(spec: str) -> None:
        check_spec(asked.mock.plugins, spec)

    def read() -> dict[str, Script]:
        return scripts_from(cast("dict[str, object]", document), confines, check)

    return await asked.aside(read) if asked.is_large else read()


def _script(asked: Asked) -> Script:
    script = asked.tenant.scripts.get(asked.text("number"))
    if script is None:
        problem = "this tenant has no script for this number, which does what the table of numbers says"
        raise ControlRefused("no_such_callee", problem)
    return script


def _shown(tenant: Tenant, number: str) -> dict[str, object]:
    names = {str(file): name for name, file in tenant.clips.files.items()}
    names |= {str(CLIPS / name): name for name in CLIP_NAMES}
    return callee_of(number, tenant.scripts[number], lambda what: names.get(what, what))
