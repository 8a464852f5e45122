"""Many calls through one mock, each with a sound of its own in both directions, and what must be true of every one."""

from __future__ import annotations

import wave
from array import array
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from offhook import AudioFrame
from offhook.testing import ListSink, MemoryStore, check_call
from offhook_mockserver.callees.callee import CalleeEnd
from offhook_mockserver.callees.script import Answer, Ring, Say, Script, Wait

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from offhook import Call, Phone
    from offhook.interfaces.store import Document
    from offhook_mockserver.server.mock import Mock

RATE_HZ: Final = 16_000
#: Samples that each side says; not a whole number of frames.
SPOKEN: Final = 10 * RATE_HZ // 50 + 77
#: Samples that a caller's program passes at a time; none of these pieces starts where a frame of the leg starts.
_PIECE: Final = 237
#: What is said: each call starts at its own place in it.
_UP: Final = array("h", range(1, 32_767))
_DOWN: Final = array("h", (-sample for sample in _UP))
#: Callees start to speak while their caller does, and say less than it takes them to hang up.
_RINGING_S, _PAUSE_S = 0.1, 0.1


def number_of(index: int) -> str:
    """One of 1,000 numbers that are reserved for fiction."""
    return f"+1{200 + index // 100}5550{100 + index % 100}"


def index_of(number: str) -> int:
    """The index of the call with this number."""
    return (int(number[2:5]) - 200) * 100 + int(number[-3:]) - 100


def callers_sound(index: int) -> array[int]:
    """What the caller of one call says: no sample is 0, and none is what another caller says at that place."""
    return _UP[index * 29 : index * 29 + SPOKEN]


def callees_sound(index: int) -> array[int]:
    """What its callee says: the same below 0, so that no caller ever says it."""
    return _DOWN[index * 29 : index * 29 + SPOKEN]


def script_in(folder: Path) -> Callable[[str], Script]:
    """Returns a script for each number, with a callee whose voice is written to `folder`."""

    def script_for(number: str) -> Script:
        path = folder / f"{number}.wav"
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
            file.writeframes(callees_sound(index_of(number)).tobytes())
        return Script("says what no other callee says", (Ring(_RINGING_S), Answer(), Wait(_PAUSE_S), Say(path)))

    return script_for


class CallStore(MemoryStore):
    """Keeps the journal and the record of each call by itself, until they are taken."""

    def __init__(self) -> None:
        super().__init__()
        self.journals: defaultdict[str, list[Document]] = defaultdict(list)

    def append(self, call_id: str, entry: Document) -> None:
        self.journals[call_id].append(entry)

    def take(self, call_id: str) -> tuple[list[Document], Document]:
        """Return the journal and the record of a call, and forget them."""
        return self.journals.pop(call_id), self.records.pop(call_id)


async def nothing() -> None:
    """Does nothing."""


async def converse(
    phone: Phone, index: int, folder: Path, *, met: Callable[[], Awaitable[object]] = nothing
) -> tuple[Call, ListSink]:
    """Place the call `index`, let both sides say all they have to say, and hang up.

    Args:
        phone: with a `CallStore`.
        index: which call.
        folder: where the recording of both sides is made.
        met: awaited once the callee has answered.
    """
    sink, said = ListSink(), callers_sound(index).tobytes()
    pieces = [AudioFrame(said[at : at + 2 * _PIECE], RATE_HZ) for at in range(0, len(said), 2 * _PIECE)]
    async with phone.dial(number_of(index), record=folder / f"{index}.wav") as call:
        call.listen(sink)
        assert await call.answered()
        await met()
        handle = call.play(pieces)
        heard = 0
        async for frame in call.audio():
            heard += len(array("h", frame.pcm)) - array("h", frame.pcm).count(0)
            if heard >= SPOKEN:
                break
        await handle.done()
        await call.hang_up(after="playout")
    return call, sink


def check(mock: Mock, store: CallStore, index: int, call: Call, sink: ListSink, folder: Path) -> None:
    """Check a call, and remove all that it may leave: what is still there afterwards is a leak."""
    record = call.record
    (live,) = (live for live in mock.tenant.ended if live.channel == record.channel)
    mock.tenant.ended.remove(live)
    assert live.to == number_of(index)
    assert live.end is CalleeEnd.CALLER_LEFT
    assert mock.rooms.get(live.channel) is None
    both, callees = folder / f"{index}.wav", folder / f"{record.channel}.callee.wav"
    journal, saved = store.take(record.call_id)
    check_call(record, journal=journal, saved=saved, recordings=[both, callees])
    assert record.disposition == "completed", record.problem
    caller, callee = callers_sound(index), callees_sound(index)
    left, right = channels(both)
    assert sounds(left) == caller, f"call {index}: what was recorded as said is not what this caller said"
    assert sounds(right) == callee, f"call {index}: what was recorded as heard is not what its callee said"
    assert sounds(channels(callees)[0]) == caller, f"call {index}: the callee did not hear its own caller"
    heard = array("h", b"".join(frame.pcm for frame in sink.frames))
    assert sounds(heard) == callee, f"call {index}: the caller did not hear its own callee"
    for path in (both, callees, folder / f"{number_of(index)}.wav"):
        path.unlink()


def channels(path: Path) -> list[array[int]]:
    """The samples of a WAV file, channel by channel."""
    with wave.open(str(path)) as file:
        samples = array("h", file.readframes(file.getnframes()))
        return [samples[channel :: file.getnchannels()] for channel in range(file.getnchannels())]


def sounds(samples: array[int]) -> array[int]:
    """The samples from the first to the last that is not silent."""
    pcm = samples.tobytes()
    first = len(pcm) - len(pcm.lstrip(b"\0"))
    return samples[first // 2 : (len(pcm.rstrip(b"\0")) + 1) // 2]


def slope(readings: Sequence[tuple[float, float]]) -> float:
    """The slope of the second over the first, by least squares over the last half."""
    last = readings[len(readings) // 2 :]
    mean_x, mean_y = (sum(column) / len(last) for column in zip(*last, strict=True))
    together = sum((x - mean_x) * (y - mean_y) for x, y in last)
    return float(together / sum((x - mean_x) ** 2 for x, _ in last))
