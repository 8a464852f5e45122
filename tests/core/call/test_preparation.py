"""What a call may need to play audio is imported before anything rings, and not on the event loop."""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import NUMBER, RampSource, load, rig, run

from offhook.plugin.hookspecs import hookimpl

if TYPE_CHECKING:
    from pathlib import Path

    from offhook.interfaces import AudioSource
    from offhook.plugin.registry import SourceRegistry

#: Says in which thread it is imported.
NEEDED = "import threading\nthread = threading.get_ident()\n"
NAMES = ("acme_needed", "acme_broken", "acme_also")


class Sources:
    """A plugin whose sources need other modules."""

    @hookimpl
    def offhook_audio_source(self, registry: SourceRegistry) -> None:
        def make(argument: str) -> AudioSource:
            return RampSource(1)

        registry.add("broken", make, needs=("acme_broken", "acme_needed"))
        registry.add("absent", make, needs=("acme_also", "acme_not_installed"))
        registry.add("plain", make)


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    for name, code in zip(NAMES, (NEEDED, "raise SystemExit", NEEDED), strict=True):
        (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in NAMES:
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("modules")
def test_what_sources_need_is_imported_in_a_thread_before_dialling(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "offhook.call.preparation")
    plugins = load(Sources())
    assert not sys.modules.keys() & set(NAMES), "and not earlier"

    async def main() -> None:
        async with rig(plugins=plugins).phone as phone, phone.dial(NUMBER):
            assert "acme_needed" in sys.modules

    run(main())
    assert sys.modules["acme_needed"].thread != threading.get_ident()
    assert "acme_also" not in sys.modules, "a source that lacks a module cannot be made anyway"
    assert "acme_broken could not be imported: SystemExit" in caplog.text


def test_nothing_is_imported_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError

    for name in ("acme_needed", "acme_broken"):
        monkeypatch.setitem(sys.modules, name, sys)
    monkeypatch.setattr("offhook.call.preparation.ThreadPoolExecutor", refuse)

    async def main() -> None:
        async with rig(plugins=load(Sources())).phone as phone, phone.dial(NUMBER):
            pass

    run(main())
