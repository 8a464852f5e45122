"""Which line a call is from, if its carrier names several."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from tests.core.rig import NUMBER, NUMBERS, POLICY, rig, run

from offhook.call import lines as lines_module
from offhook.call.lines import LineUse
from offhook.errors import ConfigError, DialRefused, DoubleDial, NumberRejected, PluginError
from offhook.testing import ScriptedCarrier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.core.rig import Rig

A, B, C = "+14155550001", "+14155550002", "+14155550003"


class Several(ScriptedCarrier):
    """A carrier with some lines."""

    def __init__(self, *offered: str) -> None:
        super().__init__()
        self.offered: Any = offered
        self.asked = 0

    async def lines_to_choose(self) -> Sequence[str]:
        self.asked += 1
        await asyncio.sleep(0.1)
        if isinstance(self.offered, Exception):
            raise self.offered
        chosen: Sequence[str] = self.offered
        return chosen


def used(r: Rig) -> list[str | None]:
    """The lines of the calls so far."""
    return [request.from_number for request in r.carrier.requests]


def test_the_line_with_the_fewest_calls_is_chosen_and_then_the_one_unused_for_the_longest_time() -> None:
    async def main() -> None:
        r = rig(policy=POLICY, carrier=Several(A, B, C))
        async with r.phone:
            calls = [r.phone.dial(number) for number in NUMBERS[:5]]
            for call in calls[:4]:
                await call.__aenter__()
            assert used(r) == [A, B, C, A]
            assert [call.record.from_number for call in calls[:2]] == ["+1415•••0001", "+1415•••0002"]
            for call in (calls[2], calls[1]):
                await call.hang_up()
                await asyncio.sleep(1)
            async with calls[4], r.phone.dial(NUMBERS[5]):
                assert used(r)[4:] == [C, B], "C has been free for longer"
            for call in calls:
                await call.hang_up()

    run(main())


def test_calls_that_are_dialled_at_once_are_from_different_lines() -> None:
    async def main() -> None:
        r = rig(policy=POLICY, carrier=Several(A, B, C))
        async with r.phone:
            calls = [r.phone.dial(number) for number in NUMBERS[:6]]
            await asyncio.gather(*(call.__aenter__() for call in calls))
            assert sorted(used(r), key=str) == [A, A, B, B, C, C]

    run(main())


@pytest.mark.fault("F12")
def test_a_callee_is_called_from_the_same_line_again_so_that_the_guard_notices() -> None:
    async def main() -> None:
        r = rig(policy=POLICY, carrier=Several(A, B))
        async with r.phone:
            async with r.phone.dial(NUMBER), r.phone.dial(NUMBERS[0]), r.phone.dial(NUMBERS[1]):
                for _ in range(3):
                    with pytest.raises(DoubleDial):
                        await r.phone.dial(NUMBER).__aenter__()
                assert used(r) == [A, B, A]
            async with r.phone.dial(NUMBER, redial=True):
                pass
            assert used(r)[3:] == [A], "it was called a moment ago"
            await asyncio.sleep(61)
            async with r.phone.dial(NUMBER):
                pass
            assert used(r)[4:] == [B], "unused for longer"

    run(main())


def test_a_line_that_is_not_offered_any_more_is_only_chosen_while_its_callee_is_called_from_it() -> None:
    async def main() -> None:
        carrier = Several(A, B)
        r = rig(policy=POLICY, carrier=carrier)
        async with r.phone:
            async with r.phone.dial(NUMBER):
                carrier.offered = [B]
                with pytest.raises(DoubleDial):
                    await r.phone.dial(NUMBER).__aenter__()
            async with r.phone.dial(NUMBER):
                assert used(r) == [A, B]

    run(main())


def test_the_line_of_the_program_is_used_without_asking() -> None:
    async def main() -> None:
        carrier = Several(A)
        r = rig(policy=POLICY, carrier=carrier)
        async with r.phone, r.phone.dial(NUMBER, from_number=B):
            assert (used(r), carrier.asked) == ([B], 0)
            async with r.phone.dial(NUMBERS[0]):
                assert used(r)[1:] == [A]

    run(main())


def test_no_line_calls_itself() -> None:
    async def main() -> None:
        r = rig(policy=POLICY, carrier=Several(NUMBER, B))
        async with r.phone, r.phone.dial(NUMBER):
            assert used(r) == [B]
        r = rig(policy=POLICY, carrier=Several(NUMBER))
        async with r.phone:
            with pytest.raises(NumberRejected, match="a line cannot call itself"):
                await r.phone.dial(NUMBER).__aenter__()
        assert not r.carrier.rung

    run(main())


@pytest.mark.parametrize(
    ("offered", "error", "text"),
    [
        ("+14155550001", PluginError, "returned str; expected a list of numbers"),
        (None, PluginError, "returned NoneType; expected a list of numbers"),
        (["4155550001"], NumberRejected, "the number to call from '4155550001' is not an E.164 number"),
        ([5], NumberRejected, "the number to call from must be text"),
        (ConfigError("no lines"), ConfigError, "no lines"),
    ],
)
def test_a_carrier_that_names_no_valid_line_keeps_the_call_from_being_dialled(
    offered: object, error: type[Exception], text: str
) -> None:
    async def main() -> None:
        carrier = Several()
        carrier.offered = offered
        r = rig(policy=POLICY, carrier=carrier)
        async with r.phone:
            with pytest.raises(error, match=text):
                await r.phone.dial(NUMBER).__aenter__()
            carrier.offered = [A]
            async with r.phone.dial(NUMBER):
                assert used(r) == [A], "nothing of the first one is left"

    run(main())


def test_a_dry_run_chooses_and_takes_nothing() -> None:
    async def main() -> None:
        r = rig(policy=POLICY, carrier=Several(A, B))
        async with r.phone:
            await r.phone.dry_run(NUMBER)
            await r.phone.dry_run(NUMBERS[0])
            async with r.phone.dial(NUMBER):
                with pytest.raises(DialRefused):
                    await r.phone.dry_run(NUMBER)
            assert used(r) == [A]

    run(main())


def test_the_number_of_remembered_lines_and_callees_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module, "_MOST", 2)
    use = LineUse(60)
    for index, line in enumerate((A, B, C)):
        use.take(str(index), line, NUMBERS[index])
        use.give_back(str(index), float(index))
    use.give_back("unknown", 5.0)
    assert use.choose([B, A, C], NUMBERS[0], 5.0) == A, "it is forgotten, and so counts as never used"
    assert use.choose([B, A, C], NUMBERS[2], 5.0) == C
    assert use.choose([B, C], NUMBER, 5.0) == B


def test_callees_of_long_ago_are_forgotten() -> None:
    use = LineUse(60)
    for index in range(100):
        use.take("call", A, f"+1202555{index:04}")
        use.give_back("call", 10.0 * index)
    assert list(use._called) == [f"+1202555{index:04}" for index in range(93, 100)]
