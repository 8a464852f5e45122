"""Makes the handle of a test, over a server in a thread or over a mock on a virtual loop."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_flag, check_path
from offhook.call import InProcessService, reached_in_process
from offhook.interfaces import Ids
from offhook.plugin import Plugins
from offhook_mockserver.server.in_process import InProcessMock
from offhook_mockserver.testkit.bridge import RealBridge, VirtualBridge
from offhook_mockserver.testkit.caller_journals import FileJournals, MemoryJournals
from offhook_mockserver.testkit.handle import MockHandle
from offhook_mockserver.testkit.options import MockOptions, check_options
from offhook_mockserver.testkit.process_environment import process_environment
from offhook_mockserver.testkit.scene import Scene
from offhook_mockserver.testkit.server_thread import ServerThread
from offhook_mockserver.testkit.virtual_guard import VirtualGuard
from offhook_mockserver.testkit.webhook_app import refuse_network

if TYPE_CHECKING:
    import os
    from collections.abc import Generator, Set
    from contextlib import AbstractContextManager

    from offhook.testing import VirtualLoop
    from offhook_mockserver.tenants.settings import TenantSettings

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True


#: The wall time at which every test in virtual time begins: 2026-11-18T11:06:40Z.
_EPOCH_S = 1_795_000_000.0


def mock(
    *,
    virtual: bool = False,
    options: MockOptions | None = None,
    folder: str | os.PathLike[str] | None = None,
) -> AbstractContextManager[MockHandle]:
    """A mock for one test, without pytest: for `unittest`, a script or another framework.

    The settings that lead an application to it are in the environment of the process meanwhile.

    Args:
        virtual: whether in virtual time, for an asyncio application in this process.
        options: how it behaves.
        folder: where relative paths of audio files begin; by default, the working folder.

    Raises:
        ConfigError: an argument is of the wrong type.
    """
    check_flag(virtual, "virtual")
    options = MockOptions() if options is None else check_options(options, "options")
    return _mock(virtual, options, None if folder is None else Path(check_path(folder, "folder", "clips")))


@contextlib.contextmanager
def _mock(virtual: bool, options: MockOptions, folder: Path | None) -> Generator[MockHandle]:
    plugins = Plugins.load()
    if virtual:
        with virtual_handle(options, plugins=plugins, seed=options.seed, folder=folder) as handle:
            yield handle
        return
    server = ServerThread(plugins=plugins)
    server.start()
    try:
        with real_handle(server, options, plugins=plugins, seed=options.seed, folder=folder) as handle:
            yield handle
    finally:
        server.stop()


@contextlib.contextmanager
def real_handle(
    server: ServerThread, options: MockOptions, *, plugins: Plugins, seed: int, folder: Path | None = None
) -> Generator[MockHandle]:
    """A tenant of its own on a server that runs, for one test in real time."""
    bridge = RealBridge(server.loop)
    settings = _settings(options)

    def make() -> MockHandle:
        tenant = server.server.tenants.create(lines=options.lines, settings=settings, seed=f"{seed}")
        server.lag.start()
        callers = FileJournals(plugins)
        scene = Scene(tenant, bridge, options=options, plugins=plugins, folder=folder, callers=callers)
        return MockHandle(server.server, scene, seed=seed, lag=server.lag)

    handle = bridge.call(make)
    try:
        with process_environment(handle.environment):
            yield handle
    finally:
        handle.close()
        bridge.call(server.lag.stop)


@contextlib.contextmanager
def virtual_handle(
    options: MockOptions,
    *,
    plugins: Plugins,
    seed: int,
    folder: Path | None = None,
    allow: Set[str] = frozenset(),
) -> Generator[MockHandle]:
    """A mock of its own on a virtual loop of its own, for one test in virtual time."""
    bridge = VirtualBridge()
    mock = InProcessMock(
        clock=_ClockOf(bridge.loop),
        ids=Ids(seed),
        plugins=plugins,
    )
    tenant = mock.tenants.create(lines=options.lines, settings=_settings(options), seed=f"{seed}")
    mock.dispatcher.soon = bridge.soon  # a test may send while its loop stands still
    if "sockets" not in allow:
        mock.dispatcher.post = refuse_network
    guard = VirtualGuard(bridge.loop, allow)
    callers = MemoryJournals()
    service = InProcessService(
        base_url=mock.url,
        http=mock.http,
        transport=mock.transport,
        clock=mock.clock,
        ids=mock.ids,
        plugins=plugins,
        store=callers.store,
        check_loop=guard.check_loop,
    )
    scene = Scene(tenant, bridge, options=options, plugins=plugins, folder=folder, callers=callers)
    handle = MockHandle(mock, scene, seed=seed, guard=guard)
    try:
        with process_environment(handle.environment), reached_in_process(service), guard.watching():
            yield handle
    finally:
        try:
            handle.close()
            bridge.wait("offhook_mock.close", mock.aclose)
        finally:
            bridge.runner.close()


class _ClockOf:
    """A clock that reads a loop, whether it runs at the moment or not."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def monotonic_s(self) -> float:
        return self._loop.time()

    def wall_s(self) -> float:
        return _EPOCH_S + self._loop.time()


def _settings(options: MockOptions) -> TenantSettings:
    """The settings of one tenant, which its test may change."""
    return dataclasses.replace(options.settings, keep_audio_s=options.keep_audio_s)
