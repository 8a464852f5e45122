"""What keeps a mock safe on the machine of its user, row by row; `docs/generate.py` adds the tests."""

from __future__ import annotations

from typing import Final

#: The rows of the fault catalogue that belong to it.
FAULTS: Final = tuple(f"F{number}" for number in range(44, 57))

#: Row: what somebody could try, what the mock does.
SAFETY: Final[dict[str, tuple[str, str]]] = {
    "S1": ("A name that is made to mean this machine (DNS rebinding), on any path, read or write, HTTP or WebSocket", "421 before anything else is looked at: the Host must be one of the mock's own names, with its port"),
    "S2": ("A WebSocket that a foreign page opens", "403 before it is accepted, on every path"),
    "S3": ("A foreign page, a sandboxed frame or a page at another port that writes: a form, `text/plain`, `fetch` with any type", "403 for the Origin; 415 for what is not JSON, from every page"),
    "S4": ("Other machines", "It listens on 127.0.0.1 and nowhere else. There is no option for that"),
    "S5": ("Live keys in its environment, or sent to it by mistake", "It makes keys of its own, and reads and shows no others. Only `--open` accepts keys that it has not made"),
    "S6": ("A page that reads an answer", "No answer has CORS headers, not even to a preflight; without credentials every operation is refused but the two that are the same in every mock"),
    "S7": ("A page that causes reads, to fill a journal or to learn from how long they take", "403 for everything that a browser says is for a foreign page, but for a link that the user follows. At most ten such refusals a minute are noted for each status; all of them are counted"),
    "S8": ("Bodies, headers and documents that are too large, too slow, too deep, or not what they seem", "413, 431, 408 and 400, in the shape of the API that was asked"),
    "S9": ("Script in what a page shows, or a page of ours in a frame", "The only page shows nothing that a client has sent. It is escaped, has no script, and its policy allows none"),
    "S10": ("A page of the mock's own origin that controls it", "403: no page may, so that there is no cookie or link to steal"),
    "S11": ("A stream or a wait that holds up the stop", "It is ended; the mock stops within a second"),
    "S12": ("The control token in Sendblue's API, keys and tokens of Sendblue's API in the control API, and credentials that are wrong, empty, very long or unprintable", "401, or 403 for keys. With `--open`, no secret of a mock becomes a key"),
    "S13": ("Guessing a secret by the time that its comparison takes", "Secrets are compared in constant time; access tokens are looked up by their hash"),
    "S14": ("Things of another tenant, or of one that was removed", "The status and the text of what has never been"),
    "S15": ("Escape sequences, line breaks and marks of direction in any text that a client sends", "What is printed, logged or reported is escaped; JSON is in ASCII"),
    "S16": ("Webhooks to other machines: private, link-local and shared addresses, the forms of IPv6 that hold an address of IPv4, numbers for addresses, names that change, redirects, other schemes", "Nothing is opened, and the delivery is a dead letter that says so"),
    "S17": ("Paths, links, devices and pipes as names of scripts, clips and recordings", "Names are of our own alphabet or known; nothing else is opened"),
    "S18": ("Floods, and clients that do not read", "Everything is bounded and counted, and who does not read is cut"),
    "S19": ("Line breaks in what becomes a header", "Refused, or never in a header"),
    "S20": ("A secret in the output of the whole test-suite", "Everything that tests print, log and write is scanned, and none is found"),
    "S21": ("Files with keys or tokens that other users read", "They are readable for their owner alone, and deleted at the stop"),
}  # fmt: skip
