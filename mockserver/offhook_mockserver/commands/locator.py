"""How commands find a running mock: each keeps a private file with its URL and its control token while it runs."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeGuard, cast

import offhook
from offhook.errors import ConfigError, StorageError
from offhook.records import home, make_private
from offhook.secret import Secret
from offhook.wording import quoted, quoted_path
from offhook_mockserver.faces.control.place import PREFIX

if TYPE_CHECKING:
    from collections.abc import Generator

    from offhook.interfaces import Environment
    from offhook_mockserver.server.socket_server import MockServer

#: The variable with the control token of a mock that another user, or a container, runs.
TOKEN_VARIABLE: Final = "OFFHOOK_MOCK_TOKEN"
#: The variable with the path of the file of a mock, which `offhook mock exec` sets for its command.
FILE_VARIABLE: Final = "OFFHOOK_MOCK_FILE"
_FOLDER: Final = "mocks"
_MOST_BYTES: Final = 4096
#: The system's type of a process id has 32 bits.
_MOST_PID: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class RunningMock:
    """A mock that runs.

    Attributes:
        url: its base URL.
        token: its control token.
    """

    url: str
    token: Secret


@contextlib.contextmanager
def located(server: MockServer) -> Generator[Path | None]:
    """Keep the file of a mock, and yield its path; None where it cannot be kept, so that clients need the token."""
    path: Path | None = None
    with contextlib.suppress(ConfigError, StorageError, OSError, ValueError):
        path = _write(server)
    try:
        yield path
    finally:
        if path is not None:
            with contextlib.suppress(OSError):
                path.unlink()


def find_mock(url: str | None, environment: Environment) -> RunningMock:
    """The mock that a command is about.

    Args:
        url: its URL; None for the one whose file the environment names, or else for the only one that runs.
        environment: may have its control token, or the path of its file.

    Raises:
        ConfigError: none runs, several do, or the token of the one with that URL is not known.
    """
    if url is None and (file := environment.get(FILE_VARIABLE)):
        found = _mock_in(Path(file))
        if found is None:
            raise ConfigError(f"{FILE_VARIABLE} names {quoted_path(file)}, which is not the file of a mock that runs")
        return found
    running = _running()
    if url is None:
        if len(running) == 1:
            return running[0]
        if not running:
            raise ConfigError(
                "no mock of yours runs on this machine: start one with `offhook mock`. For a mock of another user, "
                f"pass --mock URL and set {TOKEN_VARIABLE}"
            )
        urls = ", ".join(sorted(mock.url for mock in running))
        raise ConfigError(f"{len(running)} mocks run here: choose one with --mock URL, of {urls}")
    wanted = url.rstrip("/")
    token = environment.get(TOKEN_VARIABLE)
    if token:
        if not _is_token(token):
            raise ConfigError(f"{TOKEN_VARIABLE} holds characters that no control token has: copy it again")
        return RunningMock(wanted, Secret(token))
    for mock in running:
        if mock.url == wanted:
            return mock
    raise ConfigError(
        f"no mock at {quoted(url)} runs here, so its control token is not known: set {TOKEN_VARIABLE} to the "
        "control_token that `offhook mock --json` printed"
    )


def _write(server: MockServer) -> Path:
    folder = home({}) / _FOLDER
    make_private(folder)
    path = folder.absolute() / f"{os.getpid()}-{server.port}.json"
    document = {
        "url": server.url,
        "control_url": f"{server.url}{PREFIX}",
        "pid": os.getpid(),
        "control_token": server.control_token.reveal(),
        "version": offhook.__version__,
    }
    # mkstemp makes it private, and commands never see half of it.
    descriptor, new = tempfile.mkstemp(dir=folder, prefix=".")
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
        json.dump(document, file)
    Path(new).replace(path)
    return path


def _running() -> list[RunningMock]:
    try:
        paths = sorted((home({}) / _FOLDER).glob("*.json"))
    except (ConfigError, OSError):
        return []
    found: list[RunningMock] = []
    for path in paths:
        mock = _mock_in(path, remove=True)
        if mock is not None:
            found.append(mock)
    return found


def _mock_in(path: Path, *, remove: bool = False) -> RunningMock | None:
    """The mock whose file this is; None if it is another file, or if the mock was killed: then `remove` the file."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        document = cast("dict[str, object]", json.loads(_read(path)))
        pid, url, token = document["pid"], document["url"], document["control_token"]
        if type(pid) is not int or not 0 < pid <= _MOST_PID or not isinstance(url, str) or not _is_token(token):
            return None
        if _is_alive(pid):
            return RunningMock(url, Secret(token))
        if remove:
            path.unlink()
    return None


def _read(path: Path) -> bytes:
    # Non-blocking, because opening a FIFO waits for its other end.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
        return file.read(_MOST_BYTES)


def _is_token(given: object) -> TypeGuard[str]:
    """Whether this can be sent as a token."""
    return isinstance(given, str) and given.isascii() and given.isprintable() and given != ""


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
