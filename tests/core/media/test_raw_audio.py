"""Raw audio: bytes and arrays, alone, in iterables and pushed, at a rate that is passed with them."""

from __future__ import annotations

import asyncio
import io
from array import array
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.core.playing import bench, samples
from tests.core.rig import FRAME, NUMBER, RATE_HZ, AudioKit, HoldResampler, frame, load, ramp, rig, run, spoken

from offhook import AudioFrame, PlayoutEnd, PushSource
from offhook.errors import ConfigError, PluginError, SourceError
from offhook.interfaces import AudioSource
from offhook.interfaces.samples import Damage
from offhook.media.sources import frames_source

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator
    from pathlib import Path

#: A little more than a second, and less than a whole frame at its end.
PCM = ramp(1, 17_003)
INTS = array("h", PCM)
STEREO = np.repeat(np.frombuffer(PCM, "<i2"), 2).reshape(-1, 2)


def cut(pcm: bytes, size: int) -> list[bytes]:
    return [pcm[start : start + size] for start in range(0, len(pcm), size)]


async def stream(chunks: Iterable[object]) -> AsyncIterator[object]:
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk


async def read(source: AudioSource) -> tuple[array[int], list[AudioFrame]]:
    taken, frames = array("h"), []
    while (item := await source.read()) is not None:
        assert item.rate_hz == RATE_HZ
        assert item.position == len(taken)
        taken.frombytes(item.pcm)
        frames.append(item)
    assert await source.read() is None, "and ever after"
    await source.aclose()
    return taken, frames


CHUNKS: list[object] = [
    PCM,
    bytearray(PCM),
    memoryview(PCM),
    INTS,
    STEREO,
    STEREO.astype(np.float32) / 32768,
    cut(PCM, 960),
    cut(PCM, 961),
    cut(PCM, 1),
    tuple(cut(PCM, 7)),
    deque(cut(PCM, 4_801)),
    [b"", PCM[:3], b"", PCM[3:]],
    [bytearray(PCM[:5]), memoryview(PCM)[5:11], PCM[11:]],
    [memoryview(INTS)[:101], INTS[101:]],
    [STEREO[:480], STEREO[480:]],
    [PCM[:640], np.frombuffer(PCM[640:], "<i2")],
]


@pytest.mark.parametrize("chunks", CHUNKS, ids=lambda chunks: type(chunks).__name__)
def test_every_sample_of_raw_audio_is_read(chunks: object) -> None:
    async def main() -> None:
        sources: list[AudioSource] = [frames_source(chunks, RATE_HZ)]  # type: ignore[arg-type]
        if isinstance(chunks, list | tuple | deque):
            sources += [
                frames_source(iter(chunks), RATE_HZ),
                frames_source((chunk for chunk in chunks), RATE_HZ),
                frames_source(stream(chunks), RATE_HZ),  # type: ignore[arg-type]
            ]
        for source in sources:
            taken, frames = await read(source)
            assert taken == INTS
            assert max(item.samples for item in frames) <= RATE_HZ // 10, "a long chunk does not hold up the loop"
            assert not any(item.damage for item in frames)

    run(main())


@pytest.mark.parametrize("chunks", CHUNKS, ids=lambda chunks: type(chunks).__name__)
def test_every_sample_that_is_pushed_is_played(chunks: object) -> None:
    async def main() -> None:
        async with bench() as b:
            source = PushSource(rate_hz=RATE_HZ)
            handle = b.playout.add(source)

            async def write() -> None:
                for chunk in chunks if isinstance(chunks, list | tuple | deque) else [chunks]:
                    await source.write(chunk)  # type: ignore[arg-type]
                source.end()

            writer = asyncio.create_task(write())
            assert await b.take(60) == samples(1, len(INTS), 60)
            await writer
            assert handle.ended is PlayoutEnd.COMPLETED
            assert source.queued_ms == 0

    run(main())


def test_chunks_are_copied() -> None:
    async def main() -> None:
        buffer = bytearray(ramp(1, FRAME))
        alone, pushed = frames_source(buffer, RATE_HZ), PushSource(rate_hz=RATE_HZ)
        await pushed.write(buffer)
        buffer[:] = bytes(len(buffer))
        buffer.clear()  # which would fail while a view of it exists
        for source in (alone, pushed):
            first = await source.read()
            assert first is not None
            assert first.pcm == ramp(1, FRAME)

    run(main())


@pytest.mark.parametrize("how", ["alone", "list", "stream", "pushed"])
def test_half_a_sample_at_the_end_is_left_out_and_noted(how: str) -> None:
    async def main() -> None:
        async with bench() as b:
            pcm = ramp(1, FRAME) + b"\1"
            source: AudioSource
            if how == "pushed":
                pushed = source = PushSource(rate_hz=RATE_HZ)
                await pushed.write(pcm)
                pushed.end()
            else:
                what: dict[str, Callable[[], object]] = {
                    "alone": lambda: pcm,
                    "list": partial(list, [pcm]),
                    "stream": partial(stream, [pcm]),
                }
                source = frames_source(what[how](), RATE_HZ)  # type: ignore[arg-type]
            handle = b.playout.add(source)
            assert await b.take(3) == samples(1, FRAME, 3)
            assert handle.ended is PlayoutEnd.COMPLETED
            assert handle.damage == Damage(halved=1)
            assert [name for name, _ in b.remarks] == ["AudioDamaged"]
            assert "1 was incomplete: the audio ended with half a 16-bit sample" in b.remarks[0][1]

    run(main())


def test_an_array_after_half_a_sample_is_refused() -> None:
    async def main() -> None:
        source = PushSource(rate_hz=RATE_HZ)
        await source.write(b"\1\2\3")
        with pytest.raises(SourceError, match="got array after bytes that ended with half a sample"):
            await source.write(array("h", [1]))
        await source.write(b"\4")
        source.end()
        assert (await read(source))[0].tobytes() == b"\1\2\3\4"

    run(main())


def test_frames_among_raw_audio_keep_their_own_rate() -> None:
    async def main() -> None:
        source = frames_source([b"\1\0", AudioFrame(b"\2\0", 8_000), b"\3\0"], RATE_HZ)
        rates = []
        while (item := await source.read()) is not None:
            rates.append(item.rate_hz)
        assert rates == [RATE_HZ, 8_000, RATE_HZ]

    run(main())


class Response:
    """As that of an HTTP client."""

    def aiter_bytes(self) -> None: ...


class Lines(io.BytesIO):
    name = "speech.wav"


async def speak() -> bytes:
    return b""


class Odd:
    def __iter__(self) -> Iterator[bytes]:
        raise RuntimeError("no voice")


class AsyncOdd:
    def __aiter__(self) -> AsyncIterator[bytes]:
        raise RuntimeError("no voice")


RIFF = b"RIFF\x24\0\0\0WAVEfmt "
RATE = r"whose rate is not known: pass it, for example play\(audio, rate_hz=24_000\)"


@pytest.mark.parametrize(
    ("what", "rate_hz", "says"),
    [
        (b"\0\0", None, rf"^play\(\) got bytes, {RATE}"),
        (np.zeros(4, np.float32), None, rf"^play\(\) got ndarray, {RATE}"),
        ([b"\0\0"], None, rf"^the iterable yielded bytes, {RATE}"),
        ([frame(), b"\0\0"], None, rf"^the iterable yielded bytes, {RATE}"),
        ([frame(), 7], RATE_HZ, "the iterable yielded int; expected an AudioFrame, bytes or an array of samples$"),
        ([0.5, 0.25], RATE_HZ, "the iterable yielded float"),
        (["AAAA"], RATE_HZ, r"the iterable yielded str; .*If it is base64, decode it first: base64\.b64decode"),
        (frame(), RATE_HZ, "is the rate of raw audio, and an AudioFrame has its own: leave it out"),
        (b"\0\0", 24_000.0, r"rate_hz must be a whole number .*, got 24000\.0\. Write 24000"),
        (b"\0\0", 0, "rate_hz must be between 1 and 768,000 hertz, got 0"),
        (np.zeros((2, 480), np.float32), RATE_HZ, "its channels come first, so transpose it"),
        (np.zeros(480, np.int32), RATE_HZ, "got ndarray of int32"),
        (speak, RATE_HZ, r"function cannot be played: call it, and pass what it returns: play\(speak\(\), rate_hz"),
        (AudioSource, None, "AudioSource is a class: pass an instance"),
        (Response(), RATE_HZ, r"Response cannot be played: .*play\(response\.aiter_bytes\(\), rate_hz=\.\.\.\)"),
        (Lines(), RATE_HZ, r"pass the path of the file 'speech\.wav' as a pathlib\.Path"),
        (io.BytesIO(), RATE_HZ, r"pass the path of the file as a pathlib\.Path, or its raw samples"),
        ({"audio": b""}, RATE_HZ, r"dict cannot be played: pass a spec \(wav:"),
        (Odd(), RATE_HZ, "Odd cannot be iterated: RuntimeError: no voice"),
        (AsyncOdd(), RATE_HZ, "AsyncOdd cannot be iterated: RuntimeError: no voice"),
        (RIFF, RATE_HZ, "these bytes are a WAV file and not raw samples: write them to a file and play its path"),
        ([b"RIFF", b"\0\0"], RATE_HZ, "these bytes are a WAV file"),
        (b"ID3\4" + bytes(60), RATE_HZ, "these bytes are an MP3 file"),
        (b"OggS" + bytes(60), RATE_HZ, "these bytes are an Ogg file"),
        (b"fLaC" + bytes(60), RATE_HZ, "these bytes are a FLAC file"),
    ],
)  # fmt: skip
def test_what_cannot_be_played_is_refused_at_the_call(what: object, rate_hz: int | None, says: str) -> None:
    async def main() -> None:
        r = rig()
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            with pytest.raises(ConfigError, match=says):
                call.play(what, rate_hz=rate_hz)  # type: ignore[arg-type]
            assert call.queued_ms == 0
            assert call.record.problem == ""

    run(main())


def test_a_coroutine_is_refused_and_closed() -> None:
    waiting = speak()
    with pytest.raises(SourceError, match=r"coroutine cannot be played: await speak\(\) first"):
        frames_source(waiting, RATE_HZ)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="cannot reuse"):
        waiting.send(None)


def test_samples_that_only_begin_like_a_file_are_played() -> None:
    async def main() -> None:
        pcm = b"RIFF" + ramp(1, 100)
        assert (await read(frames_source(pcm, RATE_HZ)))[0].tobytes() == pcm
        assert (await read(frames_source([b"\0\0", RIFF], RATE_HZ)))[0].tobytes() == b"\0\0" + RIFF

    run(main())


def test_what_shows_only_later_is_a_failed_playout_with_the_same_sentence() -> None:
    async def main() -> None:
        async with bench() as b:
            handle = b.playout.add(frames_source(stream([PCM])))  # type: ignore[arg-type]
            await b.take(2)
            assert handle.ended is PlayoutEnd.FAILED
            assert isinstance(handle.problem, SourceError)
            assert "the iterable yielded bytes, whose rate is not known: pass it" in handle.problem.message
            assert "rate_hz=" in handle.problem.message

    run(main())


class Late(RuntimeError):
    pass


@pytest.mark.parametrize("rate_hz", [8_000, RATE_HZ, 24_000, 44_100])
@pytest.mark.parametrize("kind", ["iterator", "stream", "pushed"])
def test_what_came_before_an_error_is_played_at_every_rate(kind: str, rate_hz: int) -> None:
    """The resampler of this test holds its last samples back until it is flushed, as real ones do."""

    def chunks() -> Iterator[bytes]:
        yield ramp(1, rate_hz // 5)
        raise Late("the connection was reset")

    async def late() -> AsyncIterator[bytes]:
        for chunk in chunks():
            yield chunk

    class Held(HoldResampler):
        def __init__(self, from_hz: int, to_hz: int) -> None:
            super().__init__(from_hz, to_hz)
            self.held = b""

        def convert(self, pcm: bytes) -> bytes:
            converted = self.held + super().convert(pcm)
            self.held = converted[-640:]
            return converted[:-640]

        def flush(self) -> bytes:
            return self.held

    async def main() -> None:
        async with bench() as b:
            b.resampler = Held
            if kind == "pushed":
                source = PushSource(rate_hz=rate_hz)
                await source.write(ramp(1, rate_hz // 5))
                source.fail(Late("the connection was reset"))
                handle = b.playout.add(source)
            else:
                handle = b.playout.add(frames_source(chunks() if kind == "iterator" else late(), rate_hz))
            taken = await b.take(13)
            heard = len(taken.tobytes().rstrip(b"\0")) // 2
            assert heard == pytest.approx(RATE_HZ // 5, abs=2), "the tail is not lost"
            assert handle.ended is PlayoutEnd.FAILED
            assert handle.problem is not None
            assert "the connection was reset" in handle.problem.message

    run(main())


@pytest.mark.parametrize("late", [False, True])
def test_a_resampler_that_fails_at_the_end_fails_the_item_after_its_audio(late: bool) -> None:
    class Stuck(HoldResampler):
        def flush(self) -> bytes:
            raise ValueError("no more")

    def chunks() -> Iterator[bytes]:
        yield ramp(1, 800)
        if late:
            raise Late("the connection was reset")

    async def main() -> None:
        async with bench() as b:
            b.resampler = Stuck
            handle = b.playout.add(frames_source(chunks(), 8_000))
            heard = len((await b.take(8)).tobytes().rstrip(b"\0")) // 2
            assert heard == pytest.approx(1600, abs=2)
            assert handle.ended is PlayoutEnd.FAILED
            assert handle.problem is not None
            assert ("the connection was reset" if late else "no more") in handle.problem.message, "the first error"
            assert b.playout.counts.ended == 0

    run(main())


def test_a_frame_that_a_source_cannot_make_is_the_source_s_mistake() -> None:
    class Wrong(AudioSource):
        async def read(self) -> AudioFrame | None:
            return AudioFrame(b"\0", RATE_HZ)

        async def aclose(self) -> None: ...

    async def main() -> None:
        async with bench() as b:
            handle = b.playout.add(Wrong())
            await b.take(2)
            assert isinstance(handle.problem, PluginError)
            assert "Wrong' failed in read: FrameError: AudioFrame needs whole 16-bit samples" in handle.problem.message

    run(main())


def test_raw_audio_and_paths_are_played_in_a_call(tmp_path: Path) -> None:
    async def main() -> None:
        r = rig(plugins=load(AudioKit()))
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            call.play(ramp(1, 400), rate_hz=RATE_HZ)
            call.play(array("h", ramp(401, 400)), rate_hz=RATE_HZ)
            assert await call.play(stream([ramp(801, 400)]), rate_hz=RATE_HZ).done() is PlayoutEnd.COMPLETED  # type: ignore[arg-type]
            with pytest.raises(ConfigError, match=r"is the rate of raw audio, and 'ramp:4' has its own: leave it out"):
                call.play("ramp:4", rate_hz=RATE_HZ)
            with pytest.raises(ConfigError, match=r"and PushSource has its own"):
                call.play(PushSource(), rate_hz=RATE_HZ)
            with pytest.raises(ConfigError, match="no audio source is called 'wav'"):  # which this phone does not have
                call.play(tmp_path / "greeting.wav")
        assert spoken(r.callee) == array("h", ramp(1, 1200))

    run(main())


@pytest.mark.parametrize("mark", ["200", None, True, [], -1, float("nan")])
def test_a_wrong_mark_is_refused(mark: float) -> None:
    with pytest.raises(ConfigError, match="high_water_ms must be "):
        PushSource(high_water_ms=mark)


def test_a_wrong_rate_or_chunk_is_refused_where_it_is_passed() -> None:
    async def main() -> None:
        with pytest.raises(ConfigError, match=r"got 24000\.0\. Write 24000"):
            PushSource(rate_hz=24_000.0)  # type: ignore[arg-type]
        source = PushSource(rate_hz=RATE_HZ, high_water_ms=1)
        await source.write(PCM)
        for chunk, says in (("AAAA", "got str; .*b64decode"), (7, "got int; expected"), (np.zeros(4, int), "int64")):
            async with asyncio.timeout(1):  # although the source is full
                with pytest.raises(SourceError, match=says):
                    await source.write(chunk)  # type: ignore[arg-type]

    run(main())
