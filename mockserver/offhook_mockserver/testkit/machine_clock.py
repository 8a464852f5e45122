"""Whether the code of an application asks the machine's clock, which hardly moves in virtual time."""

from __future__ import annotations

import dis
import inspect
import time  # noqa: TID251 - to recognise it, not to read it
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

#: The functions of the module `time` that measure with it.
_CLOCKS: Final = frozenset({"monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "time", "time_ns"})
_ATTRIBUTE: Final = frozenset({"LOAD_ATTR", "LOAD_METHOD"})


def asks_machine_clock(frame: FrameType) -> bool:
    """Whether the code of a frame asks it, or a function of its module or a method of its object that it names."""
    return any(_asks(code, frame.f_globals) for code in (frame.f_code, *_named(frame)))


def _named(frame: FrameType) -> Iterator[CodeType]:
    self: object = frame.f_locals.get("self")
    owner: type[object] = type(self)
    for name in frame.f_code.co_names:
        for found in (frame.f_globals.get(name), inspect.getattr_static(owner, name, None)):
            if isinstance(found, FunctionType):
                yield found.__code__


def _asks(code: CodeType, names: Mapping[str, object]) -> bool:
    """Whether it reads one of these functions, as ``time.monotonic`` or by a name of its module."""
    before: object = None
    for step in dis.get_instructions(code):
        loaded: object = names.get(step.argval) if step.opname == "LOAD_GLOBAL" else None
        if step.opname in _ATTRIBUTE and before is time and step.argval in _CLOCKS:
            return True
        if loaded is not None and any(loaded is getattr(time, name) for name in _CLOCKS):
            return True
        before = loaded
    return False
