"""The traps of Agora's Python SDK: what it does, and what offhook does about it. `docs/generate.py` adds the tests."""

from __future__ import annotations

from typing import Final

#: Section, its title, then trap: what the SDK does, what offhook does. A test is marked with a section or with a trap.
TRAPS: Final[dict[str, tuple[str, dict[str, tuple[str, str]]]]] = {
    "1.1": ("The order of one call", {
        "1.1a": ("`initialize()` returns 0 although the app id was rejected: a later result overwrites the first", "Reads `service.inited` and nothing else; a service that is not up is `JoinFailed`, since the app id comes with the grant"),
        "1.1b": ("A second `initialize()` returns 0 and ignores its arguments, so a process cannot change its app id; after `release()` the service is unusable", "One child process for each app id; once a service is up in it, it is the only one, and is released when the child ends"),
        "1.1c": ("Events that occur before an observer is registered are lost", "Registers both observers, then the playback format, then the audio observer, and connects last"),
        "1.1d": ("The subscription of remote audio is off by default, and a second audio observer raises AttributeError", "Sets `auto_subscribe_audio`; registers one audio observer for each connection"),
        "1.1e": ("`connect()` returns 0 before anything is decided; the uid is text, and \"0\" asks for one", "Joined means `on_connected`, or the join fails with its reason or by the setup timer; the uid that was assigned is read from the event"),
    }),
    "1.2": ("The scenario", {
        "1.2a": ("AI_SERVER is the default, and upstream warns of disturbed audio unless the far end runs AI_CLIENT, which Sendblue does not promise", "CHORUS is the default; `OFFHOOK_AGORA_SCENARIO` selects another"),
        "1.2b": ("The inherited `on_aiqos_capability_missing` returns None, and upstream then raises TypeError inside a native callback", "Always overridden: it returns -1, which keeps the scenario"),
    }),
    "1.3": ("Receiving", {
        "1.3a": ("An audio callback that returns None, or raises, makes one TypeError per frame in `sys.unraisablehook`, and the frames go on", "Every callback returns an int; a failure is caught and counted (`sdk_callbacks_failed`)"),
        "1.3b": ("Frames have the length that the SDK likes, and the playback rate must be set before the audio observer", "Lengths are read from each frame; two frames of 10 ms become one of 20 ms; positions count samples, and a pause is a jump"),
        "1.3c": ("Callbacks come on native threads; an SDK call or work inside one can stop the SDK", "A callback copies and queues, with a limit; no SDK call is made inside one"),
    }),
    "1.4": ("Sending", {
        "1.4a": ("`bytes` raises TypeError: the buffer must be writable", "Pushes a bytearray"),
        "1.4b": ("No buffer of 11.025, 22.05 or 44.1 kHz is accepted: -1002, whatever its length", "A leg has 8, 12, 16, 24, 32 or 48 kHz; other rates are converted before the SDK sees them"),
        "1.4c": ("It accepts far more than real time (1,000 s), so the program that pushes decides what an interruption costs", "Keeps 100 ms (`OFFHOOK_AGORA_LEAD_MS`) ahead, on absolute deadlines; more than 200 ms ahead is dropped and counted"),
        "1.4d": ("Refusals are return values, -201 for a full queue", "Each return value is read; a refused frame is counted"),
    }),
    "1.5": ("Events and their numbers", {
        "1.5a": ("The reason of a failure is a number, some without documentation", "Each number is one of our errors or the end of a call; an unknown one is a generic error that states it"),
        "1.5b": ("It says interrupted after 4 s, lost after 10 s, and goes on trying for 20 minutes", "Our own deadline: `grace_s` of the call ends it"),
        "1.5c": ("30 s before a token ends it calls back with the token as argument; without a fresh one the connection is dropped", "The token is renewed before that where a plugin supplies one, else the call ends in order; a token is in no log"),
        "1.5d": ("The same uid elsewhere, a kick and a ban end the connection with numbers of their own", "The leg ends with the reason; it does not fight for the uid"),
    }),
    "1.6": ("Barge-in", {
        "1.6a": ("`interrupt_audio()` returns -1000 on success, and under AI_SERVER it unpublishes and publishes again", "`clear()` calls it, reads no return value of it, and counts itself what was heard; the default scenario publishes nothing again"),
        "1.6b": ("`is_push_to_rtc_completed()` guesses by the wall clock and is true on a fresh connection", "A clock of our own on the monotonic clock knows what is queued; `clear()` returns what was heard, in ms"),
    }),
    "1.7": ("Teardown, deadlocks, crashes", {
        "1.7a": ("Disconnect, unregister and release wait for callbacks in flight: a lock held across them hangs for ever", "No lock is held across an SDK call, and none is made on the event loop; a child that hangs is killed"),
        "1.7b": ("`disconnect()` after `release()` hands a null pointer to native code, and a second `release()` raises", "A membership is released once, by a state of its own"),
        "1.7c": ("A destroy right after a disconnect is delicate", "Waits for `on_disconnected`, 2 s at most, and then releases; the service is released at the end of the process alone"),
        "1.7d": ("Native code that crashes or aborts takes the process with it", "The SDK runs in a child process: the leg rejoins from a fresh one within the call's grace, with the gap marked, or the call ends as `failed` with the reason"),
    }),
    "1.8": ("What it prints", {
        "1.8a": ("Importing logs at ERROR and may draw a bar; each subscription and each capability change prints a line", "The child's output is a pipe that we read: it is logged at DEBUG, redacted, and never reaches our standard output"),
    }),
    "2.1": ("Where the native libraries are", {
        "2.1a": ("The installer puts them beside the package, in no list of files, and only for pip and the source archive; uv and wheels install none", "`offhook agora fetch` puts them into a folder of ours or yours; see [what was measured](../how-to/agora-sdk-install.md)"),
        "2.1b": ("The first import downloads what is missing, over TLS without verification and with no checksum, and deletes the folder first", "`agora/__init__.py` is never run: a parent module of ours stands in its place, so that nothing is downloaded or deleted"),
        "2.1c": ("An import fails as URLError, OSError, AttributeError or `SystemExit(1)`", "Caught, all of them, in the child: `TransportNotSetUp` with one sentence; the process lives on"),
        "2.1d": ("It replaces the TLS default of the whole process by an unverified one, twice", "It happens in the child, where the default is put back after the import; the parent never imports the SDK"),
    }),
    "2.2": ("Platforms", {
        "2.2a": ("Linux with glibc on x86_64 and aarch64, macOS 13; a library of another machine fails with a misleading message", "`offhook agora check` reads the header of the library and names what is wrong: machine, musl, glibc"),
        "2.2b": ("What the libraries open later is looked for in `LD_LIBRARY_PATH`, which counts only at the start of a process", "The child is started with the folder in front"),
        "2.2c": ("Unrelated packages are called `agora` too", "The SDK is recognised by `rtc/agora_service.py`; another package is named in the message"),
    }),
    "2.3": ("Importing it", {
        "2.3a": ("`find_spec(\"agora.rtc\")` runs the downloader", "Only `find_spec(\"agora\")` is used, and only where a transport is chosen; importing offhook imports none of it"),
        "2.3b": ("A library that lacks a symbol is found out by its import alone", "`offhook agora check` imports it in a child process and names the symbol"),
        "2.3c": ("Sendblue returns the app id with each call, and a process can have one", "A second app id gets a child of its own"),
    }),
}  # fmt: skip
