"""The child process over upstream's unmodified Python layer, of each version, and the mock's native library."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.agora.sdk_programs import start_call
from tests.patience import PATIENCE_S
from tests.plugins.offhook_agora.child_process import Child

from offhook.secret import Secret
from offhook_agora import messages as m

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.agora.conftest import SdkFolders
    from tests.integration.conftest import Mock

VERSIONS = ["2.4.10", "2.4.9", "2.3.4"]
#: Lets its call ring for ever.
SILENT = "+14155550103"
FRAME = 320


@pytest.fixture
def child() -> Iterator[Child]:
    started = Child()
    yield started
    started.close()


class Call:
    """A call of the mock, and requests for its channel."""

    def __init__(self, mock: Mock) -> None:
        self.agora = start_call(mock, SILENT)["agora"]
        self.url = mock.ready["url"]

    def join(self, leg: int, uid: int, **fields: Any) -> m.Join:
        fields = {"token": self.agora["token"], "lead_ms": 40, "endpoint": self.url, **fields}
        token = Secret(fields.pop("token"))
        return m.Join(leg, self.agora["appId"], self.agora["channelName"], token, uid, **fields)


def tone(number: int) -> bytes:
    return (number + 1).to_bytes(2, "little") * FRAME


@pytest.mark.trap("1.1d", "1.1e", "1.3b", "1.4a", "1.4c", "1.5c", "1.6a", "1.6b", "1.8a")
@pytest.mark.parametrize("version", VERSIONS)
def test_two_legs_hear_each_other_bit_for_bit(mock: Mock, sdk_folders: SdkFolders, child: Child, version: str) -> None:
    folder = sdk_folders(version)
    child.start(folder / "upstream" / "agora", folder / "agora_sdk", version)
    assert child.until(m.Ready).sdk == version
    call = Call(mock)
    child.say(call.join(1, 101))
    assert child.until(m.Joined) == m.Joined(1, 101)
    child.say(call.join(2, 102))
    assert child.until(m.Joined) == m.Joined(2, 102)

    sent: list[bytes] = []
    heard, missing = b"", 0
    first = None
    child.socket.settimeout(2)
    while len(heard) < 50 * 2 * FRAME:
        # As fast as they are heard, so that none is dropped on a busy machine; the lead is five of them.
        while len(sent) - missing < min(50, 8 + len(heard) // (2 * FRAME)):
            sent.append(tone(len(sent)))
            child.say(m.Audio(1, 0, (len(sent) - 1) * FRAME, sent[-1]))
        try:
            audio = child.until(m.Audio)
        except TimeoutError:  # some were sent before the other was heard
            missing = len(sent) - len(heard) // (2 * FRAME)
            assert missing < 50, "nothing is heard"
            continue
        assert (audio.leg, audio.uid) == (2, 101)
        first = audio.position if first is None else first
        heard += audio.pcm
    child.socket.settimeout(PATIENCE_S)
    whole = [heard[start : start + 2 * FRAME] for start in range(0, len(heard), 2 * FRAME)]
    assert whole == sent if not missing else set(whole) <= set(sent)
    assert first is not None

    # A flush drops what was sent and has not been heard.
    for number in range(len(sent), len(sent) + 5):
        child.say(m.Audio(1, 0, number * FRAME, tone(number)))
    child.say(m.Flush(1))
    assert 0 < child.until(m.Flushed).dropped_ms <= 200

    child.say(m.Renew(1, 4, Secret(call.agora["token"])))
    assert child.until(m.Renewed).number == 4
    child.say(m.Renew(1, 5, Secret("007forged")))
    refused = child.until(m.RenewalRefused)
    assert (refused.number, refused.reason) == (5, m.Reason.TOKEN)

    child.say(m.Leave(1))
    assert child.until(m.MemberLeft) == m.MemberLeft(2, 101, "quit")
    child.say(m.Leave(2), m.Stop())
    assert child.process.wait(PATIENCE_S) == 0
    assert child.output() == ""
    mock.close()


@pytest.mark.trap("1.5a", "1.5d")
@pytest.mark.parametrize("version", VERSIONS)
def test_reasons_of_the_channel_arrive(mock: Mock, sdk_folders: SdkFolders, child: Child, version: str) -> None:
    folder = sdk_folders(version)
    child.start(folder / "upstream" / "agora", folder / "agora_sdk", version)
    child.until(m.Ready)
    call = Call(mock)
    child.say(call.join(1, 101, token="007forged"))
    assert child.until(m.Refused).reason is m.Reason.TOKEN
    child.say(call.join(2, 101))
    child.until(m.Joined)
    child.say(call.join(3, 101))  # the same uid again
    ended = child.until(m.Closed)
    assert (ended.leg, ended.reason) == (2, m.Reason.REPLACED)
    child.say(m.Join(4, "f" * 32, "c", Secret("007"), endpoint=call.url))
    assert child.until(m.Refused).reason is m.Reason.OTHER_APP_ID
    child.say(m.Leave(3))
    child.until(m.Left)


@pytest.mark.trap("1.7b", "1.7c")
def test_legs_that_come_and_go_leave_nothing(mock: Mock, sdk_folder: Path, child: Child) -> None:
    child.start(sdk_folder / "upstream" / "agora", sdk_folder / "agora_sdk")
    child.until(m.Ready)
    call = Call(mock)
    child.say(call.join(1_000, 99))  # the call ends when its first member leaves
    child.until(m.Joined)
    for leg in range(1, 41):
        child.say(call.join(leg, 100 + leg))
        child.until(m.Joined)
        child.say(m.Audio(leg, 0, 0, tone(1)), m.Leave(leg))
        child.until(m.Left)
    child.say(m.Stop())
    assert child.process.wait(PATIENCE_S) == 0
    assert child.output() == ""


#: Loads the SDK into its own process, as OFFHOOK_AGORA_PROCESS=inline does, while a thread looks at what urllib uses.
INLINE = """
import ssl, sys, threading
from offhook_agora.child.engine import Engine
from offhook_agora.messages import PROTOCOL, Alive, Ready, Start, Unusable

before = ssl._create_default_https_context
seen, stop, said = [], threading.Event(), []
loaded = threading.Event()

def watch():
    while not stop.is_set():
        seen.append(ssl._create_default_https_context is before)

def emit(message):
    said.append(message)
    if isinstance(message, Ready | Unusable):
        loaded.set()

watcher = threading.Thread(target=watch)
watcher.start()
engine = Engine(Start(PROTOCOL, sys.argv[1], sys.argv[2]), 1, emit)
assert loaded.wait(60)
engine.stop(5)
stop.set()
watcher.join()
assert isinstance(said[0], Ready), said
rtc = sys.modules["agora.rtc"]
assert rtc.ssl is not ssl, "the SDK has a copy to change"
assert rtc.ssl._create_default_https_context is ssl._create_unverified_context, "and has changed it"
assert all(seen) and len(seen) > 100
assert ssl._create_default_https_context is before
context = ssl._create_default_https_context()
assert context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname
"""


@pytest.mark.trap("2.1b", "2.1d")
@pytest.mark.parametrize("version", VERSIONS)
def test_certificates_are_checked_before_during_and_after_an_import_into_this_process(
    sdk_folders: SdkFolders, version: str
) -> None:
    folder = sdk_folders(version)
    done = subprocess.run(
        [sys.executable, "-c", INLINE, str(folder / "upstream" / "agora"), str(folder / "agora_sdk")],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path)},
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
