"""What docs/reference/interfaces.md says of an interface beside its docstrings: the rules, and what offhook does."""

from __future__ import annotations

#: Interface to its example, and to rules.
RULES = {
    "Auth": (
        "ExampleAuth",
        [
            "`headers` is awaited on the event loop, for every request; keys may come from anywhere, but do not block.",
            "Values are `Secret`, so that no log and no error holds one. `host` is where the request goes: give nothing to a host that is not yours.",
            "Built by the hook `offhook_auth`, or given: `Phone(auth=...)`.",
        ],
    ),
    "Carrier": (
        "ExampleCarrier",
        [
            "`check` and `line_id` have 10 s each, before anything rings. `start_call` is cancelled when the call's `setup_timeout_s` has passed or the caller hangs up; `aclose` has 5 s.",
            "`start_call` is asked once for a call, and never repeated. Once a byte of the request may have left, anything but a plain answer is a `StartAmbiguous`: then nobody dials again by mistake.",
            "`line_id` is asked before each call. With a `from_number` it returns the id of that line, or raises `ConfigError` where the carrier cannot call from it; `start_call` then calls from `request.from_number`.",
            "Say which error: `CredentialsRejected`, `RequestRejected`, `RateLimited`, `CarrierUnavailable`, `CarrierProtocolError`. Pass `may_have_rung=True` where it may have. Anything that is no `OffhookError` becomes a `PluginError`, and the record says that it is not known whether it rang.",
            "Set `endpoint` before `check` is asked; the default transport is chosen by it when the phone is made.",
            "One carrier serves many calls at once.",
        ],
    ),
    "Transport": (
        "ExampleTransport",
        [
            "One transport joins many channels at once; what they share is made in `join`, not in the constructor, and let go of in `aclose` (5 s).",
            "`check` has 10 s. It finds out whether something is there, and leaves nothing open.",
            "`join` is cancelled when `setup_timeout_s` has passed or the caller hangs up. It cleans up and lets the cancellation pass; a member it has made leaves the channel.",
            "It calls the handler from the loop that it was awaited on, never from another thread, and not before it returns: use `loop.call_soon`.",
            "Raise `TokenRejected` with Agora's reason (8 invalid, 9 expired) where the token is at fault, `JoinFailed` or `JoinTimeout` else.",
        ],
    ),
    "Leg": (
        "ExampleLeg",
        [
            "`send` is called 50 times a second: it must not block. Where nothing can be sent, it drops and counts. Frames are up to 20 ms at `rate_hz`.",
            "Who is in the channel is told in order and once: `MemberJoined`, `MemberPublished`, `MemberUnpublished`, `MemberLeft` with its reason. Nobody publishes before they joined, and nobody is told of themselves.",
            "A connection that breaks is `LegDisconnected`, then `LegReconnected`, or `LegFailed` when there is no hope. A channel that puts us out is `LegClosed`, and nothing comes after it. `GrantExpiring` and `AudioLost` are told if the channel says so.",
            "The leg comes back by itself, with pauses that grow; the core only waits, for the call's `grace_s`.",
            "`renew` has 10 s. `leave` has the call's `release_timeout_s`; it works without a network, a second time and from a cancelled task, and nothing is told after it: no event, no audio.",
            "`counters` go into the record under plain names. What is lost or dropped is counted under names that have `lost` or `dropped` in them (`frames_lost`, `frames_dropped`): over an outage these grow by its frames, in one direction at least. Count what `send` was given from the moment that the network was gone, also before the leg noticed (a dead TCP connection takes frames for a while); or what was not heard, by the jump of positions. `transport-11` adds them up.",
            "A leg whose `send` raises is broken: it is left, and the call ends.",
        ],
    ),
    "LegHandler": (
        "ExampleLegHandler",
        [
            "offhook implements it, and gives it to `Transport.join`; a transport's own tests do as well.",
            "Call it on the loop that the leg was joined on: from a thread of an SDK, by `loop.call_soon_threadsafe`.",
            "It neither blocks nor raises. It may end the call from within: after each call of it, look whether the leg has been left.",
        ],
    ),
    "AudioSource": (
        "ExampleSource",
        [
            "Opened when it is made, on the loop; what is wrong is raised then, as `SourceError`.",
            "`read` is awaited on the loop and may take its time; while it does, the call sends silence and counts underruns. Do not block: read files in a thread, or in small parts.",
            "It is read ahead by some frames and cancelled when playing stops; `aclose` is awaited then, within bounds.",
            "A source that raises in mid-play ends that play (`PlayoutEnd.FAILED`); what it gave before is played.",
        ],
    ),
    "AudioSink": (
        "ExampleSink",
        [
            "Opened when it is made, on the loop; one that cannot be written is refused then, as `RecordingError`.",
            "`write` is awaited on the loop, frame by frame; a slow one loses frames and never holds up the call. The first frame is empty and marks where the recording begins; where positions jump, nothing was heard.",
            "One that raises is dropped, and the call goes on. `aclose` has 5 s.",
        ],
    ),
    "AudioFilter": (
        "ExampleFilter",
        [
            "`apply` is called on the frame path, synchronously: no I/O, no waiting, well below a millisecond.",
            "`close` is called once, also for one that was taken out because it misbehaved.",
        ],
    ),
    "Resampler": (
        "ExampleResampler",
        [
            "Called on the loop, synchronously, with a tenth of a second at most. An odd number of bytes, or an exception, ends the play with a `PluginError`.",
        ],
    ),
    "Store": (
        "ExampleStore",
        [
            "`append` and `save` are called on the loop, synchronously, before what they announce is done: be quick, and be durable.",
            "One that raises `RecordingError` (or anything) costs its journal and never a call that is up; but nobody is rung when no store can be written.",
            "Documents hold neither keys, tokens nor full numbers.",
            "Calls of several phones and processes may be written at once.",
            "A store does not wait for a network. To keep calls on a server, write them to a local store first and send them from there in the background (an outbox): a follower of a local store, not a `Store` of its own.",
        ],
    ),
    "Archive": (
        "ExampleArchive",
        ["Synchronous, and used by `offhook records`. It is opened while stores write."],
    ),
    "DialGuard": (
        "ExampleGuard",
        [
            "Awaited on the loop. `claim` has 10 s, before anything rings; `release` has 2 s, after the call. Both may be asked for a key again when an answer was lost: `release` does nothing for a call that does not have the key.",
            "The phone uses the first of its stores that is one as well, else one in memory.",
            "A guard that raises or does not answer refuses the call: nothing rings when it is not known whether the callee is being rung.",
        ],
    ),
}
