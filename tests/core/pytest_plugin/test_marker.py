"""The marker ``offhook_virtual``, in pytest runs of their own."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

HEAD = """
    import asyncio
    import pytest

    pytestmark = pytest.mark.offhook_virtual
"""


@pytest.fixture
def run(pytester: pytest.Pytester):  # type: ignore[no-untyped-def]  # a function of a test and options
    def run(text: str, *options: str) -> pytest.RunResult:
        lines = HEAD.strip("\n").split("\n") + text.strip("\n").split("\n")
        pytester.makepyfile("\n".join(line.removeprefix("    ") for line in lines))
        return pytester.runpytest_inprocess("--strict-markers", "-p", "no:cacheprovider", *options)

    return run


def test_an_hour_passes_at_once_on_a_new_loop_for_each_test(run) -> None:  # type: ignore[no-untyped-def]
    result = run("""
    loops = []

    @pytest.mark.parametrize("turn", [1, 2])
    async def test_hour(turn, tmp_path):
        loop = asyncio.get_running_loop()
        assert loop not in loops
        loops.append(loop)
        assert tmp_path.exists()
        await asyncio.sleep(3600)
        assert loop.time() == 3600

    class TestMethods:
        async def test_method(self):
            await asyncio.sleep(60)
    """)
    result.assert_outcomes(passed=3)
    assert result.duration < 60


def test_what_a_test_leaves_behind_fails_it_and_is_named(run) -> None:  # type: ignore[no-untyped-def]
    result = run("""
    async def forgotten():
        await asyncio.sleep(3600)

    async def failing():
        raise ValueError("nobody asked")

    async def generating():
        yield 1
        await asyncio.sleep(1)

    async def test_task():
        task = asyncio.create_task(forgotten(), name="a-name")
        await asyncio.sleep(1)

    async def test_exception():
        task = asyncio.create_task(failing())
        await asyncio.sleep(1)

    KEPT = []

    async def test_generator():
        KEPT.append(generating())
        await anext(KEPT[0])

    async def test_fine():
        async for _ in generating():
            pass
        async for _ in generating():
            break
        task = asyncio.create_task(forgotten())
        await asyncio.sleep(1)
        task.cancel()
    """)
    result.assert_outcomes(passed=1, failed=3)
    result.stdout.fnmatch_lines(
        [
            "*task a-name, running forgotten*",
            "*Task exception was never retrieved*failing*ValueError: nobody asked*",
            "*async generator generating*",
        ]
    )


def test_a_failure_notes_what_was_left_behind(run) -> None:  # type: ignore[no-untyped-def]
    result = run("""
    async def forgotten():
        await asyncio.sleep(3600)

    async def test_wrong():
        task = asyncio.create_task(forgotten())
        await asyncio.sleep(1)
        assert 1 == 2
    """)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*assert 1 == 2*", "*it also left behind task*forgotten*"])


def test_a_test_that_waits_for_nothing_fails_instead_of_hanging(run) -> None:  # type: ignore[no-untyped-def]
    result = run("""
    async def test_hangs():
        await asyncio.Event().wait()
    """)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*NothingScheduledError*", "*test_*.py:* in test_hangs, which awaits Event.wait (task *"]
    )
    assert (
        "offhook_pytest/running.py" not in result.stdout.str().partition("The tasks wait in:")[2].partition("\nE ")[0]
    )


def test_async_fixtures_and_plain_functions_are_rejected_in_one_sentence(run) -> None:  # type: ignore[no-untyped-def]
    result = run("""
    @pytest.fixture
    async def phone():
        return 1

    async def test_one(phone):
        pass

    def test_two():
        pass
    """)
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*the fixture 'phone' is async*", "*test_two is marked offhook_virtual*"])


def test_other_coroutine_tests_are_left_to_other_plugins(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import asyncio
        import anyio
        import pytest

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.anyio
        async def test_theirs():
            assert type(asyncio.get_running_loop()).__name__ != "VirtualLoop"
            await anyio.sleep(0)

        @pytest.mark.offhook_virtual
        async def test_ours():
            assert type(asyncio.get_running_loop()).__name__ == "VirtualLoop"
    """)
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=2)


def test_another_plugin_may_have_wrapped_the_test_in_a_plain_function(pytester: pytest.Pytester) -> None:
    """As pytest-asyncio does in its automatic mode."""
    pytester.makeconftest("""
        import functools
        import inspect
        import pytest

        @pytest.hookimpl(trylast=True)
        def pytest_collection_modifyitems(items):
            for item in items:
                item.obj = wrapped(item.obj)

        def wrapped(function):
            @functools.wraps(function)
            def plain(*args, **kwargs):
                raise AssertionError("run by the other plugin")
            return plain
    """)
    pytester.makepyfile("""
        import asyncio
        import pytest

        @pytest.mark.offhook_virtual
        async def test_ours(tmp_path):
            await asyncio.sleep(100)
    """)
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_a_run_that_does_not_use_it_imports_nothing_of_offhook() -> None:
    code = "import sys, pytest; import offhook_pytest; sys.exit(any(n == 'offhook' for n in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
