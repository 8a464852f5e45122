"""Makes what the tests of Agora's SDK need: tiny ELF files, archives, a stand-in of upstream's layer, a server."""

from __future__ import annotations

import http.server
import io
import json
import ssl
import struct
import threading
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.patience import PATIENCE_S

from offhook_agora.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    import trustme

HERE = Machine.here()
LINUX = Machine("linux", "x86_64", (2, 31))
SYMBOLS = ("agora_service_create", "agora_rtc_conn_create", "agora_audio_track_adjust")
ADDRESS = "https://download.example/agora_linux.zip"

X86_64, AARCH64 = 62, 183


def elf(
    symbols: Sequence[str] = SYMBOLS,
    *,
    machine: int = X86_64,
    glibc: Sequence[str] = ("GLIBC_2.2.5", "GLIBC_2.17"),
    gnu_hash: bool = False,
    undefined: Sequence[str] = ("malloc",),
) -> bytes:
    """A shared library with nothing in it but what a loader reads first."""
    names = bytearray(b"\0")

    def name(text: str) -> int:
        at = len(names)
        names.extend(text.encode() + b"\0")
        return at

    table = bytearray(24)
    for text in undefined:
        table += struct.pack("<IBBHQQ", name(text), 0x12, 0, 0, 0, 0)
    for text in symbols:
        table += struct.pack("<IBBHQQ", name(text), 0x12, 0, 1, 0x1000, 8)
    count = len(table) // 24
    first = 1 + len(undefined)
    if gnu_hash:
        # One bucket with all symbols; only the end of the chain matters for counting.
        chain = [0] * (count - first - 1) + [1] if count > first else []
        hashes = struct.pack("<IIIIQI", 1, first, 1, 0, 0, first if chain else 0) + struct.pack(
            f"<{len(chain)}I", *chain
        )
    else:
        hashes = struct.pack("<III", 1, count, 0) + bytes(4 * count)
    needs = bytearray()
    if glibc:
        needs += struct.pack("<HHIII", 1, len(glibc), name("libc.so.6"), 16, 0)
        for at, text in enumerate(glibc):
            needs += struct.pack("<IHHII", 0, 0, at + 2, name(text), 0 if at == len(glibc) - 1 else 16)
    start = 64 + 2 * 56
    parts = [bytes(table), bytes(names), hashes, bytes(needs)]
    places = []
    for part in parts:
        places.append(start)
        start += (len(part) + 7) // 8 * 8
    entries = [(6, places[0]), (5, places[1]), (10, len(names)), (0x6FFFFEF5 if gnu_hash else 4, places[2])]
    if glibc:
        entries += [(0x6FFFFFFE, places[3]), (0x6FFFFFFF, 1)]
    dynamic = b"".join(struct.pack("<QQ", *entry) for entry in [*entries, (0, 0)])
    sections = start + len(dynamic)
    end = sections + 64
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 3, machine, 1, 0, 64, sections, 0, 64, 56, 2, 64, 1, 0
    )
    loads = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, sections, sections, 4096)
    loads += struct.pack("<IIQQQQQQ", 2, 6, start, start, start, len(dynamic), len(dynamic), 8)
    body = b"".join(part.ljust((len(part) + 7) // 8 * 8, b"\0") for part in parts)
    whole = header + loads + body + dynamic + bytes(64)
    assert len(whole) == end
    return whole


def libraries(folder: Path, *, main: bytes | None = None, machine: Machine = LINUX) -> Path:
    """The libraries that a machine needs; returns their folder."""
    folder.mkdir(parents=True)
    for name in machine.needed_libraries:
        (folder / name).write_bytes(main if main is not None and name == machine.main_library else elf())
    return folder


def sdk_folder(folder: Path, kind: str = "agora", **marker: object) -> Path:
    """A complete SDK folder for the machine that the test runs on."""
    code = {"x86_64": X86_64, "aarch64": AARCH64}.get(HERE.processor, 0)
    (folder / "agora_sdk").mkdir(parents=True)
    for name in HERE.needed_libraries:
        (folder / "agora_sdk" / name).write_bytes(elf(machine=code))
    text = json.dumps({"format": 1, "kind": kind, "sdk": "2.4.10", **marker})
    (folder / "offhook-agora-sdk.json").write_text(text, "ascii")
    return folder


def upstream(
    parent: Path,
    *,
    version: str = "2.4.10",
    installer: str = "pip",
    symbols: Sequence[str] = SYMBOLS,
    dated: bool = True,
) -> Path:
    """A package with the shape of upstream's, which must never run; returns its folder."""
    package = parent / "agora"
    (package / "rtc" / "_ctypes_handle").mkdir(parents=True)
    trap = f"open({str(parent / 'RAN')!r}, 'w').close()\nraise SystemExit(1)\n"
    other, mac = ADDRESS.replace("linux", "other"), ADDRESS.replace("linux", "mac")
    (package / "__init__.py").write_text(
        f"{trap}import platform, sys\n"
        "def _fetch():\n"
        "    arch = platform.machine()\n"
        f"    linux_sdk = '{other}'\n"
        f"    linux_sdk = '{ADDRESS}'\n"
        f"    mac_sdk = '{mac}'\n"
        "    # url = 'https://old.example/'\n"
        "    url = linux_sdk\n"
        "    if sys.platform == 'darwin':\n"
        "        url = mac_sdk\n"
        "    if arch == 'aarch64' and sys.platform == 'linux':\n"
        f"        url = '{ADDRESS.replace('linux', 'arm')}'\n" + ("    open('version.txt')\n" if dated else ""),
        "utf-8",
    )
    rtc = package / "rtc"
    (rtc / "__init__.py").write_text(trap, "utf-8")
    first, second, *rest = symbols
    (rtc / "agora_service.py").write_text(
        f"from .local_user import *\nfrom . import agora_lib\na = agora_lib.{first}\n# b = agora_lib.agora_old\n"
        "def later():\n    agora_lib.agora_only_when_called\n",
        "utf-8",
    )
    (rtc / "rtc_connection.py").write_text(
        f"from agora.rtc._ctypes_handle._data import x\nb = agora_lib.{second}\n", "utf-8"
    )
    (rtc / "local_user.py").write_text(
        "from .agora_service import x\n" + "".join(f"c = agora_lib.{name}\n" for name in rest), "utf-8"
    )
    (rtc / "_ctypes_handle" / "_data.py").write_text("from .. import agora_lib\n", "utf-8")
    (rtc / "external_processor.py").write_text("d = agora_lib.agora_not_imported\n", "utf-8")
    metadata = parent / f"agora_python_server_sdk-{version}.dist-info"
    metadata.mkdir()
    (metadata / "INSTALLER").write_text(f"{installer}\n", "ascii")
    return package


def archive(files: dict[str, bytes] | None = None, *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip file as Agora's are: the libraries in one folder."""
    content = {f"agora_sdk/{name}": elf() for name in LINUX.needed_libraries} | {"agora_sdk/include/a.h": b"int a;\n"}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, data in (content if files is None else files).items():
            file.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


@dataclass
class Served:
    """A file of the server.

    Attributes:
        body, etag, modified: what is served.
        cuts: after how many bytes each answer is cut off, one for each; none is after the last.
        status: another status instead of the file.
        location: an address to redirect to.
        ranges: whether parts are served.
        always: whether a part is served even if the file has changed.
        length: whether the length is announced.
        headers: sent as well.
    """

    body: bytes = b""
    etag: str = '"one"'
    modified: str = ""
    cuts: list[int] = field(default_factory=list)
    status: int = 0
    location: str = ""
    ranges: bool = True
    always: bool = False
    length: bool = True
    headers: dict[str, str] = field(default_factory=dict)


class Server:
    """An HTTPS server on loopback.

    Attributes:
        files: what it serves, by path.
        asked: the path and the range of each request.
        started: set when a request is being answered.
        go_on: answers wait for it once `started` is set and it is cleared.
    """

    def __init__(self, certificate: trustme.LeafCert) -> None:
        self.files: dict[str, Served] = {}
        self.asked: list[tuple[str, str]] = []
        self.started = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 20

            def setup(self) -> None:
                self.request = context.wrap_socket(self.request, server_side=True)
                super().setup()

            def finish(self) -> None:
                super().finish()
                self.request.close()

            def do_GET(self) -> None:
                outer._answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        class Listener(http.server.ThreadingHTTPServer):
            daemon_threads = False

            def handle_error(self, *_: Any) -> None:
                """A client that trusts no certificate of ours goes away."""

        self._listener = Listener(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._listener.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._listener.server_address[1])

    def url(self, path: str = "/sdk.zip", host: str = "localhost") -> str:
        return f"https://{host}:{self.port}{path}"

    def close(self) -> None:
        self._listener.shutdown()
        self._listener.server_close()
        self._thread.join()

    def _answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        path = handler.path.partition("?")[0]
        wanted = handler.headers.get("Range", "")
        self.asked.append((handler.path, wanted))
        self.started.set()
        self.go_on.wait(PATIENCE_S)
        served = self.files.get(path, Served(status=404))
        if served.status or served.location:
            handler.send_response(served.status or 302)
            if served.location:
                handler.send_header("Location", served.location)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        start, body = 0, served.body
        condition = handler.headers.get("If-Range", "")
        valid = condition in (served.etag, served.modified) and not condition.startswith("W/")
        if served.ranges and wanted and (valid or served.always):
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            handler.send_response(200)
        for name, value in (("ETag", served.etag), ("Last-Modified", served.modified), *served.headers.items()):
            if value:
                handler.send_header(name, value)
        rest = body[start:]
        if served.length:
            handler.send_header("Content-Length", str(len(rest)))
        handler.send_header("Connection", "close")
        handler.close_connection = True
        handler.end_headers()
        handler.wfile.write(rest[: served.cuts.pop(0)] if served.cuts else rest)


@contextmanager
def https_server(certificate: trustme.LeafCert) -> Generator[Server]:
    server = Server(certificate)
    try:
        yield server
    finally:
        server.go_on.set()
        server.close()
