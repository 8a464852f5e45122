"""The webhooks of the account: ``/api/account/webhooks``, also answered at ``/api/v2/account/webhooks``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from offhook.errors import ConfigError
from offhook.session import Grade
from offhook_mockserver.faces.operations.fields import Field, Fields, object_of
from offhook_mockserver.faces.operations.kinds import e164_number, either, list_of, one_of, text, url
from offhook_mockserver.faces.operations.shapes import OK, TEXT, a_list, about, an_object
from offhook_mockserver.faces.refusals import ApiRefusal, RequestRefused
from offhook_mockserver.faces.sendblue.operation import Operation, Scoped
from offhook_mockserver.tenants.webhook_types import WebhookType
from offhook_mockserver.tenants.webhooks.hooks import MOST_HOOKS, MOST_SECRET, Hook, webhook_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from offhook_mockserver.faces.operations.kinds import Kind, Schema
    from offhook_mockserver.faces.sendblue.operation import Asked
    from offhook_mockserver.tenants.entry import Json


_PATH: Final = "/api/account/webhooks"
_OLD_PATH: Final = "/api/v2/account/webhooks"
_SOURCE: Final = "Sendblue's API reference, webhooks"
_SDK: Final = "Python SDK 1.33.0"
_GLOBAL: Final = "globalSecret"
#: Types that no documentation names.
_OF_SDKS: Final = frozenset({WebhookType.INBOUND_CALL, WebhookType.CONTACT_PROFILE, WebhookType.CALL_COMPLETED})
#: Lines that one webhook may be limited to.
_MOST_LINES: Final = 100

NOT_HTTPS: Final = ApiRefusal(400, Grade.ASSUMED)
TOO_MANY_HOOKS: Final = ApiRefusal(400, Grade.ASSUMED)
# Documented in Sendblue's client library: with a token for some lines, webhooks of the type receive alone.
NOT_OF_THESE_LINES: Final = ApiRefusal(403, Grade.ASSUMED)

_SECRET: Final[Kind] = text(
    least=1,
    most=MOST_SECRET,
    pattern="[!-~]([ -~]*[!-~])?",
    hint="pass printable ASCII characters without blanks at the ends: it is sent as a header",
    exact=True,
)
_HOOK: Final[Kind] = either(
    url,
    object_of(
        Fields(
            Field("url", url, required=True, summary="Where events are posted."),
            Field("secret", _SECRET, summary="Sent as it is in the header sb-signing-secret."),
            Field(
                "sendblue_numbers",
                list_of(e164_number, least=1, most=_MOST_LINES),
                summary="For inbound messages: the lines whose messages are wanted. Other types ignore it.",
                grade=Grade.OBSERVED,
                source=_SDK,
            ),
        )
    ),
)
_TYPE: Final = Field(
    "type",
    one_of(*(type.value for type in WebhookType)),
    default=WebhookType.RECEIVE.value,
    summary="The type of the events. inbound_call, contact_profile and call_completed are known from the SDKs alone.",
)
_GLOBAL_SECRET: Final = Field(
    _GLOBAL, _SECRET, summary="The secret of all webhooks that have none of their own.", secret=True
)
_LISTED: Final[Schema] = {
    "anyOf": [
        TEXT,
        an_object(
            {"url": TEXT, "secret": TEXT, "sendblue_numbers": a_list(TEXT)}, optional=("secret", "sendblue_numbers")
        ),
    ]
}
_WEBHOOKS: Final[Schema] = an_object(
    {
        **{
            type.value: about(
                a_list(_LISTED),
                "As they were registered: URLs or objects.",
                grade=Grade.OBSERVED if type in _OF_SDKS else None,
                source=_SDK if type in _OF_SDKS else "",
            )
            for type in WebhookType
        },
        _GLOBAL: about(TEXT, "Left out if the account has none."),
    },
    optional=(*(type.value for type in WebhookType), _GLOBAL),
)
_MESSAGE: Final[Schema] = about(TEXT, "What was done, for people.")
_CHANGED: Final[Schema] = an_object({"status": OK, "message": _MESSAGE, "webhooks": _WEBHOOKS})


def operations() -> tuple[Operation, ...]:
    """The operations on webhooks."""
    return (
        Operation(
            method="GET",
            path=_PATH,
            aliases=(_OLD_PATH,),
            summary="The registered webhooks, by the type of their events.",
            grade=Grade.DOCUMENTED,
            source=_SOURCE,
            answer=an_object({"status": OK, "webhooks": _WEBHOOKS}),
            scoped=Scoped.LINES,
            handle=lambda asked: {"status": "OK", "webhooks": _listed(asked)},
        ),
        Operation(
            method="POST",
            path=_PATH,
            aliases=(_OLD_PATH,),
            summary="Add webhooks of one type. One with the URL of another of this type replaces it, which is assumed.",
            grade=Grade.DOCUMENTED,
            source=_SOURCE,
            body=Fields(
                Field("webhooks", list_of(_HOOK, most=MOST_HOOKS), required=True, summary="URLs, or objects."),
                _TYPE,
                _GLOBAL_SECRET,
            ),
            answer=_CHANGED,
            scoped=Scoped.LINES,
            check=_check_added,
            handle=_add,
        ),
        Operation(
            method="PUT",
            path=_PATH,
            aliases=(_OLD_PATH,),
            summary="Replace all webhooks of the account.",
            grade=Grade.DOCUMENTED,
            source=_SOURCE,
            body=Fields(
                Field(
                    "webhooks",
                    object_of(
                        Fields(
                            *(Field(type.value, list_of(_HOOK, most=MOST_HOOKS)) for type in WebhookType),
                            _GLOBAL_SECRET,
                        )
                    ),
                    required=True,
                    summary="The webhooks of each type. Types that are left out have none afterwards.",
                )
            ),
            answer=_CHANGED,
            scoped=Scoped.LINES,
            check=_check_replacement,
            handle=_replace,
        ),
        Operation(
            method="DELETE",
            path=_PATH,
            aliases=(_OLD_PATH,),
            summary="Remove webhooks of one type by their URLs. An unknown URL changes nothing, which is assumed.",
            grade=Grade.DOCUMENTED,
            source=_SOURCE,
            body=Fields(
                Field("webhooks", list_of(url, most=MOST_HOOKS), required=True, summary="The URLs."),
                _TYPE,
            ),
            answer=an_object({"status": OK, "message": _MESSAGE}),
            scoped=Scoped.LINES,
            check=_check_type,
            handle=_remove,
        ),
    )


def _limited(asked: Asked) -> tuple[str, ...]:
    """The lines to which the client's token is limited; empty if it may see the whole account."""
    return () if asked.token is None else asked.token.lines


def _check_type(asked: Asked) -> None:
    if _limited(asked) and asked.body["type"] != WebhookType.RECEIVE:
        raise RequestRefused(
            NOT_OF_THESE_LINES,
            "this bearer token is for some lines only, and may use webhooks of the type receive alone",
        )


def _check_added(asked: Asked) -> None:
    _check_type(asked)
    _check_hooks(asked, asked.body["webhooks"])
    if _GLOBAL in asked.body:
        _check_global(asked)


def _check_replacement(asked: Asked) -> None:
    given = cast("Mapping[str, object]", asked.body["webhooks"])
    for name, hooks in given.items():
        if name == _GLOBAL:
            _check_global(asked)
            continue
        if _limited(asked) and name != WebhookType.RECEIVE and hooks:
            raise RequestRefused(
                NOT_OF_THESE_LINES,
                f"this bearer token is for some lines only, and may not have webhooks of the type {name}",
            )
        _check_hooks(asked, hooks)


def _check_global(asked: Asked) -> None:
    if _limited(asked):
        raise RequestRefused(NOT_OF_THESE_LINES, f"{_GLOBAL} is about the whole account, and this token is not")


def _check_hooks(asked: Asked, given: object) -> None:
    limited = _limited(asked)
    for hook in map(Hook.from_json, cast("list[object]", given)):
        if asked.tenant.settings.webhook_https_only and not hook.url.lower().startswith("https://"):
            raise RequestRefused(NOT_HTTPS, "webhooks must have https URLs: that is a setting of this mock")
        if limited and not set(hook.lines) <= set(limited):
            raise RequestRefused(
                NOT_OF_THESE_LINES, f"sendblue_numbers must be lines of this token: {', '.join(limited)}"
            )


def _hooks(asked: Asked, given: object) -> Iterable[Hook]:
    """The webhooks of a request; those of a token for some lines are for these lines."""
    for hook in map(Hook.from_json, cast("list[object]", given)):
        if (limited := _limited(asked)) and not hook.lines:
            yield Hook(hook.url, hook.secret, limited)
        else:
            yield hook


def _visible(asked: Asked) -> tuple[Hook, ...]:
    """The webhooks that a token for some lines may see and change: for inbound messages of its lines, and no others."""
    limited = set(_limited(asked))
    hooks = asked.tenant.webhooks.registrations.of(WebhookType.RECEIVE)
    return tuple(hook for hook in hooks if hook.lines and set(hook.lines) <= limited)


def _check_not_of_others(asked: Asked, hooks: Iterable[Hook]) -> None:
    """Refuse to replace a webhook that the token may not see."""
    visible = _visible(asked)
    others = {hook.url for hook in asked.tenant.webhooks.registrations.of(WebhookType.RECEIVE) if hook not in visible}
    if any(hook.url in others for hook in hooks):
        raise RequestRefused(NOT_OF_THESE_LINES, "a webhook with this URL exists that is not of this token's lines")


def _listed(asked: Asked) -> Mapping[str, Json]:
    if _limited(asked):
        return {WebhookType.RECEIVE.value: [hook.to_json() for hook in _visible(asked)]}
    return asked.tenant.webhooks.registrations.to_json()


def _add(asked: Asked) -> object:
    registrations, type = asked.tenant.webhooks.registrations, WebhookType(cast("str", asked.body["type"]))
    hooks = tuple(_hooks(asked, asked.body["webhooks"]))
    if _limited(asked):
        _check_not_of_others(asked, hooks)
    _changed(lambda: registrations.add(type, hooks))
    if _GLOBAL in asked.body:
        registrations.global_secret = webhook_secret(asked.body[_GLOBAL])
    return _answer(asked, f"{len(hooks)} webhook{'s' if len(hooks) != 1 else ''} of the type {type} added")


def _replace(asked: Asked) -> object:
    given = dict(cast("Mapping[str, object]", asked.body["webhooks"]))
    registrations = asked.tenant.webhooks.registrations
    if _limited(asked):
        hooks = tuple(_hooks(asked, given.get(WebhookType.RECEIVE, [])))
        _check_not_of_others(asked, hooks)
        registrations.remove(WebhookType.RECEIVE, {hook.url for hook in _visible(asked)})
        _changed(lambda: registrations.add(WebhookType.RECEIVE, hooks))
        return _answer(asked, "the webhooks of this token's lines were replaced")
    secret = given.pop(_GLOBAL, None)
    _changed(
        lambda: registrations.replace({WebhookType(name): tuple(_hooks(asked, hooks)) for name, hooks in given.items()})
    )
    registrations.global_secret = None if secret is None else webhook_secret(secret)
    return _answer(asked, "the webhooks were replaced")


def _remove(asked: Asked) -> object:
    urls = set(cast("list[str]", asked.body["webhooks"]))
    if _limited(asked):
        urls &= {hook.url for hook in _visible(asked)}
    count = asked.tenant.webhooks.registrations.remove(cast("str", asked.body["type"]), urls)
    return {"status": "OK", "message": f"{count} webhooks were removed"}


def _changed(change: Callable[[], None]) -> None:
    try:
        change()
    except ConfigError as error:
        raise RequestRefused(TOO_MANY_HOOKS, error.message) from None


def _answer(asked: Asked, message: str) -> object:
    return {"status": "OK", "message": message, "webhooks": _listed(asked)}
