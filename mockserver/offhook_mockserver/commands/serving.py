"""What ``offhook mock`` does: run the server until a signal arrives, and print what people and programs need."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from offhook.cli import print_json, print_line, run
from offhook.interfaces import iso_8601
from offhook_mockserver.callees.usual import with_scripts
from offhook_mockserver.commands.locator import located
from offhook_mockserver.commands.settings import env_file, environment_for, ready_line, welcome
from offhook_mockserver.server.socket_server import MockServer, MockSettings
from offhook_mockserver.tenants.clip_folders import delete_left_behind
from offhook_mockserver.tenants.own_load import LATE_LIMIT_MS
from offhook_mockserver.tenants.settings import TenantSettings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Mapping
    from pathlib import Path

    from offhook.cli import Stop
    from offhook_mockserver.callees.script import Script
    from offhook_mockserver.tenants.call import CallEvent


#: How many new objects there are before Python searches them for garbage.
_NEW_OBJECTS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MockOptions:
    """The options of ``offhook mock``.

    Attributes:
        port: where to listen; 0: any free port.
        recordings: the folder for what callees hear, or None.
        env_file: the file for the settings, or None.
        as_json: print one JSON line for programs first, instead of text for people.
        scripts: scripts of callees by number, for those that are not in the table or differ from it.
        lenient: whether the API accepts placeholders, and answers operations of which it keeps no state.
        open_to_any_keys: whether any key pair that a client shows gets a tenant.
        webhook_hosts: where webhooks may be posted beside this machine.
        late_limit_ms: how late its loop may be when a call is started, in milliseconds.
    """

    port: int = 0
    recordings: Path | None = None
    env_file: Path | None = None
    as_json: bool = False
    scripts: Mapping[str, Script] = field(default_factory=dict[str, "Script"])
    lenient: bool = False
    open_to_any_keys: bool = False
    webhook_hosts: tuple[str, ...] = ()
    late_limit_ms: float = LATE_LIMIT_MS


@contextlib.asynccontextmanager
async def running(
    options: MockOptions, stop: Stop | None = None, *, show_calls: bool = True
) -> AsyncGenerator[tuple[MockServer, Path | None]]:
    """Run a server, and keep its settings in the file of ``--env-file`` meanwhile.

    Yields the server, and the private file with which clients of its control API find it, if there is one.

    Args:
        options: the options of the command.
        stop: removes the file before it ends the process at once.
        show_calls: whether to print one line for each event of a call.

    Raises:
        ConfigError: the server cannot listen at the port, or the file for the settings is not from a mock.
        StorageError: the folder for recordings, or the file for the settings, cannot be written.
    """

    def show(event: CallEvent) -> None:
        if show_calls:
            print_line(f"{iso_8601(event.wall_s)} {event.channel} {event.number} {event.what}")

    settings = MockSettings(
        port=options.port,
        recordings=options.recordings,
        tenant=TenantSettings(lenient=options.lenient),
        open_to_any_keys=options.open_to_any_keys,
        webhook_hosts=options.webhook_hosts,
        late_limit_ms=options.late_limit_ms,
    )
    async with MockServer(settings, on_event=show, script_for=with_scripts(options.scripts)) as server:
        delete_left_behind()
        with contextlib.ExitStack() as stack:
            control_file = stack.enter_context(located(server))
            if stop is not None:
                stack.enter_context(stop.last_act(lambda: _delete_clips(server)))
            if options.env_file is not None:
                file = stack.enter_context(env_file(options.env_file, environment_for(server)))
                if stop is not None:
                    stack.enter_context(stop.last_act(file.remove))
            yield server, control_file


def _delete_clips(server: MockServer) -> None:
    for tenant in server.tenants.all():
        tenant.delete_clips()


def serve_and_report(options: MockOptions) -> None:
    """Run a server until a signal arrives. Without `as_json`, it prints what stopped it to standard error.

    Raises:
        ConfigError, StorageError: see `running`.
        typer.Exit: a signal arrived before it listened.
    """

    async def serve_until_stopped(stop: Stop) -> None:
        calls = await serve(options, stop)
        if stop.code is not None and not options.as_json:
            ended = "1 call" if calls == 1 else f"{calls} calls"
            print_line(f"offhook mock: stopped by {stop.signal_name}, {ended} ended", sys.stderr)

    run(serve_until_stopped)


@contextlib.contextmanager
def _rarer_searches() -> Generator[None]:
    """While this lasts, Python searches for garbage less often: a call makes hundreds of objects that stay.

    Each search still takes about a millisecond at most.
    """
    usual = gc.get_threshold()
    gc.set_threshold(_NEW_OBJECTS, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


async def serve(options: MockOptions, stop: Stop) -> int:
    """Run a server until this is cancelled, then stop it; returns how many calls were still going on.

    Raises:
        ConfigError, StorageError: see `running`.
    """
    async with running(options, stop) as (server, control_file):
        if options.as_json:
            print_json(ready_line(server, control_file))
        else:
            for line in welcome(server, options.scripts, control_file).split("\n"):
                print_line(line)
        try:
            await server.imported()
            # All of this stays to the end, and would be looked through whenever Python searches the calls for garbage.
            gc.freeze()
            with _rarer_searches():
                await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:  # the signal
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
        return server.calls_up
