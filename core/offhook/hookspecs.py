"""The hooks. This module is public and holds nothing else.

A plugin is a module (or any object) with some of these functions, marked with `hookimpl`, and one line in its
distribution's entry points::

    [project.entry-points.offhook]
    acme = "acme_offhook"

Registration hooks are synchronous; each is given a registry and adds factories to it. They are called once, when a
phone or the command line loads its plugins. A factory is called when something of that name is wanted, and imports
what it needs then. Decision hooks are asked; they may be ``async``, or give something to await, and have 10 s.
Observer hooks are told about calls; what they return is ignored, and one that raises is recorded and does not hurt the
call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from offhook.decisions import DialRequest
    from offhook.grant import Grant
    from offhook.record import CallRecord, TimelineEntry
    from offhook.registry import (
        ArchiveRegistry,
        AuthRegistry,
        CarrierRegistry,
        CommandRegistry,
        FarEndRegistry,
        FilterRegistry,
        ResamplerRegistry,
        SinkRegistry,
        SourceRegistry,
        StoreRegistry,
        TransportRegistry,
    )

hookspec: pluggy.HookspecMarker = pluggy.HookspecMarker("offhook")
hookimpl: pluggy.HookimplMarker = pluggy.HookimplMarker("offhook")


@hookspec
def offhook_auth(registry: AuthRegistry) -> None:
    """Add ways to authenticate to a carrier."""


@hookspec
def offhook_carrier(registry: CarrierRegistry) -> None:
    """Add carriers."""


@hookspec
def offhook_transport(registry: TransportRegistry) -> None:
    """Add transports."""


@hookspec
def offhook_audio_source(registry: SourceRegistry) -> None:
    """Add audio sources, chosen by spec: ``name:argument``."""


@hookspec
def offhook_audio_sink(registry: SinkRegistry) -> None:
    """Add audio sinks, chosen by spec."""


@hookspec
def offhook_audio_filter(registry: FilterRegistry) -> None:
    """Add audio filters, chosen by spec. A factory is given the spec's argument and the rate it will be used at."""


@hookspec
def offhook_resampler(registry: ResamplerRegistry) -> None:
    """Add resamplers. The core asks for ``live`` and for ``file``."""


@hookspec
def offhook_store(registry: StoreRegistry) -> None:
    """Add stores for journals and records, chosen by spec."""


@hookspec
def offhook_archive(registry: ArchiveRegistry) -> None:
    """Add ways to read what the stores of the same names have written. Reading makes nothing and changes nothing."""


@hookspec
def offhook_far_end(registry: FarEndRegistry) -> None:
    """Add far ends for conformance kits: what is on the other side of the transport or carrier of the same name."""


@hookspec
def offhook_command(registry: CommandRegistry) -> None:
    """Add commands to the ``offhook`` command line."""


@hookspec
def offhook_before_dial(request: DialRequest) -> Awaitable[str | None] | str | None:
    """Decide whether a call may be dialled: None allows it, a text refuses it and says why.

    Asked on the event loop after everything else was found to work, before anything rings; every plugin is asked until
    one refuses. It fails closed: one that raises, takes longer than 10 s or gives anything else has refused.
    """


@hookspec
def offhook_renew_grant(call_id: str, grant: Grant) -> Awaitable[Grant | None] | Grant | None:
    """Get a fresh grant for a call that is up, before `grant` expires: for the same channel, with a new token and its
    `expires_at_s`. None leaves it to the next plugin.

    Asked on the event loop, `CallPolicy.renew_before_s` before the token ends, and again every 5 s while it fails. No
    service is documented to renew Sendblue's tokens, so nothing that ships with offhook answers it.
    """


@hookspec
def offhook_call_created(call_id: str, number: str) -> None:
    """A call was created and nothing has rung yet. `number` is masked."""


@hookspec
def offhook_call_transition(call_id: str, entry: TimelineEntry) -> None:
    """The call or its leg changed state."""


@hookspec
def offhook_call_ended(call_id: str, record: CallRecord) -> None:
    """The call is over and its record final."""
