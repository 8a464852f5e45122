"""The folder of a test: whether the options want one, where it is, and when it is written or removed."""

from __future__ import annotations

import os
import time  # noqa: TID251 - the name of a folder, in a process without offhook
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import pytest

if TYPE_CHECKING:
    from offhook_mockserver.testkit import MockHandle

#: The options, by their names in pytest's configuration.
MODE: Final = "offhook_artifacts"
FOLDER: Final = "offhook_artifacts_dir"
#: The name of the session, and where a worker of pytest-xdist finds it.
_SESSION: Final = pytest.StashKey[str]()
_WORKER: Final = "offhook_session"


def pytest_configure(config: pytest.Config) -> None:
    """Name the session; the workers of pytest-xdist have the name of their controller."""
    given: object = getattr(config, "workerinput", {}).get(_WORKER)
    config.stash[_SESSION] = given if isinstance(given, str) else f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: _Node) -> None:
    """Pass the name of the session on to a worker of pytest-xdist."""
    node.workerinput[_WORKER] = node.config.stash[_SESSION]


class _Node(Protocol):
    """What is used of a worker, on the side of its controller."""

    config: pytest.Config
    workerinput: dict[str, object]


def report_failed(item: pytest.Item, handle: MockHandle, since_s: float, error: BaseException | None) -> str:
    """Write the folder of a test that failed, and return what happened in it, for the terminal.

    Args:
        item: the test.
        handle: its mock, which is open.
        since_s: when it began, in the time of the mock's loop.
        error: what it failed with; None if it passed and left something behind.
    """
    from offhook.wording import describe
    from offhook_mockserver.testkit.artefacts import write_artefacts
    from offhook_mockserver.testkit.evidence import gather
    from offhook_mockserver.testkit.failure import failure_report

    try:
        evidence = gather(handle, item.nodeid, error=error, since_s=since_s)
        folder = _folder_of(item)
        problem = "" if folder is None else write_artefacts(folder, evidence)
        return failure_report(evidence, None if problem else folder, problem)
    except Exception as mistake:  # else pytest would end here, and the failure of the test would not be shown
        return f"The report could not be made: {describe(mistake)}. Please report this."


def keep_passed(item: pytest.Item, handle: MockHandle, since_s: float) -> None:
    """Write the folder of a test that passed, if the options want that; else remove that of an earlier, failed run."""
    wanted = item.config.getoption(MODE) == "on"
    folder = _folder_of(item, make=wanted)
    if folder is None:
        return
    from offhook_mockserver.testkit.artefacts import remove_artefacts, write_artefacts
    from offhook_mockserver.testkit.evidence import gather

    if not wanted:
        remove_artefacts(folder)
    elif problem := write_artefacts(folder, gather(handle, item.nodeid, since_s=since_s)):
        warnings.warn(problem, pytest.PytestWarning, stacklevel=1)


def _folder_of(item: pytest.Item, *, make: bool = True) -> Path | None:
    """The folder for the artefacts of a test; None if the options want none.

    Args:
        item: the test.
        make: whether the folder of the session is made, if the options name no other.
    """
    config = item.config
    if config.getoption(MODE) == "off":
        return None
    from offhook_mockserver.testkit.artefacts import folder_name

    chosen: str | None = config.getoption(FOLDER)
    if chosen is not None:
        base = Path(config.invocation_params.dir, chosen)
    else:
        from offhook_mockserver.testkit.artefact_sessions import ARTIFACTS, session_folder

        session = config.stash[_SESSION]
        base = session_folder(config.rootpath, session) if make else config.rootpath / ARTIFACTS / session
    return base / folder_name(item.nodeid)
