"""How much a fetch may download, unpack and wait."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one fetch, far above what Agora's archives need.

    Attributes:
        archive_bytes: the size of the archive.
        unpacked_bytes: the size of all files in it.
        files: the number of files in it.
        total_s: how long the download may take.
        idle_s: how long the server may send nothing.
        attempts: how often a download that was cut off is taken up again before the user must type the command again.
        redirects: how many redirects are followed.
    """

    archive_bytes: int = 1024**3
    unpacked_bytes: int = 4 * 1024**3
    files: int = 10_000
    total_s: float = 3600.0
    idle_s: float = 30.0
    attempts: int = 5
    redirects: int = 5
