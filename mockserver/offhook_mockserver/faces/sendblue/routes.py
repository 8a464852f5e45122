"""Which operation a request is for: by its method and path, without a search through all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from offhook_mockserver.faces.sendblue.families import Family
    from offhook_mockserver.faces.sendblue.operation import Operation


@dataclass(frozen=True, slots=True)
class _Template:
    """A path with parameters: its segments, None where a parameter stands, and the parameters' names by their place."""

    segments: tuple[str | None, ...]
    names: Mapping[int, str]
    operations: dict[str, Operation]

    def matches(self, segments: list[str]) -> bool:
        # An empty segment is not the value of a parameter.
        return all(
            given == wanted if wanted is not None else given != ""
            for wanted, given in zip(self.segments, segments, strict=True)
        )


class Routes:
    """The operations of an API by their paths.

    Args:
        operations: the operations.
    """

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._operations: tuple[Operation, ...] = tuple(operations)
        self._exact: dict[str, dict[str, Operation]] = {}
        #: By the number of segments.
        self._templates: dict[int, list[_Template]] = {}
        for operation in self._operations:
            for path in operation.paths:
                by_method = self._by_method(path)
                assert operation.method not in by_method, f"{operation.method} {path} is there twice"
                by_method[operation.method] = operation

    def find(self, method: str, path: str) -> tuple[Operation, Mapping[str, str]] | None:
        """The operation of a request and the parameters in its path, or None."""
        exact = self._exact.get(path)
        if exact is not None:
            operation = exact.get(method)
            return None if operation is None else (operation, {})
        template, segments = self._template(path)
        if template is None or (operation := template.operations.get(method)) is None:
            return None
        return operation, {name: segments[place] for place, name in template.names.items()}

    def names(self, *, lenient: bool) -> dict[str, str]:
        """``METHOD /path`` of each operation, with an empty note.

        Args:
            lenient: whether with those that only lenient tenants may use.
        """
        return {
            f"{operation.method} {path}": ""
            for operation in self._operations
            if lenient or not operation.lenient
            for path in operation.paths
        }

    def methods_of(self, path: str, *, lenient: bool) -> tuple[str, ...]:
        """The methods with which a path is answered; for `lenient`, see `names`."""
        by_method = {
            method for method, operation in self._operations_at(path).items() if lenient or not operation.lenient
        }
        return tuple(sorted({*by_method, *(("HEAD",) if "GET" in by_method else ())}))

    def family_of(self, path: str) -> Family:
        """The shape of refusals at a path that is answered."""
        return next(iter(self._operations_at(path).values())).family

    def _operations_at(self, path: str) -> Mapping[str, Operation]:
        exact = self._exact.get(path)
        if exact is not None:
            return exact
        template, _ = self._template(path)
        return {} if template is None else template.operations

    def _template(self, path: str) -> tuple[_Template | None, list[str]]:
        segments = path.split("/")
        templates = self._templates.get(len(segments), ())
        return next((template for template in templates if template.matches(segments)), None), segments

    def _by_method(self, path: str) -> dict[str, Operation]:
        if "{" not in path:
            return self._exact.setdefault(path, {})
        parts = path.split("/")
        segments = tuple(None if part.startswith("{") else part for part in parts)
        templates = self._templates.setdefault(len(parts), [])
        for template in templates:
            if template.segments == segments:
                return template.operations
        names = {place: part[1:-1] for place, part in enumerate(parts) if part.startswith("{")}
        made = _Template(segments, names, {})
        # Those with more fixed segments first: `/x/count` is not a value of `/x/{id}`.
        templates.append(made)
        templates.sort(key=lambda template: template.segments.count(None))
        return made.operations
