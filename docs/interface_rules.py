"""What docs/reference/interfaces.md says of an interface besides its docstrings: its rules, and what offhook does."""

from __future__ import annotations

#: For each interface, the name of its example and its rules.
RULES = {
    "Auth": (
        "ExampleAuth",
        [
            "`headers` is awaited on the event loop for every request. Keys may be read from anywhere, but without blocking.",
            "Values are `Secret`, so that no log and no error contains one. `host` is where the request goes: raise `ConfigError` for a host that is not yours, so that keys go nowhere else.",
            "It is made by a factory that the hook `offhook_auth` registers, or passed as `Phone(auth=...)`.",
        ],
    ),
    "Carrier": (
        "ExampleCarrier",
        [
            "`check`, `lines_to_choose` and `line_id` have 10 s each, before anything rings. `start_call` is cancelled when the call's `setup_timeout_s` has passed or the caller hangs up; `aclose` has 5 s.",
            "`start_call` is called once per call and never repeated. Once a byte of the request may have been sent, anything but a clear answer is a `StartAmbiguous`, so that the number is not dialled again by mistake.",
            "`line_id` is called before each call. With a `from_number` it returns the id of that line, or raises `ConfigError` where the carrier cannot call from it; `start_call` then calls from `request.from_number`.",
            "A carrier that knows its lines returns them from `lines_to_choose`: one line that is set, or several, among which the phone chooses. The line is in the request, in the record and in reports from then on.",
            "Raise the error that fits: `CredentialsRejected`, `RequestRejected`, `RateLimited`, `CarrierUnavailable`, `CarrierProtocolError`. Pass `may_have_rung=True` if the callee's device may have rung. Any exception that is not an `OffhookError` becomes a `PluginError`, and the record then says that it is not known whether the call rang.",
            "Set `endpoint` before `check` is called; when the phone is made, it chooses the default transport by it.",
            "One carrier serves many calls at once.",
        ],
    ),
    "Transport": (
        "ExampleTransport",
        [
            "One transport joins many channels at once. Make what they share in `join`, not in the constructor, and release it in `aclose`, which has 5 s.",
            "`check` has 10 s. It finds out whether the endpoint answers, and leaves nothing open.",
            "`join` is cancelled when `setup_timeout_s` has passed or the caller hangs up. It then cleans up and lets the cancellation pass; a member that it has created leaves the channel.",
            "Call the handler on the event loop on which `join` was awaited, never from another thread, and not before `join` returns: use `loop.call_soon`.",
            "Raise `TokenRejected` with Agora's reason (8 invalid, 9 expired) if the token is at fault, otherwise `JoinFailed` or `JoinTimeout`.",
        ],
    ),
    "Leg": (
        "ExampleLeg",
        [
            "`send` is called 50 times a second and must not block. A frame that cannot be sent is dropped and counted. Frames are up to 20 ms at `rate_hz`.",
            "The events of a member arrive in order, each once: `MemberJoined`, `MemberPublished`, `MemberUnpublished`, `MemberLeft` with its reason. A member publishes only after it has joined, and our own leg is not reported as a member.",
            "A broken connection is `LegDisconnected`, followed by `LegReconnected`, or by `LegFailed` if it cannot be restored. If the channel removes us, that is `LegClosed`, and no event follows it. Report `GrantExpiring` and `AudioLost` if the channel does.",
            "The leg reconnects by itself, with pauses that grow; the core only waits, for the call's `grace_s`.",
            "`renew` has 10 s. `leave` has the call's `release_timeout_s`; it must work without a network, when called again, and from a cancelled task. After it, the handler is not called any more, neither with events nor with audio.",
            "`counters` are written to the record under plain names. Lost and dropped frames are counted under names that contain `lost` or `dropped` (`frames_lost`, `frames_dropped`): during an outage these must grow by its frames, in at least one direction. Count the frames passed to `send` from the moment at which the network was gone, even before the leg noticed (a dead TCP connection accepts frames for a while); or count the frames that were not heard, by the jump of positions. `transport-11` adds them up.",
            "`flush` is called when the callee barges in (`Call.clear`). Only a leg that queues what it sends needs one of its own; what it returns is subtracted from what the callee heard.",
            "If `send` or `flush` raises, the leg counts as broken: offhook leaves it, and the call ends.",
        ],
    ),
    "LegHandler": (
        "ExampleLegHandler",
        [
            "offhook implements it and passes it to `Transport.join`; the tests of a transport can do the same.",
            "Call it on the event loop on which the leg joined; from a thread of an SDK, use `loop.call_soon_threadsafe`.",
            "It neither blocks nor raises. It may end the call while it runs: after each call of it, check whether the leg has been left.",
        ],
    ),
    "AudioSource": (
        "ExampleSource",
        [
            "It is opened when it is made, on the event loop; raise `SourceError` then if anything is wrong.",
            "`read` is awaited on the event loop and may take its time; meanwhile the call sends silence and counts underruns. Do not block: read files in a thread, or in small parts.",
            "It is read some frames ahead, and `read` is cancelled when playing stops; then `aclose` is awaited, with a time limit.",
            "`position` says where in the source a frame begins, in samples at the frame's rate: add up the samples returned so far. Sinks write silence where it jumps; it never goes back. Playout ignores it.",
            "If `read` raises, that playout ends as `PlayoutEnd.FAILED`; the frames before it are played.",
        ],
    ),
    "AudioSink": (
        "ExampleSink",
        [
            "It is opened when it is made, on the event loop; raise `StorageError` then if it cannot be written.",
            "`write` is awaited on the event loop, frame by frame. A slow sink loses frames and never holds up the call. The first frame is empty and marks where the recording begins; where positions jump, nothing was heard.",
            "A sink that raises is removed, and the call goes on. `aclose` has 5 s.",
        ],
    ),
    "AudioFilter": (
        "ExampleFilter",
        [
            "`apply` is called synchronously on the frame path: no I/O, no waiting, well below a millisecond.",
            "`close` is called once, also for a filter that was removed because it misbehaved.",
        ],
    ),
    "Resampler": (
        "ExampleResampler",
        [
            "It is called synchronously on the event loop, with at most a tenth of a second of audio. If it returns an odd number of bytes or raises, the playout ends with a `PluginError`.",
        ],
    ),
    "Store": (
        "ExampleStore",
        [
            "`append` and `save` are called synchronously on the event loop, before the action that they announce: be quick, and be durable.",
            "If one raises `StorageError` (or anything else), the call loses its journal, but a call that is up goes on. If no store can be written, offhook does not place the call.",
            "Documents contain neither keys, tokens nor full numbers.",
            "Calls of several phones and processes may be written at once.",
        ],
    ),
    "Archive": (
        "ExampleArchive",
        ["It is synchronous, and used by `offhook records`. It may be opened while stores write."],
    ),
    "DialGuard": (
        "ExampleGuard",
        [
            "Its methods are awaited on the event loop: `claim` has 10 s, before anything rings; `release` has 2 s, after the call. Where an answer was lost, `release` may be called for a key that the call does not have; then it does nothing. The phone uses the first of its stores that is also a guard, otherwise one in memory.",
            "If it raises or does not answer, the call is refused: offhook does not ring a number while it cannot know whether that number is being rung already.",
        ],
    ),
}
