"""Unpacks upstream's Python layer from its source archive: plain files of its ``agora`` folder, and nothing else."""

from __future__ import annotations

import io
import tarfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from offhook.errors import ConfigError
from offhook.wording import describe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Upstream's package has this file; unrelated packages called ``agora`` do not.
SERVICE: Final = "rtc/agora_service.py"
_PACKAGE: Final = "agora"
#: Upstream's package has 60 files and 1 MB.
_MOST_FILES: Final = 2000
_MOST_BYTES: Final = 32 * 1024 * 1024


def unpack(archive: bytes, into: Path) -> None:
    """Write the package of an archive to ``into/agora``. The archive's installer is neither written nor run.

    Args:
        archive: the source archive, whose hash was checked.
        into: an existing folder.

    Raises:
        ConfigError: it is not a source archive of the SDK, or is larger than one can be.
        OSError: a file cannot be written.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            files = list(_files(tar))
    except ConfigError:
        raise
    except Exception as error:  # an archive can be damaged in many ways, and tarfile raises what each of them causes
        raise ConfigError(f"the source archive of Agora's SDK cannot be unpacked: {describe(error)}") from None
    for path, content in files:
        target = into.joinpath(*path.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    if not (into / _PACKAGE / SERVICE).is_file():
        raise ConfigError(f"the archive holds no {_PACKAGE}/{SERVICE}: it is not a source archive of Agora's SDK")


def _files(tar: tarfile.TarFile) -> Iterator[tuple[PurePosixPath, bytes]]:
    """The plain files of the package, with their paths from the archive's own folder on."""
    left, files = _MOST_BYTES, 0
    for member in tar:
        files += 1
        if files > _MOST_FILES:
            raise ConfigError(f"the archive holds more than {_MOST_FILES} files: it is not one of Agora's SDK")
        path = _inside(member.name)
        if path is None or not member.isreg():  # no links and no devices
            continue
        left -= member.size
        if left < 0:
            raise ConfigError(f"the archive holds more than {_MOST_BYTES} bytes: it is not one of Agora's SDK")
        content = tar.extractfile(member)
        if content is not None:
            yield path, content.read(member.size)


def _inside(name: str) -> PurePosixPath | None:
    """A member's path from the archive's own folder on; None if it is outside its ``agora``, or tries to leave it."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name or "\\" in name:
        return None
    inner = path.parts[1:]
    return PurePosixPath(*inner) if len(inner) > 1 and inner[0] == _PACKAGE else None
