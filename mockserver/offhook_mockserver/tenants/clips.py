"""The audio clips that a client has uploaded for the callees of a tenant: private files, which go with the tenant."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook.errors import CallStateError, ConfigError, StorageError
from offhook.interfaces import mask
from offhook.records import write_private
from offhook.wording import quoted, system_reason
from offhook_mockserver.callees.wav_header import wav_header

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from offhook_mockserver.callees.script import Script
    from offhook_mockserver.tenants.clip_folders import ClipFolders

#: The size of one clip, and of all clips of a tenant, in bytes; and how many there may be.
MOST_CLIP_BYTES: Final = 8 * 1024 * 1024
MOST_BYTES: Final = 64 * 1024 * 1024
MOST_CLIPS: Final = 100
#: Lower case, because some file systems do not tell it from upper case.
NAME_PATTERN: Final = r"[a-z0-9][a-z0-9_-]{0,58}\.wav"
NAME_HINT: Final = "write a to z, 0 to 9, - and _, at most 59 of them, and .wav at the end: greeting-2.wav"
_NAME: Final = re.compile(NAME_PATTERN)


@dataclass(frozen=True, slots=True)
class StoredClip:
    """A clip.

    Attributes:
        name: its name.
        file: where it is.
        bytes: its size.
        rate_hz: its sampling rate.
        channels: how many channels it has.
        duration_s: its length.
    """

    name: str
    file: Path
    bytes: int
    rate_hz: int
    channels: int
    duration_s: float


class TenantClips:
    """The clips of one tenant, in a folder of its own that is made for the first of them.

    Args:
        folders: where that folder is made.
    """

    def __init__(self, folders: ClipFolders) -> None:
        self._folders = folders
        self._folder: Path | None = None
        self._clips: dict[str, StoredClip] = {}
        self._closed = False

    @property
    def folder(self) -> Path | None:
        """Their folder; None before the first of them."""
        return self._folder

    @property
    def all(self) -> tuple[StoredClip, ...]:
        """Every clip, by its name."""
        return tuple(self._clips[name] for name in sorted(self._clips))

    @property
    def files(self) -> Mapping[str, Path]:
        """The file of each clip."""
        return {name: clip.file for name, clip in self._clips.items()}

    def find(self, name: str) -> StoredClip | None:
        """The clip with this name, or None."""
        return self._clips.get(name)

    def put(self, name: str, content: bytes) -> tuple[StoredClip, bool]:
        """Store a clip, in place of one with the same name; returns it, and whether the name is new.

        Raises:
            ConfigError: the name is not valid, the content is not a WAV file, or it is too large.
            CallStateError: there is no more space for it, or the tenant was removed.
            StorageError: it cannot be written.
        """
        if not _NAME.fullmatch(name):
            raise ConfigError(f"{quoted(name)} is not a valid name of a clip: {NAME_HINT}")
        if self._closed:
            raise CallStateError("this tenant was removed from the mock: create another one")
        if len(content) > MOST_CLIP_BYTES:
            raise ConfigError(f"the clip {name} is larger than {MOST_CLIP_BYTES // 2**20} MiB, which is the limit")
        try:
            header = wav_header(content)
        except ConfigError as error:
            raise ConfigError(f"the clip {name} {error.message}") from None
        before = self._clips.get(name)
        others = sum(clip.bytes for clip in self._clips.values() if clip is not before)
        if before is None and len(self._clips) >= MOST_CLIPS:
            raise CallStateError(f"this tenant has {MOST_CLIPS} clips, which is the limit: delete some")
        if others + len(content) > MOST_BYTES:
            raise CallStateError(f"a tenant's clips may take {MOST_BYTES // 2**20} MiB together: delete some")
        file = self._write(name, content)
        clip = StoredClip(name, file, len(content), header.rate_hz, header.channels, header.duration_s)
        self._clips[name] = clip
        return clip, before is None

    def delete(self, name: str, scripts: Mapping[str, Script]) -> StoredClip | None:
        """Delete a clip; returns it, or None if there is none with this name.

        Args:
            name: its name.
            scripts: the scripts of the tenant's callees, by number.

        Raises:
            CallStateError: one of these needs it.
        """
        clip = self._clips.get(name)
        if clip is None:
            return None
        for number, script in scripts.items():
            if any(speech.path == clip.file for speech in script.speeches):
                raise CallStateError(f"the callee {mask(number)} needs the clip {name}: delete that callee first")
        del self._clips[name]
        clip.file.unlink(missing_ok=True)
        return clip

    def close(self) -> None:
        """Delete all clips, and accept no more. Idempotent."""
        self._closed = True
        self._clips.clear()
        folder, self._folder = self._folder, None
        if folder is not None:
            self._folders.delete(folder)

    def _write(self, name: str, content: bytes) -> Path:
        try:
            if self._folder is None:
                self._folder = self._folders.make()
            file = self._folder / name
            new = self._folder / f".{name}"
            # Renamed when it is complete: a call that starts meanwhile reads the old one or the new one.
            new.unlink(missing_ok=True)
            write_private(new, content)
            return new.replace(file)
        except (OSError, ValueError) as error:
            raise StorageError(f"the clip {name} cannot be stored: {system_reason(error)}.") from None
