"""Downloads an archive over verified TLS, and takes up where it was cut off."""

from __future__ import annotations

import contextlib
import json
import os
import re
import ssl
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, cast

import httpx

from offhook.errors import ConfigError, StorageError, TransportUnavailable
from offhook.records import open_private
from offhook.wording import printable, quoted_path, system_reason
from offhook_agora.fetch.addresses import checked_address, shown

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

    from offhook.interfaces import Clock
    from offhook_agora.fetch.limits import Limits
    from offhook_agora.fetch.progress import Progress

#: What is there so far, and what it is a part of.
_PART: Final = "archive.part"
_STATE: Final = "archive.json"
_LARGEST_STATE: Final = 64 * 1024
#: The time limit of a connection, its handshake included.
_CONNECT_S: Final = 30.0
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_LENGTH: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
#: How many errors, each the cause of the one before, are looked at.
_CAUSES: Final = 20
_RANGE: Final = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", re.ASCII)
_AGAIN: Final = "type the command again to go on from there"


@dataclass(frozen=True, slots=True)
class _State:
    """What a part of an archive is a part of.

    Attributes:
        address: where it is from, without the query.
        validator: the ETag or the time of the archive, with which the server says whether it is still the same.
        total: the size of the archive; None if it is not known.
    """

    address: str
    validator: str
    total: int | None


def waiting(work: Path) -> tuple[int, int | None] | None:
    """Return how much of an archive a folder holds, and of how much; None if it holds no part of one."""
    try:
        size = _size(work / _PART)
    except OSError:
        size = 0
    state = _read_state(work) if size else None
    return (size, state.total if state else None) if size else None


class Download:
    """One download into a work folder, which keeps what was received until the next.

    Args:
        url: the address.
        work: the folder; it must exist, and be locked.
        limits: how much and how long.
        clock: the time.
        progress: is notified.

    Attributes:
        was_resumed: whether a part of the archive was received earlier.
    """

    def __init__(self, url: httpx.URL, work: Path, limits: Limits, clock: Clock, progress: Progress) -> None:
        self._url = url
        self._part = work / _PART
        self._work = work
        self._limits = limits
        self._clock = clock
        self._progress = progress
        self._deadline_s = 0.0
        self._received = 0
        self.was_resumed: bool = False

    def run(self) -> Path:
        """Download the archive, or the rest of it; returns the file.

        Raises:
            TransportUnavailable: the server cannot be reached or trusted, refused, was cut off, or sent too much.
            StorageError: the archive cannot be written.
            ConfigError: a redirect leads to an address that is not accepted, or the HTTP client cannot be made.
        """
        self._deadline_s = self._clock.monotonic_s() + self._limits.total_s
        with _client(self._limits.idle_s) as client:
            for left in reversed(range(self._limits.attempts)):
                self._received = 0
                try:
                    self._attempt(client)
                except httpx.TransportError as error:
                    if not left or not self._received:
                        raise TransportUnavailable(_network_problem(error, self._url)) from None
                    self._progress.note("the download was cut off, and goes on from there")
                except OSError as error:
                    raise StorageError(f"{quoted_path(self._part)} cannot be written: {system_reason(error)}") from None
                else:
                    break
        return self._part

    def discard(self) -> None:
        """Remove what was received."""
        self._part.unlink(missing_ok=True)
        (self._work / _STATE).unlink(missing_ok=True)

    def _attempt(self, client: httpx.Client) -> None:
        state, have = _read_state(self._work), _size(self._part)
        if state and have and state.address == shown(self._url) and have == state.total:
            self.was_resumed = True
            return
        if state and have and state.address == shown(self._url) and state.validator:
            with self._answer(client, {"Range": f"bytes={have}-", "If-Range": state.validator}) as response:
                if response.status_code == 206 and _continues(response, have, state):
                    self.was_resumed = True
                    self._receive(response, have, state.total)
                    return
                self._progress.note("the server has another file now, or only sends it whole: it is fetched anew")
                if response.status_code == 200:
                    self._start(response)
                    return
        self.discard()
        with self._answer(client, {}) as response:
            if response.status_code != 200:
                raise TransportUnavailable(_refusal(response))
            self._start(response)

    @contextlib.contextmanager
    def _answer(self, client: httpx.Client, headers: Mapping[str, str]) -> Generator[httpx.Response]:
        """The answer of the server that redirects lead to, without its body."""
        url = self._url
        for _ in range(self._limits.redirects + 1):
            with client.stream("GET", url, headers=headers) as response:
                if response.status_code in _REDIRECTS:
                    url = checked_address(response.headers.get("location", ""), base=url)
                    continue
                if response.status_code not in (200, 206, 416):
                    raise TransportUnavailable(_refusal(response))
                if response.headers.get("content-encoding", "identity") != "identity":
                    raise TransportUnavailable(
                        f"{_host(response.url)} sent the file in an encoding that was not asked for"
                    )
                yield response
                return
        raise TransportUnavailable(f"{shown(self._url)} redirects more than {self._limits.redirects} times")

    def _start(self, response: httpx.Response) -> None:
        """Receive an archive from its first byte."""
        etag = response.headers.get("etag", "")
        # A weak ETag says that two files mean the same, not that their bytes are the same.
        validator = response.headers.get("last-modified", "") if not etag or etag.startswith("W/") else etag
        length = response.headers.get("content-length", "")
        total = int(length) if _LENGTH.fullmatch(length) else None
        self.discard()
        _write_state(self._work, _State(shown(self._url), validator, total))
        self._receive(response, 0, total)

    def _receive(self, response: httpx.Response, have: int, total: int | None) -> None:
        if total is not None and total > self._limits.archive_bytes:
            raise self._too_large(response)
        # What was received before is kept; nothing is written over.
        with os.fdopen(open_private(self._part, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW), "ab") as file:
            self._progress.at(have, total)
            for piece in response.iter_raw():
                have += len(piece)
                if have > (self._limits.archive_bytes if total is None else total):
                    raise self._too_large(response)
                file.write(piece)
                self._received += len(piece)
                self._progress.at(have, total)
                if self._clock.monotonic_s() > self._deadline_s:
                    raise TransportUnavailable(f"the download took longer than {self._limits.total_s:g} s; {_AGAIN}")

    def _too_large(self, response: httpx.Response) -> TransportUnavailable:
        self.discard()
        limit = self._limits.archive_bytes // 1024**2
        return TransportUnavailable(f"{_host(response.url)} sent more than it announced, or more than {limit} MiB")


def _client(idle_s: float) -> httpx.Client:
    """An HTTP client that verifies certificates: with those of `SSL_CERT_FILE` or `SSL_CERT_DIR`, if one is set."""
    try:
        return httpx.Client(
            timeout=httpx.Timeout(idle_s, connect=_CONNECT_S),
            follow_redirects=False,
            headers={"Accept-Encoding": "identity", "User-Agent": "offhook"},
        )
    # httpx puts no type to what it says about an unusable proxy; a text may hold the proxy's password.
    except Exception:
        raise ConfigError(
            "the HTTP client cannot use what SSL_CERT_FILE, SSL_CERT_DIR or the variables for proxies name; to see "
            "which, type: offhook doctor"
        ) from None


def _continues(response: httpx.Response, have: int, state: _State) -> bool:
    """Whether an answer holds the rest of what is there."""
    found = _RANGE.fullmatch(response.headers.get("content-range", ""))
    return bool(
        found
        and (int(found[1]), int(found[2]) + 1, int(found[3])) == (have, state.total, state.total)
        and state.validator in (response.headers.get("etag", ""), response.headers.get("last-modified", ""))
    )


def _network_problem(error: httpx.TransportError, url: httpx.URL) -> str:
    reason = _certificate_problem(error)
    if reason:
        return (
            f"the certificate of {_host(url)} is not trusted: {printable(reason)}. If a proxy signs it, name its "
            "certificate in SSL_CERT_FILE; the check cannot be switched off"
        )
    unreached = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
    if isinstance(error, unreached):
        cure = f"check the network and the proxy, or fetch {shown(url)} elsewhere and pass it with --zip"
        return f"{_host(url)} cannot be reached: {cure}"
    return f"the download from {_host(url)} was cut off; {_AGAIN}"


def _certificate_problem(error: BaseException | None) -> str:
    """Why a certificate was refused; empty if the error has another cause."""
    for _ in range(_CAUSES):
        if error is None:
            break
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message
        error = error.__cause__ or error.__context__
    return ""


def _refusal(response: httpx.Response) -> str:
    where = f"{_host(response.url)} answered {response.status_code} for {printable(response.url.path)}"
    if response.status_code in (429, *range(500, 600)):
        return f"{where}: try again later"
    return f"{where}: the file may have been removed there; name another address with --url, or pass a file with --zip"


def _host(url: httpx.URL) -> str:
    return printable(url.host)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _read_state(work: Path) -> _State | None:
    """What the part in a folder is a part of; None if that is not known."""
    try:
        with (work / _STATE).open("rb") as file:
            document: object = json.loads(file.read(_LARGEST_STATE))
    except (OSError, ValueError, RecursionError):
        return None
    entries = cast("dict[str, object]", document) if isinstance(document, dict) else {}
    address, validator, total = (entries.get(name) for name in ("address", "validator", "total"))
    if (
        isinstance(address, str)
        and isinstance(validator, str)
        and validator.isascii()
        and isinstance(total, int | None)
    ):
        return _State(address, validator, total)
    return None


def _write_state(work: Path, state: _State) -> None:
    with os.fdopen(open_private(work / _STATE, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW), "wb") as file:
        file.write(json.dumps(asdict(state)).encode("ascii"))
