"""Arguments are refused with one wording: what is wanted, what was passed, and the natural guess."""

from __future__ import annotations

import asyncio
import functools
import inspect
import math
import os
from collections import UserDict
from decimal import Decimal
from enum import Enum, StrEnum
from fractions import Fraction
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from offhook.arguments import (
    MOST_HZ,
    MOST_S,
    check_choice,
    check_error,
    check_flag,
    check_function,
    check_instance,
    check_methods,
    check_number,
    check_path,
    check_rate,
    check_seconds,
    check_settings,
    check_several,
    check_text,
    check_whole,
    corrects_arguments,
    wrong,
)
from offhook.errors import ConfigError
from offhook.secret import Secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


class Color(Enum):
    RED = "red"


class Mode(StrEnum):
    MIX = "mix"


class Index:
    """A whole number of a library, as numpy has them."""

    def __index__(self) -> int:
        return 7


class BytesPath:
    def __fspath__(self) -> bytes:
        return b"a.wav"


def refusal(check: Callable[..., object], *arguments: object, **more: object) -> str:
    with pytest.raises(ConfigError) as caught:
        check(*arguments, **more)
    return caught.value.message


async def coroutine() -> None: ...


async def async_generator() -> AsyncIterator[int]:
    yield 1


def generator() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (None, "got None"),
        (True, "got True"),
        (5, "got 5"),
        (0.5, "got 0.5"),
        (math.nan, "got nan"),
        (10**400, "got an int of more than 20 digits"),
        ("x\n", r"got 'x\n'"),
        ("y" * 50, f"got '{'y' * 37}...'"),
        (Color.RED, "got Color.RED"),
        (Mode.MIX, "got Mode.MIX"),
        (Mode, "got the class Mode. Write one of its members, for example Mode.MIX"),
        (lambda: None, "got the function <lambda>. Did you forget to call it?"),
        (Secret, "got the class Secret. Did you forget the parentheses? Write Secret(...)"),
        (Secret("hunter2-hunter2"), "got Secret"),
        ({"key": "hunter2"}, "got dict"),
        (b"hunter2", "got bytes"),
        (generator, "got the function generator. Did you forget to call it? Write generator(...)"),
        (generator(), "got the generator generator()"),
        (async_generator(), "got the async generator async_generator()"),
        (coroutine(), "got the coroutine coroutine(). Did you forget to await it?"),
        (math, "got the module math"),
        (Index(), "got Index"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_was_passed_is_shown_without_secrets_and_guessed(given: object, shown: str) -> None:
    message = wrong("x", "text", given).message
    assert message == f"x must be text, {shown}"


def test_a_guess_of_the_caller_comes_first() -> None:
    assert wrong("x", "text", Secret, "Write 'y'").message == "x must be text, got the class Secret. Write 'y'"


@pytest.mark.parametrize("given", [0, 1, -1, 0.5, Fraction(1, 2)])
def test_numbers_are_accepted(given: float) -> None:
    assert check_number(given, "x") == given
    assert isinstance(check_number(given, "x"), int | float)


@pytest.mark.parametrize(
    ("given", "limits", "says"),
    [
        (5, {"least": 6}, "x must be at least 6, got 5"),
        (5, {"above": 5}, "x must be above 5, got 5"),
        (5, {"above": 5, "most": 7, "unit": "ms"}, "x must be above 5 and at most 7 ms, got 5"),
        (5, {"most": 4.5}, "x must be at most 4.5, got 5"),
        (5, {"least": 1, "most": 4, "unit": "dB"}, "x must be between 1 and 4 dB, got 5"),
        (5, {"least": 1, "most": 4, "guess": "Write 4"}, "x must be between 1 and 4, got 5. Write 4"),
        ("5", {}, "x must be a number, got '5'. Write 5 without quotes"),
        ("9", {"most": 4}, "x must be a number of at most 4, got '9'"),
        ("nan", {}, "x must be a number, got 'nan'"),
        ("five", {"unit": "dB"}, "x must be a number dB, got 'five'"),
        (math.nan, {"least": 1}, "x must be a number of at least 1, got nan"),
        (math.inf, {}, "x must be a number, got inf"),
        (True, {"above": 0}, "x must be a number above 0, got True"),
        (Decimal(1), {}, "x must be a number, got Decimal"),
        (10**400, {}, "x must be a number, got an int of more than 20 digits"),
    ],
)
def test_other_numbers_are_refused(given: object, limits: dict[str, object], says: str) -> None:
    assert refusal(check_number, given, "x", **limits) == says


@pytest.mark.parametrize("given", [1, 0.001, MOST_S, Fraction(1, 2)])
def test_times_are_accepted(given: float) -> None:
    assert check_seconds(given, "x_s") == given
    assert check_seconds(0, "x_s", zero=True) == 0


@pytest.mark.parametrize(
    ("given", "zero", "says"),
    [
        (0, False, "x_s must be a positive, finite number of seconds, got 0"),
        (-1, True, "x_s must be a finite number of seconds, 0 or more, got -1"),
        (math.inf, False, "x_s must be a positive, finite number of seconds, got inf"),
        (math.nan, True, "x_s must be a finite number of seconds, 0 or more, got nan"),
        (1e10, False, "x_s must be a positive, finite number of seconds, at most 1,000,000,000, got 10000000000.0"),
        ("2.5", False, "x_s must be a positive, finite number of seconds, got '2.5'. Write 2.5 without quotes"),
        ("0", False, "x_s must be a positive, finite number of seconds, got '0'"),
        (True, False, "x_s must be a positive, finite number of seconds, got True"),
        (None, True, "x_s must be a finite number of seconds, 0 or more, got None"),
    ],
)
def test_other_times_are_refused(given: object, zero: bool, says: str) -> None:
    assert refusal(check_seconds, given, "x_s", zero=zero) == says


def test_whole_numbers_are_accepted_and_become_int() -> None:
    assert check_whole(5, "x") == 5
    value = check_whole(Index(), "x", least=7, most=7)
    assert (value, type(value)) == (7, int)


@pytest.mark.parametrize(
    ("given", "limits", "says"),
    [
        (0, {"least": 1}, "x must be at least 1, got 0"),
        (24_000.0, {"least": 1}, "x must be a whole number of at least 1, got 24000.0. Write 24000"),
        (2.5, {}, "x must be a whole number, got 2.5"),
        ("16000", {"least": 1, "most": MOST_HZ}, "a whole number between 1 and 768,000, got '16000'. Write 16000 with"),
        ("0", {"least": 1}, "x must be a whole number of at least 1, got '0'"),
        ("2.5", {}, "x must be a whole number, got '2.5'"),
        (True, {}, "x must be a whole number, got True"),
        (math.inf, {}, "x must be a whole number, got inf"),
        (math.nan, {}, "x must be a whole number, got nan"),
        (np.array([1, 2]), {}, "x must be a whole number, got ndarray"),
        (None, {"least": 1}, "x must be a whole number of at least 1, got None"),
        (Index(), {"most": 6}, "x must be at most 6, got 7"),
    ],
)
def test_other_whole_numbers_are_refused(given: object, limits: dict[str, object], says: str) -> None:
    assert says in refusal(check_whole, given, "x", **limits)


def test_rates() -> None:
    assert check_rate(MOST_HZ) == MOST_HZ
    assert refusal(check_rate, 0) == "rate_hz must be between 1 and 768,000 hertz, got 0"
    assert refusal(check_rate, 24e3, "to_hz").startswith(
        "to_hz must be a whole number between 1 and 768,000 hertz, got"
    )


def test_flags_and_texts() -> None:
    assert check_flag(False, "x") is False
    assert refusal(check_flag, 0, "x") == "x must be True or False, got 0"
    assert check_text("", "x") == ""
    assert refusal(check_text, 5, "x", "y") == "x must be text, for example 'y', got 5"
    assert refusal(check_text, None, "x") == "x must be text, got None"


@pytest.mark.parametrize("given", ["a.wav", Path("a.wav"), PurePath("a.wav"), os.fspath("a.wav")])
def test_paths_are_accepted(given: str | os.PathLike[str]) -> None:
    assert check_path(given, "x", "b.wav") == "a.wav"


@pytest.mark.parametrize("given", ["", None, 5, b"a.wav", BytesPath(), Path, ["a.wav"]])
def test_what_is_not_a_path_is_refused(given: object) -> None:
    assert refusal(check_path, given, "x", "b.wav").startswith(
        "x must be a file's name or a path, for example 'b.wav', got "
    )


def test_choices() -> None:
    assert check_choice(Color.RED, "x", Color) is Color.RED
    assert check_choice("mix", "x", Mode) is Mode.MIX
    assert refusal(check_choice, "red", "x", Color) == "x must be one of Color.RED, got 'red'. Write Color.RED"
    assert refusal(check_choice, "RED", "x", Color) == "x must be one of Color.RED, got 'RED'. Write Color.RED"
    assert refusal(check_choice, "MIX", "x", Mode) == "x must be one of mix, got 'MIX'. Write mix"
    assert refusal(check_choice, 5, "x", Mode) == "x must be one of mix, got 5"


def test_instances_and_methods() -> None:
    value = Index()
    assert check_instance(value, "x", Index, "an Index") is value
    assert refusal(check_instance, Index, "x", type, "an Index").startswith("x must be an Index, got the class Index")
    assert refusal(check_instance, 5, "x", (Index, Color), "an Index", "Write 7").endswith("an Index, got 5. Write 7")
    check_methods(value, "x", ("__index__",), "an Index")
    assert refusal(check_methods, Index, "x", ("__index__",), "an Index").startswith(
        "x must be an Index, got the class"
    )
    assert refusal(check_methods, 5, "x", ("read",), "readable") == "x must be readable, got 5"
    check_error(None, "x")
    check_error(OSError(), "x")
    assert refusal(check_error, OSError, "x").endswith("Did you forget the parentheses? Write OSError(...)")


def test_several() -> None:
    assert check_several([1], "x", "a list") == (1,)
    assert check_several((value for value in "ab"), "x", "a list") == ("a", "b")
    assert refusal(check_several, "ab", "x", "a list") == "x must be a list, got 'ab'"
    assert refusal(check_several, None, "x", "a list") == "x must be a list, got None"
    assert refusal(check_several, {}, "x", "a list") == "x must be a list, got dict"
    assert refusal(check_several, math, "x", "a list") == "x must be a list, got the module math. Write x=[math]"
    assert refusal(check_several, 5, "x", "a list") == "x must be a list, got 5. Write x=[...]"


def test_settings_are_text_and_never_shown() -> None:
    wanted = "environment must be a mapping of names to text, for example os.environ, got "
    for settings in ({}, {"A": "b"}, os.environ, UserDict({"A": "b"})):
        assert check_settings(settings, "environment") is settings
    assert refusal(check_settings, "hunter2", "environment") == f"{wanted}str"
    assert refusal(check_settings, [("A", "b")], "environment") == f"{wanted}list"
    assert refusal(check_settings, {5: "b"}, "environment") == f"{wanted}a name of type int"
    assert refusal(check_settings, {"A": 5}, "environment") == f"{wanted}a value of type int for 'A'"


def test_functions() -> None:
    def takes_one(value: int) -> None: ...

    async def is_async(value: int) -> None: ...

    class Object:
        def __call__(self, value: int) -> Iterator[int]:
            yield value

    for good in (takes_one, functools.partial(takes_one), lambda *values: values, print, abs, type):
        check_function(good, "x", ("a number",))
    check_function(is_async, "x", ("a number",), may_be_async=True)
    wanted = "x must be a function that can be called with a number, got "
    assert refusal(check_function, is_async, "x", ("a number",)).startswith(
        f"{wanted}the function is_async. It is async"
    )
    assert "It has a yield" in refusal(check_function, Object(), "x", ("a number",))
    assert "It has a yield" in refusal(check_function, async_generator, "x")
    assert refusal(check_function, takes_one, "x").endswith("Its parameters differ from that")
    assert refusal(check_function, 5, "x", ("a number",)) == f"{wanted}5"
    assert (
        refusal(check_function, math, "x")
        == "x must be a function that can be called with no argument, got the module math"
    )


def test_methods_and_functions_that_say_otherwise() -> None:
    class Methods:
        def plain(self, value: int) -> None: ...
        def more(self, value: int, *, rate: int) -> None: ...
        async def later(self, value: int) -> None: ...

    @functools.wraps(Methods.more)
    def wrapped(value: int) -> None: ...

    methods = Methods()
    check_function(methods.plain, "x", ("a number",))
    for refused in (methods.more, Methods.plain, wrapped):
        assert refusal(check_function, refused, "x", ("a number",)).endswith("Its parameters differ from that")
    assert "It is async" in refusal(check_function, methods.later, "x", ("a number",))


@corrects_arguments("times")
class Person:
    async def waits(self, duration_s: float = 1, *, until_s: float = 0) -> float:
        return duration_s + until_s

    def rings(self, number: str, **limits: int) -> tuple[str, dict[str, int]]:
        return number, limits

    def hangs_up(self) -> int:
        return 1

    @property
    def name(self) -> str:
        return "Ada"

    def _inside(self, given: int) -> int:
        return given


@corrects_arguments()
class Anything:
    def takes(self, **given: int) -> dict[str, int]:
        return given


def test_an_unknown_keyword_is_answered_with_the_nearest() -> None:
    person: Any = Person()
    assert asyncio.run(person.waits(2, until_s=1)) == 3
    assert person.rings("1", times=2) == ("1", {"times": 2})
    assert (person.hangs_up(), person.name, person._inside(given=3)) == (1, "Ada", 3)
    assert Anything().takes(x=1) == {"x": 1}
    for call, says in (
        (lambda: person.waits(duration=2), "Person.waits() got an unexpected keyword argument 'duration'; did you mean "
         "duration_s?"),
        (lambda: person.waits(seconds=2), "'seconds'; it takes duration_s and until_s"),
        (lambda: person.rings("1", time=2), "Person.rings() got an unexpected keyword argument 'time'; did you mean "
         "times?"),
        (lambda: person.hangs_up(now=1), "Person.hangs_up() got an unexpected keyword argument 'now'"),
        (lambda: person._inside(give=1), "Person._inside() got an unexpected keyword argument 'give'"),
    ):  # fmt: skip
        with pytest.raises(TypeError) as raised:
            call()  # type: ignore[no-untyped-call]
        assert str(raised.value).endswith(says)


def test_what_corrects_keywords_is_not_seen() -> None:
    assert Person.waits.__qualname__ == "Person.waits"
    assert list(inspect.signature(Person.rings).parameters) == ["self", "number", "limits"]
    assert inspect.iscoroutinefunction(inspect.unwrap(Person.waits))
