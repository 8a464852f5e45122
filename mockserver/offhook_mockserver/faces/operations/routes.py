"""Which operation a request is for: by its method and path, without a search through all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class Routed(Protocol):
    """What routes need of an operation."""

    @property
    def method(self) -> str:
        """The HTTP method."""
        ...

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths under which it is answered; ``{name}`` stands for a segment."""
        ...


_O = TypeVar("_O", bound=Routed)


@dataclass(frozen=True, slots=True)
class _Template(Generic[_O]):
    """A path with parameters: its segments, None where a parameter stands, and the parameters' names by their place."""

    segments: tuple[str | None, ...]
    names: Mapping[int, str]
    operations: dict[str, _O]

    def matches(self, segments: list[str]) -> bool:
        # An empty segment is not the value of a parameter.
        return all(
            given == wanted if wanted is not None else given != ""
            for wanted, given in zip(self.segments, segments, strict=True)
        )


class Routes(Generic[_O]):
    """The operations of an API by their paths.

    Args:
        operations: the operations.
    """

    def __init__(self, operations: Iterable[_O]) -> None:
        self._operations: tuple[_O, ...] = tuple(operations)
        self._exact: dict[str, dict[str, _O]] = {}
        #: By the number of segments.
        self._templates: dict[int, list[_Template[_O]]] = {}
        for operation in self._operations:
            for path in operation.paths:
                by_method = self._by_method(path)
                assert operation.method not in by_method, f"{operation.method} {path} is there twice"
                by_method[operation.method] = operation

    def find(self, method: str, path: str) -> tuple[_O, Mapping[str, str]] | None:
        """The operation of a request and the parameters in its path, or None."""
        exact = self._exact.get(path)
        if exact is not None:
            operation = exact.get(method)
            return None if operation is None else (operation, {})
        template, segments = self._template(path)
        if template is None or (operation := template.operations.get(method)) is None:
            return None
        return operation, {name: segments[place] for place, name in template.names.items()}

    def names(self, which: Callable[[_O], bool] = lambda operation: True) -> dict[str, str]:
        """``METHOD /path`` of each operation for which `which` returns True, with an empty note."""
        return {
            f"{operation.method} {path}": ""
            for operation in self._operations
            if which(operation)
            for path in operation.paths
        }

    def methods_of(self, path: str, which: Callable[[_O], bool] = lambda operation: True) -> tuple[str, ...]:
        """The methods with which a path is answered, of the operations for which `which` returns True."""
        by_method = {method for method, operation in self.at(path).items() if which(operation)}
        return tuple(sorted({*by_method, *(("HEAD",) if "GET" in by_method else ())}))

    def at(self, path: str) -> Mapping[str, _O]:
        """The operations at a path, by their methods."""
        exact = self._exact.get(path)
        if exact is not None:
            return exact
        template, _ = self._template(path)
        return {} if template is None else template.operations

    def _template(self, path: str) -> tuple[_Template[_O] | None, list[str]]:
        segments = path.split("/")
        templates = self._templates.get(len(segments), ())
        return next((template for template in templates if template.matches(segments)), None), segments

    def _by_method(self, path: str) -> dict[str, _O]:
        if "{" not in path:
            return self._exact.setdefault(path, {})
        parts = path.split("/")
        segments = tuple(None if part.startswith("{") else part for part in parts)
        templates = self._templates.setdefault(len(parts), [])
        for template in templates:
            if template.segments == segments:
                return template.operations
        names = {place: part[1:-1] for place, part in enumerate(parts) if part.startswith("{")}
        made: _Template[_O] = _Template(segments, names, {})
        # Those with more fixed segments first: `/x/count` is not a value of `/x/{id}`.
        templates.append(made)
        templates.sort(key=lambda template: template.segments.count(None))
        return made.operations
