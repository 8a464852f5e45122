"""Tenants: made for a test, changed, exported, restored, and removed with everything that they have."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Final, cast

from offhook.errors import CallStateError
from offhook_mockserver.callees.confines import NamedClips
from offhook_mockserver.doors.json_answer import JsonAnswer
from offhook_mockserver.faces.control.file_answer import BytesAnswer
from offhook_mockserver.faces.control.large_json import encoded
from offhook_mockserver.faces.control.operation import JSON, TENANT, ControlOperation
from offhook_mockserver.faces.control.place import PREFIX
from offhook_mockserver.faces.operations.fields import Field, Fields, object_of
from offhook_mockserver.faces.operations.kinds import (
    Kind,
    any_object,
    e164_number,
    either,
    flag,
    list_of,
    number,
    text,
    whole,
)
from offhook_mockserver.faces.operations.shapes import TEXT, WHOLE, a_list, a_map, about, an_object, named
from offhook_mockserver.tenants.settings import BridgeJoins, ErrorBody, TenantBounds, TenantSettings
from offhook_mockserver.tenants.snapshot import TenantSnapshot
from offhook_mockserver.tenants.tenant import check_lines, fill

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import Enum

    from starlette.responses import Response

    from offhook_mockserver.faces.control.operation import Asked
    from offhook_mockserver.faces.operations.kinds import Schema
    from offhook_mockserver.tenants.tenant import Tenant

#: How many tenants there may be.
MOST_TENANTS: Final = 1_000
#: How much audio of a call is kept for tenants that are made here, unless they say otherwise; as in the test kit.
KEEP_AUDIO_S: Final = 300.0
#: The largest exported tenant that is restored.
_MOST_EXPORT: Final = 8 * 1024 * 1024
_MOST_LINES: Final = 100
#: What to do about a script that names an uploaded clip.
_NO_CLIPS: Final = (
    "Clips are not exported: take this callee out of `scripts`, restore the rest, upload the clip to the new tenant, "
    "and put the callee there"
)
#: The settings whose values are members of an enumeration.
_CHOICES: Final[Mapping[str, type[Enum]]] = {"bridge_joins": BridgeJoins, "error_body": ErrorBody}


def _kind(name: str, default: object) -> Kind:
    """What a setting holds, as far as its default shows; `TenantSettings` checks the rest."""
    if name in _CHOICES:
        values = [str(member.value) for member in _CHOICES[name]]
        return replace(
            text(most=40), schema={"type": "string", "enum": values}, hint=f"pass one of {', '.join(values)}"
        )
    if isinstance(default, bool):
        return flag
    if isinstance(default, int):
        return whole()
    return number() if isinstance(default, float) else text(most=2_048)


def _fields_of(kind: type[TenantSettings | TenantBounds]) -> Fields:
    known = _summaries(kind)
    return Fields(
        *(Field(item.name, _kind(item.name, item.default), summary=known.get(item.name, "")) for item in fields(kind)),
        extra=False,
    )


def _summaries(kind: type) -> dict[str, str]:
    """What the docstring of a class says of each attribute, as a sentence."""
    attributes = (inspect.getdoc(kind) or "").partition("Attributes:\n")[2].partition("\n\n")[0]
    found = re.findall(r"^    (\w+): (.+(?:\n {8}.+)*)", attributes, re.MULTILINE)
    texts = {name: " ".join(text.split()).replace("``", "`").rstrip(".") for name, text in found}
    return {name: f"{text[:1].upper()}{text[1:]}." for name, text in texts.items()}


def _object(name: str, members: Fields) -> Kind:
    """Objects with these fields, which the document describes once."""
    return replace(object_of(members), schema=named(name, members.schema))


SETTINGS: Final[Fields] = _fields_of(TenantSettings)
_BOUNDS: Final[Fields] = _fields_of(TenantBounds)
_LINES: Final = list_of(e164_number, least=1, most=_MOST_LINES)
_SETTINGS_FIELD: Final = Field(
    "settings",
    _object("Settings", SETTINGS),
    summary="How its calls behave; settings that are left out stay, or have their defaults.",
)
_TENANT: Final[Schema] = named(
    "Tenant",
    an_object(
        {
            "id": about(TEXT, "What paths name it by: its key id, with a number behind it if that was taken."),
            "api_key": about(TEXT, "Its key id, for the header `sb-api-key-id`."),
            "app_id": about(TEXT, "The application of its channels at Agora."),
            "lines": about(a_list(TEXT), "The numbers that it may call from."),
            "settings": about({"type": "object"}, "How its calls behave."),
            "bounds": about({"type": "object"}, "How much it may use."),
            "callees": about(a_list(TEXT), "The numbers that have a script of its own."),
            "clips": about(WHOLE, "How many clips were uploaded."),
            "calls_up": about(WHOLE, "How many calls go on."),
            "calls_started": about(WHOLE, "How many calls it has started."),
            "faults_active": about(WHOLE, "How many faults are active."),
            "journal_entries": about(WHOLE, "How many entries its journal keeps."),
        }
    ),
)
_MADE: Final[Schema] = named(
    "MadeTenant",
    an_object(
        {
            **cast("dict[str, Schema]", _TENANT["properties"]),
            "api_secret": about(TEXT, "Its secret key. No other answer holds it."),
            "environment": about(
                a_map(TEXT),
                "The settings with which a program calls through this mock as this tenant; it stores no calls.",
            ),
        }
    ),
)
_SEED: Final = Field(
    "seed",
    either(text(most=200), whole()),
    summary="Keys, channels and tokens follow from it; by default it is drawn.",
)


def operations() -> tuple[ControlOperation, ...]:
    """The operations on tenants."""
    return (
        ControlOperation(
            method="GET",
            path=f"{PREFIX}/tenants",
            summary="List the tenants, oldest first.",
            answer=an_object({"tenants": a_list(_TENANT)}),
            handle=_list,
        ),
        ControlOperation(
            method="POST",
            path=f"{PREFIX}/tenants",
            summary="Make a tenant with keys of its own, for one test.",
            body=Fields(
                Field("lines", _LINES, summary="The numbers that it may call from."),
                _SETTINGS_FIELD,
                Field("bounds", _object("Bounds", _BOUNDS), summary="How much it may use."),
                _SEED,
                extra=False,
            ),
            answers={201: _MADE},
            handle=_make,
        ),
        ControlOperation(
            method="GET",
            path=TENANT,
            summary="Show a tenant.",
            answer=_TENANT,
            handle=lambda asked: shown(asked.tenant),
        ),
        ControlOperation(
            method="PATCH",
            path=TENANT,
            summary="Change settings or lines of a tenant; they apply to calls that start afterwards.",
            body=Fields(
                _SETTINGS_FIELD, Field("lines", _LINES, summary="The numbers that it may call from."), extra=False
            ),
            answer=_TENANT,
            handle=_change,
        ),
        ControlOperation(
            method="DELETE",
            path=TENANT,
            summary="End the calls of a tenant, and remove it with its clips, faults and scripts.",
            answer=_TENANT,
            handle=_remove,
        ),
        ControlOperation(
            method="GET",
            path=f"{TENANT}/export",
            summary="Export a tenant as a document; without live calls, audio, clips and faults.",
            query=Fields(
                Field(
                    "seed",
                    flag,
                    default=False,
                    summary="Whether it holds the seed, from which the secret key follows.",
                ),
                extra=False,
            ),
            answer={"type": "object"},
            handle=_export,
        ),
        ControlOperation(
            method="POST",
            path=f"{PREFIX}/restore",
            summary="Make a tenant like an exported one; its scripts may name offhook's own clips alone.",
            body=Fields(Field("document", any_object, required=True, summary="What an export returned."), extra=False),
            most_bytes=_MOST_EXPORT,
            answers={201: _MADE},
            handle=_restore,
        ),
    )


def shown(tenant: Tenant) -> dict[str, object]:
    """A tenant, for programs; without secrets."""
    return {
        "id": tenant.id,
        "api_key": tenant.api_key.reveal(),
        "app_id": tenant.app_id,
        "lines": list(tenant.lines),
        "settings": tenant.settings.to_json(),
        "bounds": tenant.bounds.to_json(),
        "callees": list(tenant.scripts),
        "clips": len(tenant.clips.all),
        "calls_up": len(tenant.calls),
        "calls_started": tenant.calls_started,
        "faults_active": len(tenant.faults.active),
        "journal_entries": len(tenant.journal),
    }


def _list(asked: Asked) -> object:
    return {"tenants": [shown(tenant) for tenant in asked.mock.tenants.all()]}


def _make(asked: Asked) -> Response:
    _check_space(asked)
    body = asked.body
    settings = TenantSettings.from_json({"keep_audio_s": KEEP_AUDIO_S, **_members(body.get("settings"))})
    bounds = TenantBounds.from_json(_members(body.get("bounds")))
    lines = {"lines": tuple(cast("list[str]", body["lines"]))} if "lines" in body else {}
    seed = cast("str | int | None", body.get("seed"))
    return _made(asked, asked.mock.tenants.create(settings=settings, bounds=bounds, seed=seed, **lines))


def _change(asked: Asked) -> object:
    tenant, body = asked.tenant, asked.body
    # Both are checked before either is changed.
    changed = replace(tenant.settings, **_members(body.get("settings")))
    lines = check_lines(body.get("lines", tenant.lines))
    for item in fields(changed):
        setattr(tenant.settings, item.name, getattr(changed, item.name))
    tenant.lines = lines
    return shown(tenant)


async def _remove(asked: Asked) -> object:
    tenant = asked.tenant
    if tenant is asked.mock.first:
        raise CallStateError("the first tenant stays as long as its mock: make another tenant, and remove that one")
    before = shown(tenant)
    await asked.mock.tenants.remove(tenant)
    return before


async def _export(asked: Asked) -> object:
    tenant, with_seed = asked.tenant, bool(asked.query["seed"])
    folder = tenant.clips.folder
    content = await asked.aside(lambda: encoded(tenant.export(with_seed=with_seed, folder=folder)))
    return BytesAnswer(content, JSON)


async def _restore(asked: Asked) -> Response:
    _check_space(asked)
    document, tenants = asked.body["document"], asked.mock.tenants
    snapshot = await asked.aside(lambda: TenantSnapshot.from_json(document, NamedClips({}, _NO_CLIPS)))
    tenant = tenants.blank(snapshot)
    await asked.aside(lambda: fill(tenant, snapshot))
    _check_space(asked)
    tenants.adopt(tenant)
    return _made(asked, tenant)


def _check_space(asked: Asked) -> None:
    if len(asked.mock.tenants.all()) >= MOST_TENANTS:
        raise CallStateError(f"this mock has {MOST_TENANTS} tenants, which is the limit: remove some")


def _made(asked: Asked, tenant: Tenant) -> Response:
    secret = {"api_secret": tenant.api_secret.reveal(), "environment": dict(asked.mock.environment_of(tenant))}
    return JsonAnswer({**shown(tenant), **secret}, 201)


def _members(given: object) -> dict[str, Any]:
    return cast("dict[str, Any]", given or {})
