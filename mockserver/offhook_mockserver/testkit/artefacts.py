"""The folder of a test: timeline, journal, audio, picture, statistics, script and seed.

All names are ours: that of the folder keeps the letters and digits of the test's name and of its parameters, which may
hold anything, and adds a hash. Every file is for its owner alone, and no text holds a secret.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from offhook.interfaces import SAMPLE_BYTES
from offhook.records import load_json, to_json, write_private
from offhook.secret import redact
from offhook.wording import quoted_path, system_reason
from offhook_mockserver.callees.toml_writer import to_toml
from offhook_mockserver.callees.wav_file import wav_of
from offhook_mockserver.testkit.picture import picture_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from offhook.interfaces import Document
    from offhook_mockserver.callees.kept_audio import CallAudio
    from offhook_mockserver.testkit.evidence import CallEvidence, Evidence

#: The names of the files that we write; those of further calls have a number.
_OURS: Final = re.compile(
    r"(timeline\.(txt|json)|journal\.jsonl|caller-journal\.jsonl|caller-records\.json|statistics\.json|seed\.txt|script\.toml"
    r"|clip-\d+-[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)?|(caller|callee|mixed)(-\d)?\.wav|waveforms(-\d)?\.svg)"
)
_FOLDER_MODE: Final = 0o700
#: Characters of a test's name and of its parameters that the name of its folder keeps, and digits of the hash of all.
_NAME: Final = 60
_PARAMETERS: Final = 30
_DIGITS: Final = 8
#: How many calls of a test get files of their own.
_MOST_CALLS: Final = 8
#: The clips of scripts that are copied: how many, how large each may be, and how much of the name of each is kept.
_MOST_CLIPS: Final = 20
_MOST_CLIP_BYTES: Final = 20_000_000
_CLIP: Final = 40


def folder_name(test: str) -> str:
    """The name of the folder of a test: its module, its function, its parameters, and a hash of its whole name.

    Args:
        test: the test's name, with its file and its parameters.
    """
    name, _, parameters = test.partition("[")
    path, _, function = name.partition("::")
    module = path.rpartition("/")[2].removesuffix(".py")
    readable = "-".join(filter(None, (_letters(f"{module}-{function}", _NAME), _letters(parameters, _PARAMETERS))))
    return f"{readable}-{hashlib.sha256(test.encode()).hexdigest()[:_DIGITS]}"


def _letters(text: str, most: int) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "-", redact(text)).strip("-")[:most].strip("-")


def write_artefacts(folder: Path, evidence: Evidence) -> str:
    """Write the folder of a test; files of an earlier run of it are replaced.

    Args:
        folder: the folder, which is made if necessary.
        evidence: what is known of the test.

    Returns:
        Why it could not be written, as a sentence; empty if it was.
    """
    try:
        folder.mkdir(_FOLDER_MODE, parents=True, exist_ok=True)
        _remove_earlier(folder)
        for name, content in _files(evidence):
            write_private(folder / name, content)
    except (OSError, ValueError) as error:
        return f"The artefacts could not be written to {quoted_path(folder)}: {system_reason(error)}."
    return ""


def remove_artefacts(folder: Path) -> None:
    """Remove what an earlier run of a test wrote, if there is anything. Files of others stay."""
    if folder.is_dir():
        with contextlib.suppress(OSError):  # it is in use, or holds files of others
            _remove_earlier(folder)
            folder.rmdir()


def _remove_earlier(folder: Path) -> None:
    for path in folder.iterdir():
        if _OURS.fullmatch(path.name):
            path.unlink()


def _files(evidence: Evidence) -> Iterator[tuple[str, bytes]]:
    """The files, by name. They are made one after the other: audio is large."""
    yield "timeline.txt", _text("\n".join(line.line for line in evidence.timeline if not line.told))
    yield "timeline.json", _json([asdict(line) for line in evidence.timeline])
    yield "journal.jsonl", b"".join(_json(entry.to_json(), indent=None) for entry in evidence.entries)
    if evidence.callers:
        yield "caller-journal.jsonl", b"".join(_caller_lines(evidence))
        yield "caller-records.json", _json([_plain(call.record) for call in evidence.callers])
    yield "statistics.json", _json(_statistics(evidence))
    yield "seed.txt", _text(str(evidence.seed))
    if evidence.scripts:
        clips = _clips(evidence)
        yield "script.toml", _text(to_toml(evidence.scripts, named=clips))
        for path, name in clips.items():
            yield name, path.read_bytes()
    for index, call in enumerate(evidence.calls[:_MOST_CALLS], 1):
        if call.audio is not None:
            yield from _audio_files(evidence, index, call.audio)


def _clips(evidence: Evidence) -> dict[Path, str]:
    """The names of the audio files that the scripts use, beside the scripts: those of strangers may name no others."""
    paths: dict[Path, str] = {}
    for script in evidence.scripts.values():
        for speech in script.speeches:
            path = speech.path
            if path is not None and path not in paths and path.is_file() and path.stat().st_size <= _MOST_CLIP_BYTES:
                paths[path] = f"clip-{len(paths) + 1}-{_letters(path.stem, _CLIP)}{_suffix(path)}"
    return dict(list(paths.items())[:_MOST_CLIPS])


def _suffix(path: Path) -> str:
    return f".{suffix}" if (suffix := _letters(path.suffix, _CLIP)) else ""


def _caller_lines(evidence: Evidence) -> Iterator[bytes]:
    """The journals of the application's phones, an entry on each line, with its time on the test's timeline."""
    for call in evidence.callers:
        for entry, line in zip(call.journal, call.lines, strict=True):
            document = {"channel": call.channel, "timeline_s": round(line.at_s, 3), **_plain(entry)}
            yield _json(document, indent=None)


def _plain(document: Document) -> dict[str, object]:
    """A document of a phone without secrets, as plain values."""
    return load_json(to_json(document), entry=True) or {}


def _audio_files(evidence: Evidence, index: int, audio: CallAudio) -> Iterator[tuple[str, bytes]]:
    """The audio of one call: the caller as the callee heard it, the callee, and both side by side."""
    suffix = "" if index == 1 else f"-{index}"
    yield f"caller{suffix}.wav", wav_of(audio.rate_hz, audio.heard)
    yield f"callee{suffix}.wav", wav_of(audio.rate_hz, audio.said)
    yield f"mixed{suffix}.wav", wav_of(audio.rate_hz, audio.heard, audio.said)
    yield f"waveforms{suffix}.svg", _text(picture_of(evidence, index, audio))


def _statistics(evidence: Evidence) -> dict[str, object]:
    stall = evidence.stall
    return {
        "test": evidence.test,
        "seed": evidence.seed,
        "time": "virtual" if evidence.virtual else "real",
        "loop_stood_still_ms": None if stall is None else round(stall.took_s * 1000, 1),
        "journal_entries": len(evidence.entries),
        "journal_entries_dropped": evidence.dropped,
        "calls": [_call_statistics(call) for call in evidence.calls],
    }


def _call_statistics(call: CallEvidence) -> dict[str, object]:
    audio = call.audio
    return {
        "channel": call.channel,
        "number": call.number,
        "end": call.end,
        "unfinished": list(call.unfinished),
        "counters": dict(call.counters),
        "losses": dict(call.losses),
        "lasted_s": None if audio is None else audio.lasted_s,
        "kept_s": None if audio is None else audio.kept_s,
        "heard_s": None if audio is None else _duration_s(audio, audio.heard),
        "said_s": None if audio is None else _duration_s(audio, audio.said),
        "gaps_s": None if audio is None else [list(gap) for gap in audio.heard_gaps],
    }


def _duration_s(audio: CallAudio, samples: bytes) -> float:
    return len(samples) / SAMPLE_BYTES / audio.rate_hz


def _json(value: object, *, indent: int | None = 2) -> bytes:
    return _text(json.dumps(value, indent=indent, ensure_ascii=False))


def _text(text: str) -> bytes:
    return redact(text).encode(errors="replace") + b"\n"
