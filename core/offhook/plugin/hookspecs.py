"""All hooks, and nothing else. `docs/reference/hooks.md` has a section for each.

A plugin is a module (or any object) with some of these functions, marked with `hookimpl`, and one line in its
distribution's entry points::

    [project.entry-points.offhook]
    acme = "acme_offhook"

**Registration hooks** receive a registry and add factories to it. They are called once, when a phone or the command
line loads its plugins, possibly before an event loop runs. A factory is called when a part with its name is wanted,
and imports what it needs then.

**Decision hooks** are called one plugin after the other, on the call's event loop. They may be ``async`` or return an
awaitable, and must answer within 10 s.

**Observer hooks** are called on the call's event loop, between its frames, so they must be quick. What they return is
ignored; an exception is recorded and does not affect the call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from offhook.interfaces.dialing import DialRequest
    from offhook.interfaces.grant import Grant
    from offhook.plugin.registry import (
        ArchiveRegistry,
        AuthRegistry,
        CarrierRegistry,
        CommandRegistry,
        DiagnosisRegistry,
        FarEndRegistry,
        FilterRegistry,
        ResamplerRegistry,
        SinkRegistry,
        SourceRegistry,
        StoreRegistry,
        TransportRegistry,
    )
    from offhook.session.record import CallRecord, TimelineEntry


hookspec: pluggy.HookspecMarker = pluggy.HookspecMarker("offhook")
hookimpl: pluggy.HookimplMarker = pluggy.HookimplMarker("offhook")


@hookspec
def offhook_auth(registry: AuthRegistry) -> None:
    """Add ways to prove to a carrier who we are, see `Auth`.

    A factory is called with the settings, when a phone that names it (`Phone(auth="env")`) is made.
    """


@hookspec
def offhook_carrier(registry: CarrierRegistry) -> None:
    """Add carriers: services that ring people, see `Carrier`.

    A factory is called with the settings and the phone's `Auth`, when a phone that names it is made.
    """


@hookspec
def offhook_transport(registry: TransportRegistry) -> None:
    """Add transports: ways into the channel where the callee will be, see `Transport`.

    A factory is called with the settings, when a phone that names it is made.
    """


@hookspec
def offhook_audio_source(registry: SourceRegistry) -> None:
    """Add audio sources, chosen by spec: ``name:argument``, see `AudioSource`.

    A factory is called with the argument, each time that the spec is opened. It raises at once if the source cannot be
    opened.
    """


@hookspec
def offhook_audio_sink(registry: SinkRegistry) -> None:
    """Add audio sinks, chosen by spec, see `AudioSink`.

    A factory is called with the argument, each time that the spec is opened. It raises at once if the sink cannot be
    written.
    """


@hookspec
def offhook_audio_filter(registry: FilterRegistry) -> None:
    """Add audio filters, chosen by spec, see `AudioFilter`.

    A factory is called with the argument and the rate at which the filter is used, for each direction of each call.
    """


@hookspec
def offhook_resampler(registry: ResamplerRegistry) -> None:
    """Add resamplers, see `Resampler`. The core uses the names ``live`` (little delay) and ``file`` (best quality).

    A factory is called with the rate to convert from and the rate to convert to, for each stream whose rates differ.
    """


@hookspec
def offhook_store(registry: StoreRegistry) -> None:
    """Add stores for journals and records, chosen by spec, see `Store`.

    A factory is called with the argument and the settings, when a phone that names it is made.
    """


@hookspec
def offhook_archive(registry: ArchiveRegistry) -> None:
    """Add ways to read what the stores of the same names have written, see `Archive`.

    A factory is called with the same arguments as that of the store. Reading creates and changes nothing.
    """


@hookspec
def offhook_far_end(registry: FarEndRegistry) -> None:
    """Add far ends for conformance kits: what is on the other side of the transport or carrier of the same name.

    A factory is called without arguments, for each clause that is tested. Calls never use it.
    """


@hookspec
def offhook_command(registry: CommandRegistry) -> None:
    """Add commands to the ``offhook`` command line: functions with typer's annotations.

    Add a `LazyCommand`, so that typing another command does not import yours.

    Only the command line calls this hook; a phone does not.
    """


@hookspec
def offhook_diagnosis(registry: DiagnosisRegistry) -> None:
    """Add checks for ``offhook doctor``: functions that receive the settings and yield a `Finding` for each result.

    Only the command line calls this hook; a phone does not.
    """


@hookspec
def offhook_before_dial(request: DialRequest) -> Awaitable[str | None] | str | None:
    """Decide whether a call may be dialled: None allows it, a text refuses it and says why.

    Called on the event loop after everything else was found to work, before anything rings, for every plugin until one
    refuses. It fails closed: a plugin that raises, takes longer than 10 s or returns anything else has refused.
    """


@hookspec
def offhook_renew_grant(call_id: str, grant: Grant) -> Awaitable[Grant | None] | Grant | None:
    """Get a fresh grant for a call that is up, before `grant` expires: for the same channel, with a new token and its
    `expires_at_s`. None leaves it to the next plugin.

    Called on the event loop, `CallPolicy.renew_before_s` before the token expires, and again every 5 s while it fails.
    No way to renew Sendblue's tokens is documented, so nothing that ships with offhook implements this hook.
    """


@hookspec
def offhook_call_created(call_id: str, number: str) -> None:
    """A call was created and nothing has rung yet. `number` is masked.

    Called once for each call that was allowed, before its first transition.
    """


@hookspec
def offhook_call_transition(call_id: str, entry: TimelineEntry) -> None:
    """The call or its leg changed state.

    Called after the entry was written to the stores, and before offhook acts on it.
    """


@hookspec
def offhook_call_ended(call_id: str, record: CallRecord) -> None:
    """The call is over and its record final.

    Called once for each call that was created, however it ended, and last of all.
    """
