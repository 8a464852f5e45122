"""Faults of exchanges over HTTP: answers that are replaced, and answers that the network damages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Unpack

from offhook.arguments import check_flag, check_seconds, check_text, check_whole, wrong
from offhook.wording import quoted
from offhook_mockserver.tenants.effects import BrokenExchange, ConnectionsRefused, ReplacedAnswer
from offhook_mockserver.tenants.fault_register import FaultRegister

if TYPE_CHECKING:
    from offhook_mockserver.tenants.fault import Fault
    from offhook_mockserver.tenants.fault_register import RequestLimits

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True


#: The text of the answers that are made up.
_MESSAGE: Final = "a fault of the test"
_HTML: Final = (
    b"<!doctype html><html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
)
_PART_BYTES: Final = 1024 * 1024
#: The most seconds of a Retry-After, as a number: far more than any client may wait.
_MOST_RETRY_S: Final = 10**20
_PART: Final = b" " * _PART_BYTES


class HttpFaults(FaultRegister):
    """The faults of exchanges. One is applied to a request: see `FaultRegister.take`."""

    # ---- answers that are replaced: the request is not carried out, and nothing rings

    def status(
        self, status: int, *, body: str | None = None, rings: bool = False, **limits: Unpack[RequestLimits]
    ) -> Fault:
        """Requests are answered with an HTTP status.

        Args:
            status: the status, from 400 to 599.
            body: the body of the answer; by default, a message in the API's error shape.
            rings: whether the request is carried out all the same, as by a server that fails after its work.
            limits: see `RequestLimits`.

        Raises:
            ConfigError: an argument is of the wrong type or out of range.
        """
        check_whole(status, "status", least=400, most=599)
        effect = ReplacedAnswer(
            status=status, message=_MESSAGE, body=_encoded(body, "body"), rings=check_flag(rings, "rings")
        )
        return self._make("status", f"requests are answered with {status}", effect, **limits)

    def retry_after(self, value: str | int | None, *, status: int = 429, **limits: Unpack[RequestLimits]) -> Fault:
        """Requests are answered with 429 and the header Retry-After.

        Args:
            value: the header's value, right or wrong: seconds, a date or anything else; None for no such header.
            status: the status, from 400 to 599.
            limits: see `RequestLimits`.

        Raises:
            ConfigError: an argument is of the wrong type or out of range.
        """
        check_whole(status, "status", least=400, most=599)
        if isinstance(value, bool) or not isinstance(value, str | int | None):  # pyright: ignore[reportUnnecessaryIsInstance] - programs may pass anything
            raise wrong("value", "text, a whole number or None", value)
        if isinstance(value, int):
            check_whole(value, "value", least=-_MOST_RETRY_S, most=_MOST_RETRY_S, unit="seconds")
        headers = () if value is None else (("retry-after", _header(str(value), "value")),)
        effect = ReplacedAnswer(status=status, message=_MESSAGE, headers=headers, rings=False)
        return self._make("retry_after", f"requests are answered with {status}, Retry-After: {value}", effect, **limits)

    def error_in_200(self, message: str = _MESSAGE, **limits: Unpack[RequestLimits]) -> Fault:
        """Requests are answered with HTTP 200 and a body that says ``"status": "ERROR"``.

        Raises:
            ConfigError: an argument is of the wrong type.
        """
        effect = ReplacedAnswer(status=200, message=check_text(message, "message"), rings=False)
        return self._make("error_in_200", "requests are answered with an error in an answer with 200", effect, **limits)

    def html(self, *, status: int = 502, **limits: Unpack[RequestLimits]) -> Fault:
        """Requests are answered with a page in HTML, as by a proxy.

        Raises:
            ConfigError: an argument is of the wrong type or out of range.
        """
        check_whole(status, "status", least=200, most=599)
        effect = ReplacedAnswer(status=status, body=_HTML, media_type="text/html; charset=utf-8", rings=False)
        return self._make("html", f"requests are answered with {status} and a page in HTML", effect, **limits)

    def redirect(self, to_url: str, *, status: int = 307, **limits: Unpack[RequestLimits]) -> Fault:
        """Requests are redirected.

        Args:
            to_url: the value of the header Location.
            status: the status, from 300 to 399.
            limits: see `RequestLimits`.

        Raises:
            ConfigError: an argument is of the wrong type or out of range.
        """
        check_whole(status, "status", least=300, most=399)
        location = _header(check_text(to_url, "to_url", "https://example.com/"), "to_url")
        effect = ReplacedAnswer(status=status, body=b"", headers=(("location", location),), rings=False)
        return self._make("redirect", f"requests are redirected to {quoted(location)}", effect, **limits)

    def huge(self, *, megabytes: int = 1024, **limits: Unpack[RequestLimits]) -> Fault:
        """Requests are answered with a very large body, which is sent for as long as the client reads it.

        Raises:
            ConfigError: an argument is of the wrong type or out of range.
        """
        check_whole(megabytes, "megabytes", least=1, most=1_000_000)
        effect = ReplacedAnswer(status=200, body=_PART, repeat=megabytes, rings=False)
        return self._make("huge", f"requests are answered with {megabytes} MB", effect, **limits)

    def gzip_bomb(self, *, megabytes: int = 1024, **limits: Unpack[RequestLimits]) -> Fault:
        """Requests are answered with a compressed body that grows a thousandfold when it is unpacked.

        Args:
            megabytes: the size of the unpacked body.
            limits: see `RequestLimits`.

        Raises:
            ConfigError: an argument is of the wrong type or out of range.
        """
        check_whole(megabytes, "megabytes", least=1, most=1_000_000)
        headers = (("content-encoding", "gzip"),)
        effect = ReplacedAnswer(status=200, body=_PART, repeat=megabytes, gzip=True, headers=headers, rings=False)
        return self._make("gzip_bomb", f"requests are answered with a gzip bomb of {megabytes} MB", effect, **limits)

    # ---- answers that the network damages: the phone rings, except after a request that was lost

    def garbage(self, *, size: int = 256, **limits: Unpack[RequestLimits]) -> Fault:
        """The body of the answer is replaced by bytes that mean nothing. The phone rings.

        Raises:
            ConfigError: an argument is of the wrong type or out of range.
        """
        check_whole(size, "size", least=1, most=_PART_BYTES, unit="bytes")
        noise = bytes((index * 151 + 200) % 256 for index in range(size))
        effect = ReplacedAnswer(status=200, body=noise)
        return self._make("garbage", "answers have a body that means nothing", effect, **limits)

    def lost_request(self, **limits: Unpack[RequestLimits]) -> Fault:
        """The connection is reset when the request has arrived, before it is carried out: nothing rings.

        Raises:
            ConfigError: an argument is of the wrong type.
        """
        effect = BrokenExchange(rings=False, reset_after=0)
        return self._make("lost_request", "requests are lost, and the connection is reset", effect, **limits)

    def lost_answer(self, **limits: Unpack[RequestLimits]) -> Fault:
        """The connection is reset before the answer's first byte. The phone rings.

        Raises:
            ConfigError: an argument is of the wrong type.
        """
        return self._make(
            "lost_answer", "the connection is reset before the answer", BrokenExchange(reset_after=0), **limits
        )

    def reset(self, *, after_bytes: int = 1, **limits: Unpack[RequestLimits]) -> Fault:
        """The connection is reset in the middle of the answer. The phone rings.

        Args:
            after_bytes: how many bytes of the answer's body are sent before.
            limits: see `RequestLimits`.

        Raises:
            ConfigError: an argument is of the wrong type or out of range.
        """
        check_whole(after_bytes, "after_bytes", least=1, unit="bytes")
        what = f"the connection is reset after {after_bytes} bytes of the answer"
        return self._make("reset", what, BrokenExchange(reset_after=after_bytes), **limits)

    def truncated(self, **limits: Unpack[RequestLimits]) -> Fault:
        """The connection is closed in the middle of the answer's body. The phone rings.

        Raises:
            ConfigError: an argument is of the wrong type.
        """
        return self._make(
            "truncated", "answers end in the middle of the body", BrokenExchange(truncated=True), **limits
        )

    def dribble(self, *, pause_s: float = 1.0, **limits: Unpack[RequestLimits]) -> Fault:
        """The answer's body arrives byte by byte. The phone rings.

        Args:
            pause_s: the pause before each byte.
            limits: see `RequestLimits`.

        Raises:
            ConfigError: an argument is of the wrong type or out of range.
        """
        check_seconds(pause_s, "pause_s")
        what = f"answers arrive byte by byte, every {pause_s:g} s"
        return self._make("dribble", what, BrokenExchange(dribble_s=pause_s), **limits)

    def delay(self, delay_s: float, **limits: Unpack[RequestLimits]) -> Fault:
        """The answer is late. The phone rings at once.

        Raises:
            ConfigError: an argument is of the wrong type or out of range.
        """
        check_seconds(delay_s, "delay_s")
        return self._make("delay", f"answers are {delay_s:g} s late", BrokenExchange(delay_s=delay_s), **limits)

    def refused(self) -> Fault:
        """Connections to the mock are refused, those of all its tenants: a connection shows no key before its request.

        It is counted once, when it is made: what the system refuses for a server does not reach it. Connections that
        are open without a request are closed; calls that are up go on. It cannot be made over HTTP, where nothing could
        undo it.
        """
        fault = self._make("refused", "connections to the whole mock are refused", ConnectionsRefused())
        self.on_loop(lambda: self.applied(fault, "connections are refused", None, None))
        return fault


def _encoded(text: str | None, name: str) -> bytes | None:
    return None if text is None else check_text(text, name).encode("utf-8", "surrogatepass")


def _header(text: str, name: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise wrong(name, "text of printable ASCII characters, since it is sent as a header", text)
    return text
