"""Dataclasses as objects of JSON, for exported tenants: fields by their names, checked by their annotations."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Final, TypeVar, cast

from offhook.arguments import check_flag, check_number, check_several, check_text, check_whole, wrong
from offhook.errors import ConfigError
from offhook.secret import Secret
from offhook_mockserver.tenants.settings import known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from _typeshed import DataclassInstance

    from offhook_mockserver.tenants.entry import Json

    _T = TypeVar("_T", bound=DataclassInstance)


def to_document(item: DataclassInstance) -> dict[str, Json]:
    """The fields of a dataclass that JSON can hold; secrets are left out."""
    values = {field.name: getattr(item, field.name) for field in fields(item)}
    return {name: value for name, value in values.items() if not isinstance(value, Secret)}


def documents_of(items: Iterable[DataclassInstance]) -> list[Json]:
    """The fields of several. They are collected at once: an export is made in a thread, while more may be added."""
    return [to_document(item) for item in tuple(items)]


def from_document(cls: type[_T], document: object, what: str, **more: object) -> _T:
    """The dataclass that `to_document` returned.

    Args:
        cls: the dataclass.
        document: the object.
        what: what it is called, for messages.
        more: fields that the object does not have.

    Raises:
        ConfigError: it is not such an object; the message names the field that is wrong.
    """
    specs = {field.name: field for field in fields(cls) if field.name not in more}
    given = known(document, set(specs), what)
    values = dict(more)
    for name, field in specs.items():
        if name in given:
            values[name] = _CHECKS[cast("str", field.type)](given[name], f"{name} of {what} of the document")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ConfigError(f"{what} of the document has no {name}")
    return cls(**values)


def each(document: object, what: str) -> tuple[object, ...]:
    """The items of a list in an exported document.

    Raises:
        ConfigError: it is not a list.
    """
    return check_several(document, f"{what} of the document", "a list")


def texts(given: object, name: str) -> tuple[str, ...]:
    """A list of texts in an exported document.

    Raises:
        ConfigError: it is something else.
    """
    return tuple(check_text(item, name) for item in check_several(given, name, "a list of texts"))


def _object(given: object, name: str) -> Mapping[str, Json]:
    if not isinstance(given, dict):
        raise wrong(name, "an object", given)
    return cast("Mapping[str, Json]", given)


def _text_map(given: object, name: str) -> dict[str, str]:
    return {key: check_text(value, name) for key, value in _object(given, name).items()}


def _or_none(check: Callable[[object, str], object]) -> Callable[[object, str], object]:
    return lambda given, name: None if given is None else check(given, name)


#: For each annotation that these dataclasses use: checks a value, and returns what is kept.
_CHECKS: Final[Mapping[str, Callable[[object, str], object]]] = {
    "bool": check_flag,
    "dict[str, str]": _text_map,
    "float": check_number,
    "float | None": _or_none(check_number),
    "int": check_whole,
    "int | None": _or_none(check_whole),
    "Mapping[str, Json] | None": _or_none(_object),
    "str": check_text,
    "str | None": _or_none(check_text),
    "tuple[str, ...]": texts,
}
