"""Carriers written for the last version ring for one more, and warn where their class is written."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import NUMBER, NUMBERS, rig, run

from offhook.errors import ConfigError
from offhook.interfaces import Carrier, DialRequest, Grant
from offhook.secret import Secret
from offhook.testing import ScriptedCarrier

if TYPE_CHECKING:
    from collections.abc import Callable

GRANT = Grant("0" * 32, "a channel", Secret("token of an old carrier"), 0, "http://127.0.0.1:9")


def by_name() -> type[ScriptedCarrier]:
    class Old(ScriptedCarrier):
        async def start_call(self, to):  # type: ignore[no-untyped-def]
            self.rung.append(to)
            return GRANT

    return Old


def by_annotation() -> type[ScriptedCarrier]:
    class Old(ScriptedCarrier):
        async def start_call(self, callee: str) -> Grant:  # type: ignore[override]
            self.rung.append(callee)
            return GRANT

    return Old


@pytest.mark.parametrize("make", [by_name, by_annotation])
def test_a_carrier_that_takes_a_number_rings_it(make: Callable[[], type[ScriptedCarrier]]) -> None:
    with pytest.warns(
        DeprecationWarning, match=r"Old.start_call\(self, to\) .* write start_call\(self, request\)"
    ) as told:
        kind = make()
    assert [warning.filename for warning in told] == [__file__]

    async def main() -> None:
        r = rig(carrier=kind())
        r.answer()
        async with r.phone, r.phone.dial(NUMBER):
            assert r.carrier.rung == [NUMBER]
        with pytest.raises(ConfigError, match="Old cannot call from a chosen line"):
            await r.carrier.start_call(DialRequest("call_1", NUMBER, from_number=NUMBERS[0]))

    run(main())


def test_a_carrier_with_the_old_name_of_its_line_has_the_same_line() -> None:
    with pytest.warns(DeprecationWarning, match=r"Old.line\(self\) .* write line_id\(self, from_number=None\)"):

        class Old(ScriptedCarrier):
            async def line(self) -> str:
                return "the line"

    async def main() -> None:
        assert await Old().line_id() == "the line"
        with pytest.raises(ConfigError, match="a chosen line"):
            await Old().line_id(NUMBER)

    run(main())


def extended() -> ScriptedCarrier:
    class Old(ScriptedCarrier):
        async def start_call(self, to):  # type: ignore[no-untyped-def]
            return await super().start_call(to)

        async def line(self) -> str:
            return f"old {await super().line()}"

    class Older(Old):
        async def start_call(self, to):  # type: ignore[no-untyped-def]
            return await super().start_call(to)  # type: ignore[no-untyped-call]

        async def line(self) -> str:
            return f"older {await super().line()}"

    return Older(line="the line")


def wrapping() -> ScriptedCarrier:
    class Old(ScriptedCarrier):
        inner = ScriptedCarrier(line="the line")

        async def start_call(self, to):  # type: ignore[no-untyped-def]
            self.rung.append(to)
            self.requests.append(to)
            return await self.inner.start_call(to)

        async def line(self) -> str:
            return f"older old {await self.inner.line()}"

    return Old()


@pytest.mark.parametrize("make", [extended, wrapping])
@pytest.mark.filterwarnings("ignore:.* of the last version:DeprecationWarning")
def test_an_old_carrier_may_call_one_of_this_version(make: Callable[[], ScriptedCarrier]) -> None:
    async def main() -> None:
        r = rig(carrier=make())
        r.answer()
        async with r.phone, r.phone.dial(NUMBER) as call:
            assert r.carrier.rung == [NUMBER]
            (request,) = r.carrier.requests
            assert (request.call_id, request.line) == (call.record.call_id, "older old the line")
            assert request.from_number is None
            assert not request.dry_run

    run(main())


def test_the_old_name_of_the_line_warns_where_it_is_used() -> None:
    async def main() -> None:
        with pytest.warns(DeprecationWarning, match=r"Carrier.line\(\) .* write line_id\(\)") as warned:
            assert await ScriptedCarrier(line="the line").line() == "the line"
        assert [warning.filename for warning in warned] == [__file__]

    run(main())


def test_a_carrier_with_both_names_of_its_line_may_extend_the_old_one() -> None:
    class Both(ScriptedCarrier):
        async def line(self) -> str:
            return await super().line()

        async def line_id(self, from_number: str | None = None) -> str:
            return await self.line()

    with pytest.warns(DeprecationWarning, match="write line_id"):
        assert run(Both(line="the line").line_id()) == "the line"


def test_a_carrier_of_this_version_is_left_alone() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        class New(ScriptedCarrier):
            line = "a value of its own"  # type: ignore[assignment]

            async def line_id(self, from_number: str | None = None) -> str:
                return "the line"

            async def start_call(self, request: DialRequest) -> Grant:
                return await super().start_call(request)

        class Strange(ScriptedCarrier):
            async def start_call(self) -> Grant:  # type: ignore[override]
                return GRANT

    assert New.line == "a value of its own"
    assert run(New().line_id()) == "the line"
    assert run(Strange().start_call()) is GRANT


def test_a_line_that_was_chosen_is_another_line() -> None:
    async def main() -> None:
        carrier = ScriptedCarrier()
        assert await Carrier.line_id(carrier) == "offhook.testing.doubles.ScriptedCarrier http://127.0.0.1:9"
        chosen = await Carrier.line_id(carrier, NUMBER)
        assert chosen == f"offhook.testing.doubles.ScriptedCarrier http://127.0.0.1:9 {NUMBER}"

    run(main())
