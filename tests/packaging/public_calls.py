"""Every public call, found in the faces by itself, and those whose arguments are not refused, with the reason.

A call that is neither in `valid_calls` of the test nor in `NOT_CHECKED` fails the test: none is forgotten.
"""

from __future__ import annotations

import enum
import importlib
import inspect
from dataclasses import dataclass, is_dataclass
from typing import TYPE_CHECKING, Final, Protocol

from offhook_mockserver.tenants.fault_register import CallLimits, ExchangeLimits, RequestLimits
from offhook_mockserver.testkit.journal import Search
from offhook_mockserver.testkit.webhook_search import WebhookSearch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

#: The faces, and the modules behind the names that a program imports from the built-in plugins and the mock.
MODULES: Final = (
    "offhook",
    "offhook.interfaces",
    "offhook.media",
    "offhook.plugin",
    "offhook.records",
    "offhook.session",
    "offhook.secret",
    "offhook.testing",
    "offhook.testing.audio",
    "offhook_mockserver.server",
    "offhook_mockserver.far_ends",
    "offhook_mockserver.testkit",
    "offhook_mockserver.tenants.tenant",
    "offhook_mockserver.callees.script",
    "offhook_mockserver.doors.memory.transport",
    "offhook_audio.marker",
    "offhook_audio.gain",
    "offhook_audio.limit",
    "offhook_audio.null",
    "offhook_audio.recorder",
    "offhook_audio.resample_file",
    "offhook_audio.resample_live",
    "offhook_audio.silence",
    "offhook_audio.tone",
    "offhook_audio.wav",
    "offhook_sendblue",
    "offhook_jsonl.archive",
    "offhook_jsonl.store",
    "offhook_sqlite.archive",
    "offhook_sqlite.store",
    "offhook_aiortc.transport",
    "offhook_wire.impairment",
)

_MADE: Final = "the core makes it, and a program only reads it"
_RECEIVED: Final = "the carrier or the receiver of webhooks makes it, and a program only reads it"
_LEG: Final = "legs report it; call/leg_handler.py checks it where it arrives"
_ARITHMETIC: Final = (
    "arithmetic for the insides of parts. A ConfigError there could leave a carrier that has rung, which would claim "
    "that it has not; any other error becomes a PluginError"
)
_STORES: Final = "for stores: it takes documents that the core or load_json made"
_LOADER: Final = "the loader calls it, and refuses with a PluginError what a plugin passes"
_TEST: Final = "a test may let the leg report anything, as a broken one would"
_INSIDE: Final = "for the test kit's own parts"
_TIMERS: Final = "for the limits of calls and tokens"
_PLAYED: Final = "the callee plays its steps"

#: Public calls whose arguments are not refused with a ConfigError, with the reason. A dot at the end stands for all
#: calls of a class.
NOT_CHECKED: Final[Mapping[str, str]] = {
    **{
        f"{verb}.play": _PLAYED
        for verb in (
            *("Answer", "AnsweredElsewhere", "BargeIn", "Busy", "ComeBack", "Decline"),
            *("Drop", "Echo", "HangUp", "Hold", "IfHeard", "ListenFor"),
            *("Mute", "NeverAnswer", "Noise", "Repeat", "Resume", "Ring"),
            *("Say", "SecondDevice", "Unmute", "Unreachable", "Voicemail", "Wait"),
        )
    },
    "AudioHeard.": _MADE,
    "AudioLost.": _LEG,
    "AudioReturned.": _LEG,
    "AudioStream.feed": _MADE,
    "BoundedStream.put": _MADE,
    "Call.__init__": _MADE,
    "CallHandle.": _MADE,
    "CalleeHandle.__init__": _MADE,
    "ClockHandle.__init__": _MADE,
    "CallAccepted.": _MADE,
    "CallCompleted.": _RECEIVED,
    "CallLog.": _RECEIVED,
    "InboundCall.": _RECEIVED,
    "Line.": _RECEIVED,
    "Message.": _RECEIVED,
    "OtherEvent.": _RECEIVED,
    "WebhookEvent.": _RECEIVED,
    "CallEvent.": _MADE,
    "CallRecord.": _MADE,
    "CallRefused.": _MADE,
    "CallSession.handle": "the driver calls it; impossible events have an error of their own",
    "Damage.": _MADE,
    "Entry.": _MADE,
    "Environment.as_written": "parts ask for a name of their own",
    "Environment.problem_with": "parts ask for a name of their own",
    "FarMember.": _INSIDE,
    "Delivery.": _MADE,
    "Fault.": _MADE,
    "Faults.__init__": _MADE,
    "Faults.applied": _INSIDE,
    "Faults.find": _INSIDE,
    "Faults.forget": _INSIDE,
    "Faults.make": "for commands, whose arguments have been read from text or JSON",
    "Faults.matching": _INSIDE,
    "Faults.take": _INSIDE,
    "Faults.unwatch": _INSIDE,
    "Faults.watch": _INSIDE,
    "Finding.": "a check of the doctor makes it, and what it raises is shown as its finding",
    "FinishCall.": _MADE,
    "Gap.": _MADE,
    "Grant.": "carriers make it after they have rung: a ConfigError would claim that nothing rang",
    "GrantRenewed.": _MADE,
    "Impairment.carry": _INSIDE,
    "Impairment.frozen": _INSIDE,
    "Impairment.heal": _INSIDE,
    "Journal.__init__": _MADE,
    "Journal.add_content": "the mock itself calls it",
    "Journal.after": "the mock itself calls it, for streams of the control API",
    "Journal.restore": "Tenants.restore calls it, with what it has checked",
    "JournalHandle.__init__": _MADE,
    "LoadMeter.__init__": "phones and mocks make it, with what they have checked",
    "LoopLoad.": _MADE,
    "PhoneLoad.": _MADE,
    "LegClosed.": _LEG,
    "LegDisconnected.": _LEG,
    "LegFailed.": _LEG,
    "LinkedFarEnd.reachable": _INSIDE,
    "LinkedFarEnd.verify": _INSIDE,
    "LinkedMember.__init__": _INSIDE,
    "LinkedTransport.enter": _INSIDE,
    "LinkedTransport.forget": _INSIDE,
    "LinkedTransport.speak": _TEST,
    "LinkedTransport.tell": _TEST,
    "Match.": _MADE,
    "MemberJoined.": _LEG,
    "MemberLeft.": _LEG,
    "MemberPublished.": _LEG,
    "MemberUnpublished.": _LEG,
    "MemoryFarEnd.": _INSIDE,
    "MockCall.": _MADE,
    "MockHandle.__init__": _MADE,
    "UsersWait.": _MADE,
    "MockHandle.finish_applications": _INSIDE,
    "MockHandle.on_loop": _INSIDE,
    "Outcome.": _MADE,
    "AgoraFarEnd.": _INSIDE,
    "PcmFarEnd.": _INSIDE,
    "PlayHandle.__init__": _MADE,
    "PlayHandle.finish": _MADE,
    "PluginReport.": _MADE,
    "Reading.": "inside the store",
    "RedactingFilter.filter": "the interface of logging.Filter",
    "Registry.__init__": _LOADER,
    "Registry.add": _LOADER,
    "Registry.check": _LOADER,
    "Registry.factory_of": _LOADER,
    "Registry.forget": _LOADER,
    "Registry.hint": _LOADER,
    "Registry.plugin_of": _LOADER,
    "RelayFarEnd.": _INSIDE,
    "RenewalFailed.": _MADE,
    "Replay.": _MADE,
    "ReplayedEntry.": _MADE,
    "Resources.__init__": _MADE,
    "ResponseTimes.": _MADE,
    "Samples.": "inside AudioFrame, play() and PushSource, which check what they pass to it",
    "ScriptedService.ring": "the carrier calls it",
    "Secret.": "it raises TypeError: the errors of offhook are built upon its module",
    "SendblueFarEnd.app": "ASGI",
    "SpeechStarted.": _MADE,
    "SpeechStopped.": _MADE,
    "Started.__init__": _MADE,
    "Started.begin": _INSIDE,
    "Started.end": _INSIDE,
    "Step.": _MADE,
    "Tenant.__init__": "Tenants.create makes it",
    "TenantClock.__init__": _MADE,
    "TenantClock.call_later": _TIMERS,
    "TenantClock.forget": _TIMERS,
    "TenantClock.restore": "Tenants.restore calls it; it has checks of its own",
    "TenantClock.timeout": _TIMERS,
    "Tenants.__init__": _MADE,
    "Tenant.access_token": "the API calls it, with what a request has",
    "Tenants.create_from": "Tenants.restore and the API call it, with what TenantSnapshot.from_json has checked",
    "Tenants.blank": "likewise",
    "Tenants.adopt": "the API calls it, with what Tenants.blank returned",
    "fill": "likewise",
    "Tenants.admit": "the API calls it, with what a request has",
    "Tenants.of_key": "the API calls it, with what a request has",
    "Tenants.of_token": "the API calls it, with what a request has",
    "Tenants.why_not_admitted": "the API calls it, with what a request has",
    "Tenants.find": "the API calls it, with what a request has",
    "Tenants.named": "the API calls it, with what a request has",
    "TakenReport.": _MADE,
    "TimelineEntry.": _MADE,
    "Figure.": _MADE,
    "Verdict.": _MADE,
    "VirtualLoop.add_signal_handler": "asyncio's",
    "VirtualLoop.call_again": _INSIDE,
    "VirtualLoop.call_at": "asyncio's",
    "VirtualLoop.call_soon": "asyncio's",
    "VirtualLoop.call_soon_threadsafe": "asyncio's",
    "VirtualLoop.jump": _INSIDE,
    "VirtualLoop.run_in_executor": "asyncio's",
    "VirtualLoop.set_debug": "asyncio's",
    "VirtualLoop.shutdown_default_executor": "asyncio's",
    "WebhookReported.": _MADE,
    "WebhooksHandle.__init__": _MADE,
    "e164": "it raises NumberRejected for every number that is not one; its other argument is for messages",
    "entry_document": _STORES,
    "frames_in": _ARITHMETIC,
    "is_brief": _STORES,
    "is_loopback": _ARITHMETIC,
    "is_unfinished": _STORES,
    "iso_8601": _ARITHMETIC,
    "isolated": _LOADER,
    "keep_old_paths": _LOADER,
    "level_dbfs": _ARITHMETIC,
    "cut_traceback": "for messages about errors",
    "line_of": "for messages about errors",
    "line_shown": "for messages about errors",
    "live_folder": "inside the store",
    "mark_interrupted": _STORES,
    "users_wait": _INSIDE,
    "where_task_waits": _INSIDE,
    "check_lines": _INSIDE,
    "check_tenant": _INSIDE,
    "mask": _ARITHMETIC,
    "mask_all": _ARITHMETIC,
    "mint_token": _INSIDE,
    "name_of": "any object has a name",
    "open_private": _STORES,
    "pcm_of": _ARITHMETIC,
    "record_document": _STORES,
    "recordings": _STORES,
    "may_be_in_json": _ARITHMETIC,
    "redact": _ARITHMETIC,
    "samples_of": _ARITHMETIC,
    "samples_per_frame": _ARITHMETIC,
    "saturated": _ARITHMETIC,
    "to_json": _STORES,
    "unread": _ARITHMETIC,
    "with_relative_paths": _STORES,
    "write_private": _STORES,
    "Ids.below": _ARITHMETIC,
    "Ids.hex": _ARITHMETIC,
}

#: Parameters of calls that are checked otherwise.
EXCEPT: Final[Mapping[str, str]] = {
    "AudioFrame.__init__(damage)": _MADE,
    "AudioStream.__init__(resampler)": _MADE,
    "MockHandle.phone(settings)": "they are the arguments of Phone",
    "Plugins.make(arguments)": "they are the factory's own",
    "Phone.from_env(settings)": "they are the arguments of Phone",
}


#: What ``**arguments: Unpack[...]`` stands for.
_UNPACKED: Final[Mapping[str, type]] = {
    f"Unpack[{kind.__name__}]": kind for kind in (CallLimits, ExchangeLimits, RequestLimits, Search, WebhookSearch)
}


@dataclass(frozen=True)
class PublicCall:
    """A public call: its name, and its parameters with their annotations."""

    name: str
    parameters: Mapping[str, str]


def public_calls(*, everything: bool = False) -> Iterator[PublicCall]:
    """Every call of a public function, constructor, method or setter that takes an argument from its caller.

    Args:
        everything: yield the calls in `NOT_CHECKED`, too.
    """
    for call in _all_calls():
        if everything or (call.name not in NOT_CHECKED and f"{call.name.partition('.')[0]}." not in NOT_CHECKED):
            yield call


def _all_calls() -> Iterator[PublicCall]:
    seen: set[object] = set()
    for module in map(importlib.import_module, MODULES):
        listed = getattr(module, "__all__", None) or [
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
        ]
        for name in listed:
            value = getattr(module, name)
            if value in seen if isinstance(value, type) or inspect.isfunction(value) else True:
                continue
            seen.add(value)
            if inspect.isfunction(value):
                if not name.startswith("offhook_"):  # hooks, which the loader calls
                    yield from _call(name, value, bound=False)
            elif not issubclass(value, BaseException | enum.Enum):
                yield from _calls_of(value, seen)


def _calls_of(kind: type, seen: set[object]) -> Iterator[PublicCall]:
    if Protocol in kind.__bases__:
        return
    for name in ["__init__", *(name for name in dir(kind) if not name.startswith("_"))]:
        member = inspect.getattr_static(kind, name)
        if isinstance(member, property):
            if member.fset is not None:
                yield PublicCall(f"{kind.__name__}.{name}", {"value": "float"})
            continue
        function = member.__func__ if isinstance(member, classmethod) else member
        if not inspect.isfunction(function) or name.startswith("offhook_"):
            continue
        if name != "__init__" and next(base for base in kind.__mro__ if name in vars(base)) in seen - {kind}:
            continue  # a base that is public has it
        made_by_us = function.__module__.startswith("offhook") or (name == "__init__" and is_dataclass(kind))
        if made_by_us and (name == "__init__" or not _of_interface(kind, name)):
            yield from _call(f"{kind.__name__}.{name}", function, bound=True)


def _of_interface(kind: type, name: str) -> bool:
    """Whether the core calls this method, since it belongs to an interface for parts or to ASGI."""
    interfaces = [
        base for base in kind.__mro__ if base.__module__.startswith("offhook.interfaces") and base is not kind
    ]
    abstract = kind.__module__.startswith("offhook.interfaces") and inspect.isabstract(kind)
    return name == "relay" or abstract or any(name in vars(base) for base in interfaces)


def _call(name: str, function: Callable[..., object], *, bound: bool) -> Iterator[PublicCall]:
    parameters = list(inspect.signature(function).parameters.values())[bound:]
    if parameters:
        annotations: dict[str, str] = {}
        for parameter in parameters:
            written = str(parameter.annotation)
            unpacked = (
                inspect.get_annotations(_UNPACKED[written]) if written in _UNPACKED else {parameter.name: written}
            )
            annotations |= {key: getattr(text, "__forward_arg__", str(text)) for key, text in unpacked.items()}
        yield PublicCall(name, {key: text for key, text in annotations.items() if f"{name}({key})" not in EXCEPT})
