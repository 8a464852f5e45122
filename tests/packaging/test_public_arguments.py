"""Every public call refuses an argument of the wrong type at once, with a ConfigError that says what is wanted.

The calls and their parameters are read from the faces, so that a new parameter that is not checked fails here.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import math
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from tests.core.rig import NUMBER, PLAIN, frame, rig, run
from tests.packaging.audio_calls import audio_calls
from tests.packaging.kit_calls import kit_calls
from tests.packaging.public_calls import EXCEPT, NOT_CHECKED, public_calls

from offhook import AudioFrame, CallPolicy, LoadPolicy, Phone, PushSource, SpeechDetector, ThreadsafeCall
from offhook.errors import ConfigError
from offhook.interfaces import BoundedStream, CarrierReport, DialRequest, Direction, Environment, Ids
from offhook.media import AudioStream, Pacer, WavWriter, gain_of
from offhook.plugin import LazyCommand, Plugins
from offhook.records import home, load_json, make_private, replay
from offhook.session import CallSession, Disposition
from offhook.testing import (
    FixedAuth,
    LinkedFarEnd,
    LinkedTransport,
    ListFilter,
    ListSink,
    LoopClock,
    Resources,
    ScriptedCarrier,
    ScriptedService,
    VirtualLoop,
    check_call,
    run_virtual,
    timeline_lines,
    violations,
)
from offhook_aiortc.transport import AiortcTransport
from offhook_audio.gain import GainFilter
from offhook_audio.limit import LimitFilter
from offhook_audio.marker import MarkerSource
from offhook_audio.null import NullSink
from offhook_audio.recorder import RecorderSink
from offhook_audio.resample_file import FileResampler
from offhook_audio.resample_live import LiveResampler
from offhook_audio.silence import SilenceSource
from offhook_audio.tone import ToneSource
from offhook_audio.wav import WavSource
from offhook_jsonl.archive import JsonLinesArchive
from offhook_jsonl.store import JsonLinesStore
from offhook_mockserver.callees.builder import CalleeScript
from offhook_mockserver.callees.script import (
    Answer,
    BargeIn,
    ComeBack,
    Condition,
    Echo,
    IfHeard,
    ListenFor,
    Noise,
    Repeat,
    Ring,
    Say,
    Script,
    Sound,
    SoundsLike,
    Tone,
    Voicemail,
    Wait,
)
from offhook_mockserver.callees.toml import load_scripts
from offhook_mockserver.doors.memory.transport import MemoryTransport
from offhook_mockserver.far_ends import RenewsGrants
from offhook_mockserver.server import (
    InProcessMock,
    MockServer,
    MockSettings,
    NetworkFault,
    TenantBounds,
    TenantSettings,
)
from offhook_mockserver.server.asgi_transport import AsgiTransport
from offhook_mockserver.testkit import Faults, ServerThread
from offhook_mockserver.testkit import mock as kit_mock
from offhook_sendblue import CallableAuth, EnvAuth, KeyAuth, SendblueCarrier, WebhookReceiver
from offhook_sqlite.archive import SqliteArchive
from offhook_sqlite.store import SqliteStore
from offhook_wire.impairment import Impairment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from offhook import Call
    from offhook_mockserver.testkit import MockHandle

    #: What is called, and valid arguments.
    Valid = tuple[Callable[..., object], dict[str, object]]

CALLS: Final = {call.name: call for call in public_calls()}


#: Calls that take raw audio, whose messages say more than what an argument must be.
OWN_WORDING: Final = ("AudioFrame.", "Call.play", "PushSource.", "ThreadsafeCall.feed", "ThreadsafeCall.play")
#: Those that take a document and say which of its names is unknown.
OF_DOCUMENTS: Final = ("TenantBounds.from_json", "TenantSettings.from_json", "Tenants.restore")


async def _coroutine() -> None:
    """What is left when `await` is forgotten."""


async def _async_generator() -> AsyncIterator[AudioFrame]:
    yield frame()


class Unknown:
    """Nothing that is known anywhere."""


def _wrong_values(annotation: str) -> Iterator[tuple[str, Callable[[], object]]]:
    """Values that do not fit an annotation, with their names; each is made when it is used."""
    pool: tuple[tuple[str, Callable[[], object], tuple[str, ...]], ...] = (
        ("text", lambda: "5", ("str", "Path", "_T")),
        ("bytes", lambda: b"5", ("bytes",)),
        ("an int", lambda: 5, ("int", "float")),
        ("a float", lambda: 0.5, ("float",)),
        ("NaN", lambda: math.nan, ()),
        ("infinity", lambda: math.inf, ()),
        ("a huge int", lambda: 10**400, ("int",)),
        ("True", lambda: True, ("bool",)),
        ("None", lambda: None, ("None",)),
        ("an object", Unknown, ()),
        ("a class", lambda: Unknown, ("Callable[[]",)),
        ("a function", lambda: _wrong_values, ("Callable", "Sink")),
        ("a coroutine", _coroutine, ("Coroutine",)),
        ("an async generator", _async_generator, ("Frames",)),
        ("a module", lambda: math, ()),
        ("a dict", dict, ("Mapping", "Document", "Iterable[float]")),
        ("a list", list, ("Sequence", "Iterable", "tuple", "Frames")),
        ("a list of objects", lambda: [Unknown()], ("Iterable[object]",)),
        ("a dict of objects", lambda: {"x": Unknown()}, ("Document",)),
    )
    for name, make, fits in pool:
        if not any(token in annotation for token in fits):
            yield name, make


def valid_calls(folder: Path, call: Call, phone: Phone, kit_handle: MockHandle) -> dict[str, Valid]:
    """A valid call for every name in `CALLS`. Where an argument is ``...``, the call itself is not made."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    wav = folder / "a.wav"
    WavWriter(wav, 8_000).close()
    opened = WavWriter(folder / "b.wav", 8_000)
    scripts = folder / "callees.toml"
    scripts.write_text('[[callee]]\nnumber = "+14155550190"\nsteps = ["answer"]\n', encoding="utf-8")
    mock, server = InProcessMock(clock=LoopClock(), ids=Ids(1), plugins=PLAIN), MockServer(plugins=PLAIN)
    transport = LinkedTransport()
    far_end, memory = ScriptedService(), mock.transport()
    filters = ListFilter()
    detector = SpeechDetector(8_000)
    plugins = Plugins.load()
    record = call.record
    request: dict[str, object] = {"call_id": "call_1", "number": NUMBER}
    settings = {"carrier": "a", "auth": "b"}
    parts: dict[str, object] = {"carrier": ScriptedCarrier(), "transport": LinkedTransport(), "store": None}
    handle, source = call.play(frame()), PushSource()
    other_thread = ThreadsafeCall(call)

    def elsewhere(method: Callable[..., object]) -> Callable[..., object]:
        return lambda **arguments: loop.run_in_executor(None, functools.partial(method, **arguments))

    threads: dict[str, Valid] = {
        "ThreadsafeCall.__init__": (ThreadsafeCall, {"call": call}),
        "ThreadsafeCall.answered": (elsewhere(other_thread.answered), {}),
        "ThreadsafeCall.cancel": (elsewhere(other_thread.cancel), {"handle": handle}),
        "ThreadsafeCall.end": (elsewhere(other_thread.end), {"source": source}),
        "ThreadsafeCall.ended": (elsewhere(other_thread.ended), {}),
        "ThreadsafeCall.feed": (elsewhere(other_thread.feed), {"source": PushSource(), "chunk": frame()}),
        "ThreadsafeCall.hang_up": (elsewhere(other_thread.hang_up), {}),
        "ThreadsafeCall.play": (elsewhere(other_thread.play), {"what": frame()}),
        "ThreadsafeCall.wait": (elsewhere(other_thread.wait), {"handle": handle}),
    }
    doubles: dict[str, Valid] = {
        "FixedAuth.__init__": (FixedAuth, {"headers": "x"}),
        "LinkedFarEnd.__init__": (LinkedFarEnd, {}),
        "LinkedFarEnd.channel": (LinkedFarEnd().channel, {"name": "x"}),
        "LinkedTransport.__init__": (LinkedTransport, {}),
        "LinkedTransport.kick": (transport.kick, {"reason": "x"}),
        "LinkedTransport.member": (transport.member, {}),
        "LoopClock.__init__": (LoopClock, {}),
        "Resources.more_than": (Resources.now().more_than, {"before": Resources.now()}),
        "ScriptedCarrier.__init__": (ScriptedCarrier, {}),
        "ScriptedService.carrier": (far_end.carrier, {"environment": far_end.environment}),
        "VirtualLoop.block": (loop.block, {"seconds": 0.0}),
        "check_call": (check_call, {"record": record, "saved": ...}),
        "run_virtual": (run_virtual, {"main": ...}),
        "timeline_lines": (timeline_lines, {"record": record}),
        "violations": (violations, {"record": record}),
    }
    mocks: dict[str, Valid] = {
        "InProcessMock.__init__": (InProcessMock, {"plugins": PLAIN}),
        "InProcessMock.phone": (mock.phone, {}),
        "InProcessMock.renew": (mock.renew, {"channel": ...}),
        "InProcessMock.transport": (mock.transport, {}),
        "ListenFor.__init__": (ListenFor, {"sound": Sound.QUIET}),
        "MemoryTransport.__init__": (MemoryTransport, {"mock": mock}),
        "MemoryTransport.lose": (memory.lose, {"direction": Direction.SENT}),
        "MockServer.__init__": (MockServer, {"plugins": PLAIN}),
        "MockServer.renew": (server.renew, {"channel": ...}),
        "MockServer.transport": (server.transport, {}),
        "MockSettings.__init__": (MockSettings, {}),
        "NetworkFault.__init__": (NetworkFault, {}),
        "RenewsGrants.__init__": (RenewsGrants, {"mock": mock}),
        "Ring.__init__": (Ring, {"duration_s": 1}),
        "Say.__init__": (Say, {"path": wav}),
        "Script.__init__": (Script, {"summary": "answers", "steps": (Answer(),)}),
        "TenantSettings.__init__": (TenantSettings, {}),
        "Wait.__init__": (Wait, {"duration_s": 1}),
    }
    built_in: dict[str, Valid] = {
        **_scripts(wav, scripts),
        "AiortcTransport.__init__": (AiortcTransport, {}),
        "CallableAuth.__init__": (CallableAuth, {"keys": lambda: ("a", "b")}),
        "EnvAuth.__init__": (EnvAuth, {"environment": {}}),
        "FileResampler.__init__": (FileResampler, {"from_hz": 8_000, "to_hz": 16_000}),
        "GainFilter.__init__": (GainFilter, {"gain_db": 1}),
        "GainFilter.parse": (GainFilter.parse, {"argument": "1"}),
        "Impairment.__init__": (Impairment, {}),
        "JsonLinesArchive.__init__": (JsonLinesArchive, {"folder": folder}),
        "JsonLinesStore.__init__": (JsonLinesStore, {"folder": folder / "more"}),
        "KeyAuth.__init__": (KeyAuth, {"api_key": "a", "api_secret": "b"}),
        "LimitFilter.__init__": (LimitFilter, {"ceiling_dbfs": -1}),
        "LimitFilter.parse": (LimitFilter.parse, {"argument": "-1"}),
        "LiveResampler.__init__": (LiveResampler, {"from_hz": 8_000, "to_hz": 16_000}),
        "MarkerSource.__init__": (MarkerSource, {}),
        "NullSink.__init__": (NullSink, {}),
        "RecorderSink.__init__": (RecorderSink, {"path": folder / "c.wav"}),
        "SendblueCarrier.__init__": (SendblueCarrier, {"auth": KeyAuth("a", "b"), "from_number": NUMBER}),
        "SendblueCarrier.from_environment": (
            SendblueCarrier.from_environment,
            {"environment": Environment(), "auth": KeyAuth("a", "b")},
        ),
        "SilenceSource.__init__": (SilenceSource, {}),
        "SilenceSource.parse": (SilenceSource.parse, {"argument": "1"}),
        "SqliteArchive.__init__": (SqliteArchive, {"path": folder / "x" / "a.db"}),
        "SqliteStore.__init__": (SqliteStore, {"path": folder / "y" / "a.db"}),
        "ToneSource.__init__": (ToneSource, {"frequency_hz": 440}),
        "ToneSource.parse": (ToneSource.parse, {"argument": "440"}),
        "WavSource.__init__": (WavSource, {"path": ...}),
        "WebhookReceiver.__init__": (WebhookReceiver, {"secret": "s3cret"}),
        "WebhookReceiver.aclose": (WebhookReceiver("s3cret", on_event=lambda event: event).aclose, {}),
    }
    return {
        **audio_calls(),
        **kit_calls(kit_handle, mock, server),
        **doubles,
        **mocks,
        **built_in,
        "AudioFrame.__init__": (AudioFrame, {"pcm": b"", "rate_hz": 8_000}),
        "AudioFrame.from_floats": (AudioFrame.from_floats, {"samples": [0.5], "rate_hz": 8_000}),
        "AudioStream.__init__": (AudioStream, {"capacity": 1, "resampler": None, "rate_hz": 8_000}),
        "BoundedStream.__init__": (BoundedStream, {"capacity": 1}),
        "Call.add_filter": (call.add_filter, {"what": filters}),
        "Call.answered": (call.answered, {}),
        "Call.audio": (call.audio, {}),
        "Call.ended": (call.ended, {}),
        "Call.gain_db": (lambda value: setattr(call, "gain_db", value), {"value": 1.0}),
        "Call.hang_up": (call.hang_up, {}),
        "Call.listen": (call.listen, {"sink": ListSink()}),
        "Call.play": (call.play, {"what": frame()}),
        "Call.record_for": (call.record_for, {"duration_s": 0.1, "file": ListSink()}),
        "Call.remove_filter": (call.remove_filter, {"audio_filter": filters}),
        "CallPolicy.__init__": (CallPolicy, {}),
        "LoadPolicy.__init__": (LoadPolicy, {}),
        "CallSession.__init__": (CallSession, {"policy": CallPolicy()}),
        "CarrierReport.__init__": (CarrierReport, {"disposition": Disposition.BUSY, "channel": "x"}),
        "DialRequest.__init__": (DialRequest, request),
        "Environment.__init__": (Environment, {}),
        "Ids.__init__": (Ids, {}),
        "Pacer.__init__": (Pacer, {"loop": loop, "tick": print}),
        "Phone.__init__": (Phone, parts),
        "Phone.dial": (phone.dial, {"number": NUMBER}),
        "Phone.dry_run": (phone.dry_run, {"number": "+14155550177"}),
        "Phone.from_env": (Phone.from_env, {"environment": {}, **parts}),
        "Phone.report": (phone.report, {"report": CarrierReport(Disposition.BUSY, channel="x")}),
        "Phone.sink": (phone.sink, {"spec": ...}),
        "Phone.source": (phone.source, {"spec": ...}),
        "PlayHandle.done": (handle.done, {}),
        "LazyCommand.__init__": (LazyCommand, {"home": "acme_offhook.commands:ring"}),
        "Plugins.__init__": (Plugins, {}),
        "Plugins.archive": (plugins.archive, {"what": f"jsonl:{folder}", "environment": settings}),
        "Plugins.check_required": (plugins.check_required, {"environment": settings}),
        "Plugins.filter": (plugins.filter, {"text": "gain:1", "rate_hz": 8_000}),
        "Plugins.load": (Plugins.load, {}),
        "Plugins.make": (
            lambda registry, name: plugins.make(registry, name, ""),
            {"registry": plugins.sinks, "name": "null"},
        ),
        "Plugins.resampler": (plugins.resampler, {"kind": "file", "from_hz": 8_000, "to_hz": 16_000}),
        "Plugins.sink": (plugins.sink, {"what": "null"}),
        "Plugins.source": (plugins.source, {"what": "silence"}),
        "Plugins.store": (plugins.store, {"what": f"jsonl:{folder / 'third'}", "environment": settings}),
        "PushSource.__init__": (PushSource, {}),
        "PushSource.fail": (PushSource().fail, {"error": OSError()}),
        "PushSource.write": (PushSource().write, {"chunk": frame()}),
        "Registry.find": (plugins.sinks.find, {"name": "null"}),
        "SpeechDetector.__init__": (SpeechDetector, {"rate_hz": 8_000}),
        "SpeechDetector.advance": (detector.advance, {"position": 0}),
        "SpeechDetector.feed": (detector.feed, {"frame": frame(rate_hz=8_000)}),
        **threads,
        "WavWriter.__init__": (WavWriter, {"path": folder / "d.wav", "rate_hz": 8_000}),
        "WavWriter.set_rate": (opened.set_rate, {"rate_hz": 8_000}),
        "WavWriter.write": (opened.write, {"pcm": b""}),
        "WavWriter.write_silence": (opened.write_silence, {"frames": 0}),
        "gain_of": (gain_of, {"db": 1.0}),
        "home": (home, {"environment": {}}),
        "load_json": (load_json, {"text": "{}"}),
        "load_scripts": (load_scripts, {"path": scripts}),
        "CalleeHandle.follows": (kit_handle.callee().follows, {"script": Script("answers", [Answer()])}),
        "MockHandle.load": (kit_handle.load, {"path": scripts}),
        "make_private": (make_private, {"folder": folder / "private"}),
        "replay": (replay, {"journal": []}),
    }


def _scripts(wav: Path, scripts: Path) -> dict[str, Valid]:
    """The steps of callees' scripts, and the verbs that add them."""

    def ringing(verb: str) -> Callable[..., object]:
        return lambda **arguments: getattr(CalleeScript(), verb)(**arguments)

    def answered(verb: str) -> Callable[..., object]:
        return lambda **arguments: getattr(CalleeScript().answers(), verb)(**arguments)

    return {
        "BargeIn.__init__": (BargeIn, {"path": wav}),
        "ComeBack.__init__": (ComeBack, {"after_s": 1}),
        "Echo.__init__": (Echo, {}),
        "IfHeard.__init__": (IfHeard, {"condition": Condition.SPEECH, "then": (Wait(1),)}),
        "Noise.__init__": (Noise, {}),
        "Repeat.__init__": (Repeat, {"times": 2, "steps": (Wait(1),)}),
        "SoundsLike.__init__": (SoundsLike, {"path": wav}),
        "Tone.__init__": (Tone, {"hz": 440}),
        "Voicemail.__init__": (Voicemail, {}),
        "CalleeScript.__init__": (CalleeScript, {}),
        "CalleeScript.answers": (ringing("answers"), {}),
        "CalleeScript.answers_elsewhere": (ringing("answers_elsewhere"), {}),
        "CalleeScript.barges_in": (answered("barges_in"), {"what": wav}),
        "CalleeScript.comes_back": (answered("comes_back"), {"after_s": 1}),
        "CalleeScript.declines": (ringing("declines"), {}),
        "CalleeScript.drops": (answered("drops"), {}),
        "CalleeScript.echoes": (answered("echoes"), {}),
        "CalleeScript.goes_to_voicemail": (ringing("goes_to_voicemail"), {}),
        "CalleeScript.hangs_up": (answered("hangs_up"), {}),
        "CalleeScript.if_heard": (answered("if_heard"), {"what": wav, "then": (Wait(1),)}),
        "CalleeScript.listens": (answered("listens"), {}),
        "CalleeScript.makes_noise": (answered("makes_noise"), {}),
        "CalleeScript.repeats": (answered("repeats"), {"times": 2, "steps": (Wait(1),)}),
        "CalleeScript.rings": (ringing("rings"), {"duration_s": 1}),
        "CalleeScript.says": (answered("says"), {"what": wav}),
        "CalleeScript.script": (answered("script"), {}),
        "CalleeScript.waits": (answered("waits"), {"duration_s": 1}),
    }


def given(arguments: dict[str, object]) -> dict[str, object]:
    """The arguments that have a value."""
    return {key: value for key, value in arguments.items() if value is not ...}


async def _refusal(function: Callable[..., object], arguments: dict[str, object]) -> str:
    """The message of the ConfigError that a call raises; another text if it raises none."""
    forgotten = [value for value in arguments.values() if inspect.iscoroutine(value)]
    try:
        result = function(**arguments)
        if inspect.isawaitable(result):
            await result
    except ConfigError as error:
        return error.message
    except Exception as error:
        return f"RAW {type(error).__name__}: {error}"
    finally:
        for coroutine in forgotten:
            coroutine.close()
    return "ACCEPTED"


def test_every_public_call_refuses_what_does_not_fit(tmp_path: Path) -> None:
    wrongs: list[str] = []

    async def main() -> None:
        r = rig()
        r.answer()
        async with r.phone, r.phone.dial(NUMBER) as call:
            valid = valid_calls(tmp_path, call, r.phone, kit_handle)
            differs = sorted(set(valid) ^ set(CALLS))
            assert not differs, f"public calls that are missing here, or are not there any more: {differs}"
            for name, (function, arguments) in valid.items():
                for parameter, annotation in CALLS[name].parameters.items():
                    for what, make in _wrong_values(annotation):
                        said = await _refusal(function, {**given(arguments), parameter: make()})
                        worded = name.startswith(OWN_WORDING + OF_DOCUMENTS) or (" must " in said and "got " in said)
                        if said.startswith(("RAW", "ACCEPTED")) or not worded:
                            wrongs.append(f"{name}({parameter}: {annotation}) with {what}: {said}")
            for name, (function, arguments) in valid.items():
                if ... not in arguments.values() and (said := await _refusal(function, arguments)) != "ACCEPTED":
                    wrongs.append(f"{name} is not a valid call: {said}")

    with kit_mock() as kit_handle:
        run(main())
    assert not wrongs, "\n" + "\n".join(wrongs)


def test_the_exceptions_exist() -> None:
    names = {call.name for call in public_calls(everything=True)}
    owners = {f"{name.partition('.')[0]}." for name in names}
    assert not set(NOT_CHECKED) - names - owners
    assert not {name.partition("(")[0] for name in EXCEPT} - names


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: SpeechDetector(0), "rate_hz must be between 1 and 768,000 hertz, got 0"),
        (lambda: SpeechDetector(8_000, threshold_dbfs=3), "threshold_dbfs must be between -100 and 0 dBFS, got 3"),
        (lambda: SpeechDetector(8_000, hang_ms=-1), "hang_ms must be between 0 and "),
        (lambda: BoundedStream(0), "capacity must be at least 1 items, got 0"),
        (lambda: CallPolicy(grace_s=0), "grace_s must be a positive, finite number of seconds, got 0"),
        (lambda: CallPolicy(ring_timeout_s=True), "ring_timeout_s must be a positive, .*, got True"),
        (lambda: ToneSource(0), "frequency_hz must be between 1 and 7,900 hertz, got 0"),
        (lambda: ToneSource(440, level_dbfs=0), "level_dbfs must be between -90 and -3.02 dBFS, got 0"),
        (lambda: SilenceSource(0), "duration_s must be between 0.001 and 86,400 seconds, got 0"),
        (lambda: GainFilter(21), "gain_db must be between -60 and 20, got 21"),
        (lambda: LimitFilter(1), "ceiling_dbfs must be between -60 and 0 dBFS, got 1"),
        (lambda: AiortcTransport(rate_hz=44_100), "rate_hz must be one of 8000, 12000, 16000, 24000, 48000, got 44100"),
        (lambda: AiortcTransport(complexity=11), "complexity must be between 0 and 10, got 11"),
        (lambda: LinkedTransport(0), "rate_hz must be between 1 and 768,000 hertz, got 0"),
        (lambda: TenantSettings(token_life_s=0), "token_life_s must be between 1 and 4,294,967,295 seconds, got 0"),
        (lambda: TenantSettings(keep_audio_s=7_200), "keep_audio_s must be between 0 and 3,600 seconds, got 7200"),
        (lambda: TenantBounds(calls=0), "calls must be at least 1, got 0"),
        (lambda: Faults().status(200), "status must be between 400 and 599, got 200"),
        (lambda: Faults().media(loss=1.5), "loss must be between 0 and 1, got 1.5"),
        (lambda: Faults().lost_answer(times=0), "times must be at least 1, got 0"),
        (lambda: ServerThread(plugins=[]), r"plugins must be offhook.plugin.Plugins, got list\. Write Plugins.load"),  # type: ignore[arg-type]
        (
            lambda: kit_mock(options={"seed": 1}),  # type: ignore[arg-type]
            r"options must be MockOptions\(\.\.\.\), got dict\. Write MockOptions\(\*\*options",
        ),
        (lambda: MockSettings(port=70_000), "port must be between 0 and 65,535, got 70000"),
        (lambda: Ring(-1), r"Ring\(duration_s\) must be a finite number of seconds, 0 or more, got -1"),
        (lambda: Say(""), r"Say\(path\) must be a file's name or a path, for example 'hello.wav', got ''"),
        (lambda: Script("x", Answer()), r"Script\(steps\) must be a tuple of steps, got Answer"),  # type: ignore[arg-type]
        (lambda: Script("x", (Answer,)), r"step 1 of the script .*the class Answer\. Did you forget the parentheses"),  # type: ignore[arg-type]
        (lambda: InProcessMock(plugins=[]), r"plugins must be offhook.plugin.Plugins, got list\. Write Plugins.load"),  # type: ignore[arg-type]
        (lambda: InProcessMock(tenant={}), r"tenant must be TenantSettings\(\.\.\.\), got dict\. Write TenantSettings"),  # type: ignore[arg-type]
        (lambda: MockServer({"port": 1}), r"settings must be MockSettings\(\.\.\.\), got dict\. Write MockSettings"),  # type: ignore[arg-type]
        (lambda: AsgiTransport(print, client=("a",)), "client must be a host and a port, got tuple"),  # type: ignore[arg-type]
        (lambda: FixedAuth(key=5), "the header key must be text, got 5"),  # type: ignore[arg-type]
    ],
)
def test_numbers_out_of_range_and_natural_guesses(make: Callable[[], object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        make()


def test_a_script_takes_text_for_a_path_and_a_list_of_steps() -> None:
    assert Say("hello.wav").path == Path("hello.wav")
    assert Script("x", [Answer(), Wait(1)]).steps == (Answer(), Wait(1))
