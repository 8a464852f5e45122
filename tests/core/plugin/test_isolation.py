"""Calls into plugins: errors name the plugin, calls that hang are abandoned, and our own errors are passed on."""

from __future__ import annotations

import ast
import asyncio
import logging
from pathlib import Path

import pytest
from tests.core.rig import NUMBER, run

from offhook.errors import JoinFailed, PluginError
from offhook.plugin.isolation import PLUGINS_LOGGER, as_plugin_error, isolated, name_of
from offhook.secret import Secret
from offhook.wording import describe


class Acme:
    async def give(self, value: int) -> int:
        return value

    async def fail(self, error: BaseException) -> int:
        raise error

    async def hang(self) -> int:
        await asyncio.Event().wait()
        return 0


NAME = f"{Acme.__module__}.Acme"


def test_an_answer_passes() -> None:
    acme = Acme()
    assert run(isolated(acme, "give", lambda: acme.give(7))) == 7
    assert name_of(acme) == NAME


@pytest.mark.parametrize(
    "error", [ValueError("bad"), TimeoutError("bad"), KeyError("bad"), ExceptionGroup("g", [OSError()])]
)
def test_an_error_names_the_plugin_and_keeps_the_cause(error: Exception) -> None:
    async def main() -> None:
        acme = Acme()
        with pytest.raises(PluginError) as raised:
            await isolated(acme, "fail", lambda: acme.fail(error), 5)
        where = f"(test_isolation.py:{Acme.fail.__code__.co_firstlineno + 1})"
        assert raised.value.message == f"plugin '{NAME}' failed in fail: {type(error).__name__}: {error} {where}"
        assert raised.value.__cause__ is error, "a plugin's author needs the traceback"

    run(main())


def test_the_whole_traceback_is_logged_at_debug_without_secrets_and_numbers(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret("open-sesame")
    error = ValueError(f"{secret.reveal()} was used for {NUMBER}")
    for level in (logging.INFO, logging.DEBUG):
        with caplog.at_level(level, PLUGINS_LOGGER), pytest.raises(PluginError):
            run(isolated("acme", "fail", lambda: Acme().fail(error)))
        assert len(caplog.records) == (level == logging.DEBUG)
    assert "in fail\n    raise error\nValueError: [secret] was used for +1415•••0123" in caplog.text


class Panic(BaseException):
    """As native code raises, through PyO3 for one."""


@pytest.mark.parametrize("timeout_s", [None, 5])
@pytest.mark.parametrize("error", [SystemExit(1), Panic(1)])
def test_an_exception_that_would_end_the_loop_is_typed(error: BaseException, timeout_s: float | None) -> None:
    async def main() -> None:
        acme = Acme()
        with pytest.raises(PluginError, match=f"failed in fail: {type(error).__name__}: 1"):
            await isolated(acme, "fail", lambda: acme.fail(error), timeout_s)

    run(main())


def test_ctrl_c_passes() -> None:
    acme = Acme()
    with pytest.raises(KeyboardInterrupt):
        run(isolated(acme, "fail", lambda: acme.fail(KeyboardInterrupt())))


def test_long_texts_are_cut_and_put_in_one_line() -> None:
    assert describe(ValueError("a\n  b")) == "ValueError: a b"
    assert len(describe(ValueError("x" * 5000))) < 1100


def test_our_own_errors_pass_as_they_are() -> None:
    async def main() -> None:
        acme, error = Acme(), JoinFailed("no")
        error.__cause__ = OSError("why")
        with pytest.raises(JoinFailed) as raised:
            await isolated(acme, "fail", lambda: acme.fail(error))
        assert raised.value is error
        assert isinstance(error.__cause__, OSError)
        assert as_plugin_error(acme, "fail", error) is error
        group = BaseExceptionGroup("outer", [ExceptionGroup("inner", [error])])
        with pytest.raises(JoinFailed) as raised:
            await isolated(acme, "fail", lambda: acme.fail(group))
        assert raised.value is error
        with pytest.raises(PluginError, match=r"ExceptionGroup: two \(2 sub-exceptions\)"):
            await isolated(acme, "fail", lambda: acme.fail(ExceptionGroup("two", [error, error])))

    run(main())


def test_a_call_that_hangs_is_abandoned() -> None:
    async def main() -> None:
        acme = Acme()
        with pytest.raises(PluginError, match=r"failed in hang: no answer within 2\.5 s"):
            await isolated(acme, "hang", acme.hang, 2.5)
        assert asyncio.get_running_loop().time() == 2.5

    run(main())


def test_a_cancellation_by_the_caller_is_passed_on() -> None:
    async def main() -> None:
        acme = Acme()
        task = asyncio.create_task(isolated(acme, "hang", acme.hang, 60))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())


def test_something_that_cannot_be_awaited_is_the_plugins_fault() -> None:
    async def main() -> None:
        with pytest.raises(PluginError, match="returned int; expected an awaitable, as from an async def"):
            await isolated(Acme(), "give", lambda: 7)  # type: ignore[arg-type,return-value]

    run(main())


def test_a_method_that_raises_before_it_returns_is_isolated_too() -> None:
    def refuse() -> asyncio.Future[int]:
        raise OSError(28, "No space left on device")

    async def main() -> None:
        with pytest.raises(PluginError, match="failed in write: OSError"):
            await isolated(Acme(), "write", refuse)

    run(main())


@pytest.mark.parametrize("timeout_s", [None, 5])
def test_a_cancellation_that_a_plugin_raises_is_not_taken_for_the_callers(timeout_s: float | None) -> None:
    async def lost() -> None:
        raise asyncio.CancelledError

    with pytest.raises(
        PluginError, match="failed in leave: raised CancelledError, although its caller did not cancel it"
    ):
        run(isolated("acme", "leave", lost, timeout_s))


def test_ctrl_c_while_an_error_is_described_is_passed_on() -> None:
    class Slow(Exception):
        def __str__(self) -> str:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        describe(Slow())


def test_a_method_is_looked_up_inside_the_isolation() -> None:
    """A part may lack the method, or a property may raise: an attribute among the arguments is read outside."""
    root = Path(__file__).parents[3]
    found = [
        f"{path.relative_to(root)}:{node.lineno}"
        for folder in ("core/offhook", "plugins", "mockserver")
        for path in (root / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"isolated", "_attempt"}
        if not isinstance(node.args[2], ast.Lambda | ast.Name)
    ]
    assert not found
