"""Where a part may show a secret: its repr, errors, log, warnings and output, and what its child processes receive."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import logging
import os
import subprocess
import sys
import threading
import warnings
from pathlib import PurePath
from typing import TYPE_CHECKING, Final, cast
from unittest.mock import patch
from urllib.parse import quote

from offhook.testing.conformance.descriptors import written_to

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
    from types import TracebackType

#: Shorter secrets are not looked for: they would match by chance.
SHORTEST: Final = 6
#: A repr is cut after this many characters.
_MOST_TEXT: Final = 200_000
#: Frames of the kit, which holds the secrets in order to look for them.
_KIT: Final = "offhook.testing.conformance"
#: Attributes that every log record has. The others come from `extra`.
_OF_EVERY_RECORD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class Exposure:
    """Collects texts, each with the place where it was found."""

    def __init__(self) -> None:
        self._texts: list[tuple[str, str]] = []
        #: Texts that only tools show that print the variables of a traceback.
        self._variables: list[tuple[str, str]] = []
        self._seen: set[int] = set()
        #: Kept, so that no id in `_seen` is used again.
        self._errors: list[BaseException] = []

    def add(self, place: str, text: str) -> None:
        """Collect a text."""
        self._texts.append((place, text))

    def add_object(self, name: str, found: object) -> None:
        """Collect what an object shows of itself."""
        self.add(f"repr({name})", _repr(found))
        with contextlib.suppress(Exception):
            self.add(f"str({name})", str(found))

    def add_error(self, error: BaseException | None, *, variables: bool = True) -> None:
        """Collect what an error shows: message, arguments, notes, attributes, the variables of its traceback, and the
        same of its cause, of its context, also if it is suppressed, and of the members of a group.

        Args:
            error: the error; None is ignored.
            variables: whether to collect the variables of tracebacks.
        """
        if error is None or id(error) in self._seen:
            return
        self._seen.add(id(error))
        self._errors.append(error)
        name = type(error).__name__
        with contextlib.suppress(Exception):
            self.add(f"the message of a {name}", str(error))
        self.add(f"the arguments of a {name}", f"{_repr(error)} {_repr(error.args)}")
        for attribute, value in vars(error).items():
            place = "a note" if attribute == "__notes__" else f"the attribute {attribute}"
            self.add(f"{place} of a {name}", _repr(value))
        if variables:
            self._variables += _variables(error.__traceback__)
        for other in (error.__cause__, error.__context__):
            self.add_error(other, variables=variables)
        if isinstance(error, BaseExceptionGroup):
            for member in cast("BaseExceptionGroup[BaseException]", error).exceptions:
                self.add_error(member, variables=variables)

    def places_of(self, secrets: Iterable[str], *, in_variables: bool = True) -> list[str]:
        """Return the places where one of the secrets appears: as it is, percent-encoded, in base64 or in hex.

        Args:
            secrets: those shorter than `SHORTEST` are ignored.
            in_variables: whether the variables of tracebacks count as well.
        """
        forms = [form for secret in secrets if len(secret) >= SHORTEST for form in _forms(secret)]
        texts = [*self._texts, *(self._variables if in_variables else ())]
        return sorted({place for place, text in texts if any(form in text for form in forms)})


@contextlib.contextmanager
def watched() -> Generator[Exposure]:
    """Collect what is logged, warned of, printed, or raised where no caller can catch it, while the body runs.

    Loggers are heard at every level that they do not switch off themselves. What was printed is printed again at the
    end.
    """
    exposure = Exposure()
    environment = dict(os.environ)
    with contextlib.ExitStack() as stack:
        stack.callback(_add_environment, exposure, environment)
        records = stack.enter_context(_records_made())
        stack.callback(_add_records, exposure, records)
        stack.enter_context(_output(exposure))
        stack.enter_context(_warnings(exposure))
        stack.enter_context(_lost_errors(exposure))
        stack.enter_context(_children(exposure, environment))
        yield exposure


def _repr(value: object) -> str:
    try:
        return repr(value)[:_MOST_TEXT]
    except Exception:  # a repr that fails shows nothing
        return ""


def _forms(secret: str) -> set[str]:
    data = secret.encode()
    return {
        secret,
        quote(secret, safe=""),
        base64.b64encode(data).decode().rstrip("="),
        base64.urlsafe_b64encode(data).decode().rstrip("="),
        data.hex(),
    }


def _variables(traceback: TracebackType | None) -> Iterator[tuple[str, str]]:
    while traceback is not None:
        frame = traceback.tb_frame
        if not str(frame.f_globals.get("__name__", "")).startswith(_KIT):
            where = f"{frame.f_code.co_name}() ({PurePath(frame.f_code.co_filename).name}, line {traceback.tb_lineno})"
            # Not `self`: what an object shows of itself is collected by `add_object`.
            for name, value in ((name, value) for name, value in frame.f_locals.items() if name != "self"):
                yield f"the variable {name} of {where}, in the traceback of an error", _repr(value)
        traceback = traceback.tb_next


# ---- the log


@contextlib.contextmanager
def _records_made() -> Generator[list[logging.LogRecord]]:
    """Collect every record, whatever its logger does with it. `extra` is added after this, so they are read later."""
    records: list[logging.LogRecord] = []
    make, root, disabled = logging.getLogRecordFactory(), logging.getLogger(), logging.root.manager.disable

    def collect(*args: object, **more: object) -> logging.LogRecord:
        record: logging.LogRecord = make(*args, **more)
        records.append(record)
        return record

    level = root.level
    logging.setLogRecordFactory(collect)
    root.setLevel(logging.DEBUG)
    logging.disable(logging.NOTSET)
    try:
        yield records
    finally:
        logging.disable(disabled)
        root.setLevel(level)
        logging.setLogRecordFactory(make)


def _add_records(exposure: Exposure, records: Iterable[logging.LogRecord]) -> None:
    for record in records:
        _add_record(exposure, record)


def _add_record(exposure: Exposure, record: logging.LogRecord) -> None:
    place = f"a log record of {record.name} at {record.levelname}"
    try:
        message = record.getMessage()
    except Exception:  # arguments that do not fit the message; logging prints both
        message = str(record.msg)
    exposure.add(place, f"{message} {_repr(record.args)} {record.stack_info}")
    for name in vars(record).keys() - _OF_EVERY_RECORD:
        exposure.add(f"{place} ({name})", _repr(getattr(record, name)))
    if record.exc_info:
        exposure.add_error(record.exc_info[1])


# ---- the process


@contextlib.contextmanager
def _output(exposure: Exposure) -> Generator[None]:
    printed = {"stdout": io.StringIO(), "stderr": io.StringIO()}
    files: dict[str, bytes] = {}
    with (
        contextlib.redirect_stdout(printed["stdout"]),
        contextlib.redirect_stderr(printed["stderr"]),
        written_to(files),
    ):
        yield
    for name, text in printed.items():
        exposure.add(name, text.getvalue() + files[name].decode("utf-8", "replace"))
        print(text.getvalue(), end="", file=getattr(sys, name))


@contextlib.contextmanager
def _warnings(exposure: Exposure) -> Generator[None]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        exposure.add(f"a {warning.category.__name__}", f"{warning.message} {warning.message!r}")


@contextlib.contextmanager
def _lost_errors(exposure: Exposure) -> Generator[None]:
    """Collect errors of tasks, threads and finalizers that no caller receives."""
    loop = asyncio.get_running_loop()
    handler, of_thread, of_finalizer = loop.get_exception_handler(), threading.excepthook, sys.unraisablehook

    def lost_on_loop(_: asyncio.AbstractEventLoop, context: Mapping[str, object]) -> None:
        exposure.add("an error on the event loop", _repr({**context}))
        error = context.get("exception")
        exposure.add_error(error if isinstance(error, BaseException) else None)

    def lost_in_thread(lost: threading.ExceptHookArgs) -> None:
        exposure.add_error(lost.exc_value)

    def lost_in_finalizer(lost: sys.UnraisableHookArgs) -> None:
        exposure.add_error(lost.exc_value)

    loop.set_exception_handler(lost_on_loop)
    threading.excepthook, sys.unraisablehook = lost_in_thread, lost_in_finalizer
    try:
        yield
    finally:
        threading.excepthook, sys.unraisablehook = of_thread, of_finalizer
        loop.set_exception_handler(handler)


@contextlib.contextmanager
def _children(exposure: Exposure, environment: Mapping[str, str]) -> Generator[None]:
    """Collect the arguments and the environment of child processes, which other programs of the user can read."""
    start: Callable[..., None] = subprocess.Popen.__init__

    def note(self: object, args: object, *others: object, **more: object) -> None:
        exposure.add("the command line of a child process", _repr(args))
        given = cast("Mapping[str, str]", more.get("env") or os.environ)
        exposure.add("the environment of a child process", _added(given, environment))
        start(self, args, *others, **more)

    with patch.object(subprocess.Popen, "__init__", note):
        yield


def _add_environment(exposure: Exposure, before: Mapping[str, str]) -> None:
    exposure.add("the environment of the process", _added(os.environ, before))


def _added(environment: Mapping[str, str], before: Mapping[str, str]) -> str:
    """What an environment holds more than the user's own, which may well hold the keys."""
    return _repr({name: value for name, value in environment.items() if before.get(name) != value})
