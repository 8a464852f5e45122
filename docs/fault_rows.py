"""The fault catalogue: what goes wrong in calls, and what offhook does then. `docs/generate.py` adds where it is tested."""

from __future__ import annotations

from typing import Final

#: Group, then row: fault, what happens. Rows of later versions say so with an empty second text.
ROWS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "Asking the carrier": {
        "F1": ("Nothing listens there; the name cannot be resolved", "Connecting is tried up to three times, since nothing has left; then `CarrierUnavailable`, and the record says that nothing rang. A proxy, or certificates, that are to blame are named by the variable of the environment"),
        "F2": ("The request left and its answer was lost", "Never sent again: `StartAmbiguous`, `rang: unknown`, and the guard holds the number for 60 s"),
        "F3": ("401, 403", "`CredentialsRejected` at once; the message names the headers and no value"),
        "F4": ("400, 422, error bodies of any shape, HTML pages", "`RequestRejected` or `CarrierProtocolError` with the status and a redacted excerpt"),
        "F5": ("429, with Retry-After as seconds, as a date, absurd or missing", "`RateLimited` with `retry_after_s` between 0 and an hour; nothing is waited for or sent again"),
        "F6": ("500, 502, 503", "`CarrierUnavailable`, not sent again; it may have rung"),
        "F7": ("200 whose grant lacks a field or holds a wrong one", "`CarrierProtocolError` that names the field; extra fields are passed over"),
        "F8": ("200 with a status that is not OK", "`RequestRejected`"),
        "F9": ("An answer that is cut, dribbles, is compressed or endless", "One deadline for everything, a cap on the size; a typed error and a closed socket"),
        "F10": ("A redirect", "Not followed: keys are for the configured host alone"),
        "F11": ("Numbers that are not E.164, emergency numbers of their country, our own number", "Refused before anything leaves"),
        "F12": ("Two calls to one number at once, or a moment apart", "The second is refused (`DoubleDial`) unless it says `redial=True`"),
    },
    "Joining, and the token": {
        "F13": ("Joining never comes to an end", "`JoinTimeout` by the setup timer; the record says that it may have rung"),
        "F14": ("A token that is forged, or for another channel, uid or app", "`TokenRejected` with Agora's reason, 8 or 9; not tried again"),
        "F15": ("The token ends in mid-call and is renewed", "No gap in the audio; `GrantRenewed` in the timeline"),
        "F16": ("The token ends and cannot be renewed", "The call ends by itself just before, cause 57, recordings finished"),
        "F17": ("Clocks that differ, or are set in mid-call", "Deadlines follow the monotonic clock; times never run back"),
        "F18": ("Somebody joins with our uid", "The member who was there is put out and does not fight back"),
        "F19": ("The callee never appears", "The ring timer: `no_answer`, and the channel is left"),
        "F20": ("Audio before the answer", "Kept; what the answer rests on is written with its grade"),
    },
    "Media and network": {
        "F21": ("Loss of 1 to 50 %, bursts, reordering, duplicates", "Concealed and counted; nothing breaks"),
        "F22": ("Jitter up to 500 ms, a step in latency", "The delay comes back to what it was; nothing grows"),
        "F23": ("A blackout that passes", "DISCONNECTED and back, once; the gap is marked at its length"),
        "F24": ("A blackout for good", "The grace timer ends the call; the channel is left, the record is complete"),
        "F25": ("Audio in one direction only", "`AudioLost` within 3 s; the call goes on unless the policy says otherwise"),
        "F26": ("A source that is slow, fast, stalls, raises, or has another rate", "Silence that is counted, back-pressure, `PluginError`, conversion. One that stalls while its end is waited for fails after 5 s (`SourceStalled`)"),
        "F27": ("A sink or a listener that is slow or stuck", "It loses the oldest audio, which is counted; nothing else is affected"),
        "F28": ("Frames that are odd, empty, too loud or not numbers", "Refused or clipped at the edge; samples that were clipped, NaN or cancelled out are counted, and noted once for each item"),
        "F29": ("Malformed RTP, RTCP or signalling", "Dropped and counted, without an error or a line in the log for each; relay and leg live on"),
    },
    "A call's life": {
        "F30": ("Cancellation at any await", "The call is hung up, nothing is left, and the cancellation goes on"),
        "F31": ("SIGTERM or ctrl-C in mid-call", "Hung up and written down within 5 s; a second signal ends it now"),
        "F32": ("SIGKILL in mid-call", "The next start lists the call as interrupted; its recording opens"),
        "F33": ("The program fails in mid-call", "Leaving the block hangs up"),
        "F34": ("The callee hangs up while we speak, or while we hang up", "`completed` by the callee; what was queued is dropped; no error"),
        "F35": ("Code that blocks the event loop; a process that stands still", "A gap of the right length. The watchdog names the code that blocks; a process that stood still is noted as `StoodStill`"),
        "F36": ("More calls than there is room for", "`TooManyCalls`; where the process may open no more files, the error of the step that needed one; the others go on"),
        "F37": ("A thousand calls one after the other, two hundred at once", "Descriptors, threads, tasks and memory are back where they were"),
        "F38": ("fork, and the end of the interpreter, with a call up", "Refused with a reason; no hang at the exit"),
    },
    "Plugins": {
        "F39": ("Plugins that raise, exit, hang, give nonsense, are there twice or answer no hook", "`PluginError` that names plugin, distribution and hook. What cannot be loaded or read is left out and reported; an observer is recorded and the call goes on; a leg ends the call in order; a rule that fails has refused, and of renewals the next is asked. A leg's calls from other threads are taken over to the loop, 250 at once. No part's error leaves `async with` of a call or a phone"),
        "F40": ("Agora's SDK is absent, exits, or turns off TLS checks", "Absent, incomplete or for another machine: `TransportNotSetUp` or `MissingExtraError` before anything rings, in one sentence that says what to type. It is imported in a process of its own only, over a parent module of ours that downloads and deletes nothing; a `SystemExit`, the TLS default and what is printed stay in that process. For any other plugin: at import and in factories `SystemExit` is a `PluginError`, the TLS hook is put back and reported, and what is printed stays out of documents"),
        "F41": ("Callbacks after release; native code that crashes or hangs", "Each join has a `SafeLegHandler`: what comes after the leg has left is ignored, counted and noted once; after the end, logged once. The SDK's process may crash, abort, exit, hang or stand still: within a bound the leg rejoins from a fresh process while the call's grace and the token last, with the gap marked, or the call ends as `failed`, with the reason in its record. It ends with ours, whatever ended ours"),
    },
    "Records and recordings": {
        "F42": ("Disk full, folder read-only or gone, file deleted or there already", "It costs the recording or the record, not the call; nothing is written over"),
        "F43": ("Names and numbers in file names", "File names come from our own ids"),
    },
    "The mock server": {
        "F44": ("Slow, huge, deep or odd requests", "408, 413, 431 or 400 in Sendblue's error shape; the work of one turn of the loop is bounded"),
        "F45": ("Clients that do not read, and queues that are full", "What is owed to a client is bounded, and its connection is cut after 10 s. A tenant's journal drops its oldest entries at its limits of count and bytes, and its oldest webhooks that wait, and counts them"),
        "F46": ("One tenant asks for another's calls", "404, with the text for a channel that never existed; another's line is refused as an unknown one"),
        "F47": ("Control paths with a client's key, and the reverse", "403, and 401: the control API has its own prefix and token, and is closed to browsers"),
        "F48": ("Forms and foreign pages that write or read", "403 or 415"),
        "F49": ("DNS rebinding", "421 on every path"),
        "F50": ("A foreign page's WebSocket", "Refused before it is accepted"),
        "F51": ("Script in what a page would show", "The only page shows nothing that a client has sent; what is shown elsewhere is escaped"),
        "F52": ("Webhooks to addresses that are not theirs to reach", "Posted to this machine alone, and to hosts that are listed. A name is looked up once for each connection, which is made to the address that was checked; redirects are not followed"),
        "F53": ("Webhook receivers that are slow, broken or gone", "Attempted again with growing pauses, then a dead letter that can be replayed; 410 ends it at once. No call and no other receiver is held up, and what is about one call keeps its order"),
        "F54": ("Webhooks that are forged, repeated or late", "Our receiver compares the secret in constant time, handles an event once, ignores those that are too old, and trusts no order; each is counted"),
        "F55": ("Scripts that reach for other files, or never end", "Refused when they are read, with the line: files outside the script's folder, what is not a regular file, too many steps, too deep"),
    },
    "Secrets": {
        "F56": ("A key or token in anything that is written or shown", "Redacted by value"),
    },
}  # fmt: skip

#: With which faults of a tenant of the mock a test causes a row, see `docs/how-to/cause-faults.md`.
CAUSED_BY: Final[dict[str, str]] = {
    "F1": "refused()",
    "F2": "lost_answer(), lost_request(), delay(30)",
    "F3": "status(401), status(403)",
    "F4": "status(400), status(422, body=…), html(status=404)",
    "F5": "retry_after(7), retry_after(…)",
    "F6": "status(500), status(503, rings=True)",
    "F7": "malformed_grant('missing agora')",
    "F8": "error_in_200()",
    "F9": "truncated(), reset(), dribble(), garbage(), huge(), gzip_bomb()",
    "F10": "redirect(…)",
    "F13": "join_never_answers()",
    "F14": "token('expired'), token('other channel')",
    "F15": "token(life_s=10)",
    "F16": "token(life_s=10), renewal_refused()",
    "F18": "duplicate_uid()",
    "F21": "media(loss=0.2, burst=3, reorder=0.1, duplicate=0.1)",
    "F22": "media(jitter_s=0.5), media(delay_s=2.0)",
    "F23": "blackout(for_s=3)",
    "F24": "blackout()",
    "F25": "media('to_callee', muted=True)",
}

#: The rows that say what happens. Each of them has a test; a check fails when one has none.
COVERED: Final = frozenset(row for rows in ROWS.values() for row, (_, happens) in rows.items() if happens)
