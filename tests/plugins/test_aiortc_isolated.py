"""A call on a machine with no network but loopback, and no socket of the process anywhere else.

The test runs itself again inside a fresh network of the kernel, where `lo` is all there is.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from tests.patience import PATIENCE_S

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_ROOT = Path(__file__).resolve().parents[2]


def raise_loopback() -> None:
    """`ip link set lo up`, without needing `ip`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack_from("H", fcntl.ioctl(probe, _SIOCGIFFLAGS, request), 16)[0]
        fcntl.ioctl(probe, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | _IFF_UP))


def own_addresses() -> set[str]:
    """Where the sockets of this process are bound, out of /proc: address in the kernel's hex."""
    links = {os.readlink(item) for item in Path("/proc/self/fd").iterdir() if item.is_symlink()}  # noqa: PTH115
    own = {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}
    found: set[str] = set()
    for table in ("tcp", "tcp6", "udp", "udp6", "raw", "packet"):
        path = Path("/proc/net") / table
        for line in path.read_text().splitlines()[1:] if path.exists() else ():
            columns = line.split()
            inode = columns[-1] if table == "packet" else columns[9]
            if inode in own:
                found.add(columns[1].rpartition(":")[0] if table != "packet" else "packet")
    return found


async def call() -> None:
    """Two legs and a PCM member; runs where the parent test put it."""
    from tests.plugins.relay_kit import Ear, Relay, tone, until

    from offhook_aiortc.transport import AiortcTransport

    # 127.0.0.1 and ::1 in the order of /proc.
    loopback = {
        socket.inet_aton("127.0.0.1")[::-1].hex().upper() if sys.byteorder == "little" else "7F000001",
        "00000000000000000000000001000000" if sys.byteorder == "little" else "0" * 31 + "1",
    }
    async with Relay().running() as relay:
        transport = AiortcTransport()
        await transport.check(relay.url)
        ears = Ear(), Ear(), Ear()
        callee = relay.room.join_pcm(9, ears[2])
        callee.publish()
        legs = [await transport.join(relay.grant(uid), ear) for uid, ear in zip((7, 8), ears[:2], strict=True)]
        for index in range(5):
            callee.send(tone(index))
            for leg in legs:
                leg.send(tone(index))
        await until(lambda: all(len(ear.audio) == 10 for ear in ears), "everybody hears the two others")
        bound = own_addresses()
        assert bound, "the sockets were found"
        assert bound <= loopback, f"bound elsewhere: {bound - loopback}"
        for leg in legs:
            await leg.leave()
    print("heard everything, on", socket.if_nameindex())


def test_no_socket_is_bound_to_anything_but_loopback() -> None:
    if not Path("/proc/net/udp").exists():
        pytest.skip("reads /proc/net")
    asyncio.run(call())


def _isolated(flags: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), *sys.path]), "PYTHONWARNINGS": "error"}
    return subprocess.run(
        ["unshare", flags, sys.executable, str(Path(__file__).resolve())],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env=environment,
        check=False,
    )


@pytest.mark.slow
def test_a_call_needs_no_network_interface() -> None:
    refused = "this kernel does not allow network namespaces"
    allowed = [
        flags
        for flags in ("-rn", "-n")
        if shutil.which("unshare") and subprocess.run(["unshare", flags, "true"], check=False).returncode == 0
    ]
    if not allowed:
        if os.environ.get("CI"):
            pytest.fail(refused)
        pytest.skip(refused)
    run = _isolated(allowed[0])
    assert run.returncode == 0, run.stdout + run.stderr
    assert "heard everything, on [(1, 'lo')]" in run.stdout


if __name__ == "__main__":
    raise_loopback()
    asyncio.run(call())
