"""The fields of contacts in requests and answers. Most have an older name, which is accepted too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from offhook_mockserver.faces.operations.fields import Field
from offhook_mockserver.faces.operations.kinds import Kind, WrongValue, e164_number, email, list_of, text
from offhook_mockserver.faces.operations.shapes import FLAG, TEXT, TIME, a_list, a_map, about, an_object, nullable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from offhook_mockserver.faces.operations.kinds import Schema


_MOST_NAME: Final = 1_000
_MOST_TAGS: Final = 100
_MOST_VARIABLES: Final = 100
#: A contact as answers have it.
CONTACT: Final[Schema] = an_object(
    {
        "assigned_to_email": nullable(TEXT),
        "company_name": TEXT,
        "contact_id": about(TEXT, "Its id, which never changes."),
        "created_at": TIME,
        "custom_variables": a_map(TEXT),
        "first_name": TEXT,
        "last_name": TEXT,
        "opt_out": about(FLAG, "Whether messages to it are refused."),
        "phone": TEXT,
        "sendblue_number": nullable(TEXT),
        "tags": a_list(TEXT),
        "verified": FLAG,
    }
)


def alias_fields(names: tuple[str, ...], kind: Kind, summary: str = "") -> Iterable[Field]:
    """A field under its name, and under its older names."""
    first, *older = names
    yield Field(first, kind, summary=summary)
    for name in older:
        yield Field(name, kind, summary=f"An older name of {first}.")


def _read_variables(value: object, name: str) -> object:
    if not isinstance(value, dict):
        raise WrongValue(f"{name} must be an object")
    variables = cast("dict[str, object]", value)
    if len(variables) > _MOST_VARIABLES:
        raise WrongValue(f"{name} must have at most {_MOST_VARIABLES} members, got {len(variables)}")
    for key, each in variables.items():
        if len(key) > _MOST_NAME or not isinstance(each, str) or len(each) > _MOST_NAME:
            raise WrongValue(f"each name and value of {name} must be a string of at most {_MOST_NAME} characters")
    return variables


_VARIABLES: Final = Kind(
    schema={
        "type": "object",
        "additionalProperties": {"type": "string", "maxLength": _MOST_NAME},
        "propertyNames": {"maxLength": _MOST_NAME},
        "maxProperties": _MOST_VARIABLES,
    },
    read=_read_variables,
    hint="pass an object of strings",
)
_NAME: Final = text(most=_MOST_NAME)
#: The fields that requests about one contact and about several have.
_ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "first_name": ("first_name", "firstName"),
    "last_name": ("last_name", "lastName"),
    "company_name": ("company_name", "companyName"),
}
#: Those that only requests about one contact have.
_OWN_ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "assigned_to_email": ("assigned_to_email", "assignedToEmail"),
    "sendblue_number": ("sendblue_number", "sendblueNumber"),
}
FIELDS: Final = (
    *(field for names in _ALIASES.values() for field in alias_fields(names, _NAME)),
    Field("tags", list_of(text(most=_MOST_NAME), most=_MOST_TAGS)),
    Field("custom_variables", _VARIABLES, summary="More about it, by names of the account's choice."),
)
OWN: Final = (
    *alias_fields(_OWN_ALIASES["assigned_to_email"], email, "The user that it is assigned to."),
    *alias_fields(_OWN_ALIASES["sendblue_number"], e164_number, "The line that it belongs to."),
)


def parts_of(given: Mapping[str, object]) -> dict[str, Any]:
    """The fields of a `Contact` that a request has."""
    parts: dict[str, Any] = {}
    for name, names in {**_ALIASES, **_OWN_ALIASES}.items():
        found = next((each for each in names if each in given), None)
        if found is not None:
            parts[name] = given[found]
    if "tags" in given:
        parts["tags"] = tuple(cast("list[str]", given["tags"]))
    if "custom_variables" in given:
        parts["custom_variables"] = given["custom_variables"]
    return parts
