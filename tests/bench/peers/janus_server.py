"""Starts Janus with a folder of settings of its own: its EchoTest plugin and its HTTP API on loopback, nothing else."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.bench.peers.install import debian_command
from tests.bench.peers.processes import free_port, running

if TYPE_CHECKING:
    from collections.abc import Generator

_OTHER_PLUGINS: Final = (
    *("audiobridge", "duktape", "lua", "nosip", "recordplay", "sip"),
    *("streaming", "textroom", "videocall", "videoroom", "voicemail"),
)
_OTHER_TRANSPORTS: Final = ("mqtt", "nanomsg", "pfunix", "rabbitmq", "websockets")
_CORE: Final = """general: {{
    configs_folder = "{folder}"
    server_name = "bench"
    session_timeout = 0
    debug_level = 2
}}
media: {{ ipv6 = false }}
nat: {{ ice_ignore_list = "vmnet" }}
plugins: {{
    disable = "{plugins}"
}}
transports: {{
    disable = "{transports}"
}}
"""
_HTTP: Final = """general: {{
    json = "compact"
    base_path = "/janus"
    http = true
    port = {port}
    ip = "127.0.0.1"
    https = false
}}
admin: {{ admin_http = false }}
"""


def _core(folder: str) -> str:
    plugins, transports = (
        ",".join(f"libjanus_{name}.so" for name in names) for names in (_OTHER_PLUGINS, _OTHER_TRANSPORTS)
    )
    return _CORE.format(folder=folder, plugins=plugins, transports=transports)


@contextlib.contextmanager
def janus() -> Generator[tuple[int, int]]:
    """Yield its process id and the port of its API.

    Raises:
        PeerMissing: it cannot be installed.
        RuntimeError: it did not start.
    """
    command = debian_command("janus", "janus")
    with tempfile.TemporaryDirectory() as name:
        port = free_port()
        Path(name, "janus.jcfg").write_text(_core(name), encoding="utf-8")
        Path(name, "janus.transport.http.jcfg").write_text(_HTTP.format(port=port), encoding="utf-8")
        with running([str(command), f"--configs-folder={name}", "--disable-stdout"], port) as pid:
            yield pid, port
