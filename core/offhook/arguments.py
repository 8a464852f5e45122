"""Checks of arguments, made in the call that receives them, with one wording for all.

Each function returns the argument, or raises a `ConfigError` that says what is wanted, what was passed, and, where
there is a natural guess, what to write instead. A bool is not accepted as a number, nor NaN, nor infinity.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import math
import numbers
import operator
import os
import types
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeVar, cast

from offhook.errors import ConfigError
from offhook.wording import nearest_name, quoted

if TYPE_CHECKING:
    from collections.abc import Callable

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True

_T = TypeVar("_T")
_E = TypeVar("_E", bound=Enum)

#: The highest sampling rate that an argument may name, in hertz: audio is not sampled faster.
MOST_HZ: Final = 768_000
#: The longest time that an argument may name, in seconds: thirty years. Timers of the system take no longer ones.
MOST_S: Final = 1_000_000_000


_WHOLE: Final = "a whole number"
#: The marks of code that does not run when it is called.
_RUNS_LATER: Final = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_LEAST: Final = "at least"


def wrong(name: str, wanted: str, given: object, guess: str = "") -> ConfigError:
    """Return the error for an argument that is refused.

    Args:
        name: what the caller calls the argument.
        wanted: what it must be, as the end of "must be".
        given: what was passed. A coroutine is closed, since it will not be awaited.
        guess: what to write instead, as a sentence; by default, the guess that fits every argument of that kind.
    """
    guess = guess or _guess(given)
    discard(given)
    return ConfigError(f"{name} must be {wanted}, got {shown(given)}" + (f". {guess}" if guess else ""))


def discard(given: object) -> None:
    """Close a coroutine that was passed by mistake; Python would warn that it was never awaited."""
    if inspect.iscoroutine(given):
        given.close()


def shown(given: object) -> str:
    """What was passed, for a message: a short value itself, and for anything else what it is."""
    if given is None or isinstance(given, bool):
        return str(given)
    if isinstance(given, type):
        return f"the class {given.__name__}"
    if isinstance(given, Enum):
        return f"{type(given).__name__}.{given.name}"
    if isinstance(given, str):
        return quoted(given)
    if isinstance(given, numbers.Integral):  # also those of numpy
        return str(given) if abs(int(given)) < 10**20 else "an int of more than 20 digits"
    if isinstance(given, numbers.Real):
        return str(given)
    if inspect.iscoroutine(given):
        return f"the coroutine {given.__name__}()"
    if inspect.isasyncgen(given):
        return f"the async generator {given.__name__}()"
    if inspect.isgenerator(given):
        return f"the generator {given.__name__}()"
    if inspect.isroutine(given):
        return f"the function {given.__name__}"
    if inspect.ismodule(given):
        return f"the module {given.__name__}"
    return type(given).__name__


def check_number(
    given: object,
    name: str,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    most: float = math.inf,
    unit: str = "",
    guess: str = "",
) -> float:
    """Check a finite number.

    Args:
        given: what was passed.
        name: what the caller calls it.
        least: the smallest number accepted.
        above: the number that it must be greater than.
        most: the greatest number accepted.
        unit: its unit in the plural, for the message.
        guess: what to write instead of a number that is out of range, as a sentence.

    Raises:
        ConfigError: it is not a number, not finite, or out of range.
    """

    def fits(value: float) -> bool:
        return math.isfinite(value) and least <= value <= most and value > above

    value = _float(given)
    if not fits(value):
        low = (_LEAST, least) if math.isfinite(least) else ("above", above)
        wanted = _wanted(given, "a number", low, most, unit)
        raise wrong(name, wanted, given, _unquoted(given, fits) or (guess if math.isfinite(value) else ""))
    return given if isinstance(given, int | float) else value


def check_seconds(given: object, name: str, *, zero: bool = False) -> float:
    """Check a time: more than 0 s (with `zero`, at least 0 s) and at most `MOST_S`.

    Raises:
        ConfigError: it is not such a number.
    """

    def fits(value: float) -> bool:
        return 0 < value <= MOST_S or (zero and value == 0)

    value = _float(given)
    if not fits(value):
        wanted = "a finite number of seconds, 0 or more" if zero else "a positive, finite number of seconds"
        beyond = f", at most {MOST_S:,}" if MOST_S < value < math.inf else ""
        raise wrong(name, wanted + beyond, given, _unquoted(given, fits))
    return given if isinstance(given, int | float) else value


def check_whole(given: object, name: str, *, least: float = -math.inf, most: float = math.inf, unit: str = "") -> int:
    """Check a whole number.

    Args:
        given: what was passed.
        name: what the caller calls it.
        least: the smallest number accepted.
        most: the greatest number accepted.
        unit: its unit in the plural, for the message.

    Raises:
        ConfigError: it is not an integer, or out of range.
    """

    def fits(value: float) -> bool:
        return least <= value <= most and value == math.floor(value)

    if not isinstance(given, bool) and hasattr(type(given), "__index__"):
        with contextlib.suppress(TypeError):  # arrays have it, and raise unless they hold one number
            given = operator.index(cast("int", given))
            if least <= given <= most:
                return given
    guess = _unquoted(given, fits)
    if isinstance(given, float) and math.isfinite(given) and fits(given):
        guess = f"Write {int(given)}"
    raise wrong(name, _wanted(given, _WHOLE, (_LEAST, least), most, unit), given, guess)


def check_rate(given: object, name: str = "rate_hz") -> int:
    """Check a sampling rate: a whole number of hertz from 1 to `MOST_HZ`.

    Raises:
        ConfigError: it is not such a number.
    """
    return check_whole(given, name, least=1, most=MOST_HZ, unit="hertz")


def check_flag(given: object, name: str) -> bool:
    """Check a bool.

    Raises:
        ConfigError: it is not True or False.
    """
    if not isinstance(given, bool):
        raise wrong(name, "True or False", given)
    return given


def check_text(given: object, name: str, example: str = "") -> str:
    """Check a str.

    Args:
        given: what was passed.
        name: what the caller calls it.
        example: a valid value, for the message.

    Raises:
        ConfigError: it is not a str.
    """
    if not isinstance(given, str):
        raise wrong(name, "text" + (f", for example {example!r}" if example else ""), given)
    return given


def check_path(given: object, name: str, example: str) -> str:
    """Check the name of a file or a folder, and return it as text.

    Args:
        given: what was passed: a str or a path such as `pathlib.Path`.
        name: what the caller calls it.
        example: a valid value, for the message.

    Raises:
        ConfigError: it is neither, or empty.
    """
    try:
        named: object = os.fspath(cast("str", given))
    except TypeError:
        named = None
    if not isinstance(named, str) or not named:
        raise wrong(name, f"a file's name or a path, for example {example!r}", given)
    return named


def check_choice(given: object, name: str, enum: type[_E]) -> _E:
    """Check a member of an enumeration; the value of a member is accepted as well where it is a str.

    Raises:
        ConfigError: it is neither.
    """
    if isinstance(given, enum):
        return given
    meant = next((member for member in enum if isinstance(given, str) and given in {member.value, member.name}), None)
    if meant is not None and meant == given:  # only a member that is a str equals its value
        return meant
    near = "" if meant is None else f"Write {meant}"
    raise wrong(name, "one of " + ", ".join(str(member) for member in enum), given, near)


def check_instance(given: object, name: str, kind: type[_T] | tuple[type[_T], ...], wanted: str, guess: str = "") -> _T:
    """Check the class of an object.

    Args:
        given: what was passed.
        name: what the caller calls it.
        kind: the class, or several.
        wanted: what it must be, as the end of "must be".
        guess: what to write instead of what was passed, as a sentence; by default, how a dict becomes a dataclass.

    Raises:
        ConfigError: it is not an instance of `kind`.
    """
    if isinstance(given, type) or not isinstance(given, kind):
        if not guess and hasattr(given, "items") and dataclasses.is_dataclass(kind):
            guess = f"Write {kind.__name__}(**{name})"
        raise wrong(name, wanted, given, guess)
    return given


def is_several(given: object) -> bool:
    """Whether it is a list, or another collection that is not text or a mapping."""
    return isinstance(given, Iterable) and not isinstance(given, str | bytes | type | Mapping)


def check_several(given: object, name: str, wanted: str) -> tuple[object, ...]:
    """Check a list, or another collection that is not text or a mapping, and return what it holds.

    Raises:
        ConfigError: it is something else.
    """
    if not is_several(given):
        item = getattr(given, "__name__", "...")
        one = name.isidentifier() and given is not None and not hasattr(given, "__len__")
        guess = f"Write {name}=[{item}]" if one else ""
        raise wrong(name, wanted, given, guess)
    return tuple(cast("Iterable[object]", given))


def check_error(given: object, name: str) -> None:
    """Check an exception that will be raised, or None.

    Raises:
        ConfigError: it is something else.
    """
    if given is not None:
        check_instance(given, name, BaseException, "an exception or None")


def check_methods(given: object, name: str, methods: Iterable[str], wanted: str, guess: str = "") -> None:
    """Check an object of any class that needs only some methods, as that of a `Protocol` does.

    Raises:
        ConfigError: it is a class, or lacks one of the methods.
    """
    if isinstance(given, type) or not all(callable(getattr(given, method, None)) for method in methods):
        raise wrong(name, wanted, given, guess)


def check_settings(given: object, name: str) -> Mapping[str, str]:
    """Check settings: a mapping of str to str. Neither its values nor invalid names are shown: they may be secrets.

    Raises:
        ConfigError: it is not such a mapping.
    """
    wanted = "a mapping of names to text, for example os.environ"
    if not isinstance(given, Mapping):
        raise ConfigError(f"{name} must be {wanted}, got {type(given).__name__}")
    settings = cast("Mapping[object, object]", given)
    for key in settings:
        if not isinstance(key, str):
            raise ConfigError(f"{name} must be {wanted}, got a name of type {type(key).__name__}")
        if not isinstance(settings[key], str):
            kind = type(settings[key]).__name__
            raise ConfigError(f"{name} must be {wanted}, got a value of type {kind} for {quoted(key)}")
    return cast("Mapping[str, str]", given)


def check_function(given: object, name: str, arguments: tuple[str, ...] = (), *, may_be_async: bool = False) -> None:
    """Check something that will be called.

    Args:
        given: what was passed.
        name: what the caller calls it.
        arguments: what it will be called with, for the message; their number is checked where its signature is known.
        may_be_async: whether what it returns is awaited if it can be.

    Raises:
        ConfigError: it cannot be called like that, or calling it would not run it.
    """
    if _is_plain(given, len(arguments)):
        return
    takes = ", ".join(arguments) or "no argument"
    wanted = f"a function that can be called with {takes}"
    if not callable(given) or isinstance(given, types.ModuleType):
        raise wrong(name, wanted, given)
    bodies = (given, given.__call__)  # an object's own code is in its class
    if any(inspect.isgeneratorfunction(body) or inspect.isasyncgenfunction(body) for body in bodies):
        raise wrong(name, wanted, given, "It has a yield, so calling it runs nothing. Use a function without yield")
    if not may_be_async and any(map(inspect.iscoroutinefunction, bodies)):
        raise wrong(name, wanted, given, "It is async, and nothing would await it. Use a plain function")
    if not _callable_with(given, len(arguments)):
        raise wrong(name, wanted, given, "Its parameters differ from that")


def _is_plain(given: object, count: int) -> bool:
    """Whether `given` is a function or method that takes just `count` arguments by place, and runs when it is called.

    Nearly everything that is checked is one. Looking at its code costs a fraction of asking `inspect`.
    """
    function: object = given.__func__ if isinstance(given, types.MethodType) else given
    if not isinstance(function, types.FunctionType) or function.__dict__:  # what `inspect` also reads
        return False
    code, places = function.__code__, count + (function is not given)
    return code.co_argcount == places and not code.co_kwonlyargcount and not code.co_flags & _RUNS_LATER


def corrects_arguments(*more: str) -> Callable[[type[_T]], type[_T]]:
    """A decorator for a class: its public methods answer an unknown keyword argument with the nearest known one.

    Args:
        more: the keywords that methods accept as ``**limits`` or the like; without them, such methods stay as they are.
    """

    def decorate(kind: type[_T]) -> type[_T]:
        for name, method in tuple(vars(kind).items()):
            if isinstance(method, types.FunctionType) and not name.startswith("_"):
                setattr(kind, name, _corrected(method, more))
        return kind

    return decorate


def _corrected(method: types.FunctionType, more: tuple[str, ...]) -> Callable[..., object]:
    parameters = list(inspect.signature(method).parameters.values())[1:]
    known = [each.name for each in parameters if each.kind in {each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY}]
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        if not more:
            return method
        known += more
    takes = f"; it takes {' and '.join(known)}" if known else ""

    @functools.wraps(method)
    def call(*args: object, **given: object) -> object:
        for name in given:
            if name not in known:
                near = nearest_name(name, known) or takes
                raise TypeError(f"{method.__qualname__}() got an unexpected keyword argument {name!r}{near}")
        return method(*args, **given)

    return call


def _callable_with(given: Callable[..., object], count: int) -> bool:
    try:
        inspect.signature(given).bind(*range(count))
    except ValueError:  # a function of an extension module without a signature
        return True
    except TypeError:
        return False
    return True


def _float(given: object) -> float:
    """A number as a float; NaN for everything that is not a number, and for an int that is too large."""
    if isinstance(given, bool) or not isinstance(given, numbers.Real):
        return math.nan
    try:
        return float(given)
    except OverflowError:
        return math.nan


def _wanted(given: object, kind: str, low: tuple[str, float], most: float, unit: str) -> str:
    """What a number must be; its kind is left out where only the range is wrong."""
    word, least = low
    ends = [f"{word} {least:,.15g}"] if math.isfinite(least) else []
    ends += [f"at most {most:,.15g}"] if math.isfinite(most) else []
    limits = " and ".join(ends)
    if len(ends) == 2 and word == _LEAST:
        limits = f"between {least:,.15g} and {most:,.15g}"
    if limits and math.isfinite(_float(given)) and (kind != _WHOLE or not isinstance(given, float)):
        return limits + (f" {unit}" if unit else "")
    of = " of" if limits.startswith("at ") else ""
    return f"{kind}{of} {limits}".rstrip() + (f" {unit}" if unit else "")


def _unquoted(given: object, fits: Callable[[float], bool]) -> str:
    """The guess for a number that was written as text."""
    if not isinstance(given, str):
        return ""
    try:
        value = float(given)
    except ValueError:
        return ""
    return f"Write {given.strip()[:20]} without quotes" if math.isfinite(value) and fits(value) else ""


def _guess(given: object) -> str:
    if isinstance(given, type):
        if issubclass(given, Enum):
            return f"Write one of its members, for example {shown(next(iter(given), None))}"
        return f"Did you forget the parentheses? Write {given.__name__}(...)"
    if inspect.isawaitable(given):
        return "Did you forget to await it?"
    if inspect.isroutine(given):
        written = f" Write {given.__name__}(...)" if given.__name__.isidentifier() else ""  # a lambda's is not one
        return f"Did you forget to call it?{written}"
    return ""
