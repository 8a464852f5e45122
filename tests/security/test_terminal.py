"""What clients send never moves the cursor of a terminal, colours it, or begins a line: not of `offhook mock`, not of a
test's report.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from itertools import islice
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import pytest
from tests.child_output import without_slowness
from tests.mockserver.faces.control.control_client import T
from tests.patience import PATIENCE_S
from tests.security.mocks import credentials, run, served
from tests.security.requests import ask, samples

from offhook_mockserver.server import NotSeen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

#: Colours, a bell, a new line, C1's own escape, a reversal of the direction of writing, and line separators.
HOSTILE: Final = "\x1b[31m\x1b]0;x\x07a\r\nb\x9b2Jc\u202ed\u2028e\x85f\x00g"
#: The same as a header can carry it.
IN_HEADER: Final = b"a\x1b[31mb\x9b2Jc\x85\xff"
SCRIPTED: Final = "+14155550190"
SCRIPTS: Final = f"""
[[callee]]
number = "{SCRIPTED}"
summary = {json.dumps(HOSTILE.replace(chr(0), ""))}
steps = [{{ring = 0.0}}, {{answer = {{}}}}, {{say = "tone:440,0.01"}}, "hang_up"]
"""


def begin(*arguments: str) -> subprocess.Popen[bytes]:
    """Start `offhook -vv mock` as a person does."""
    environment = {**os.environ, "PYTHONSAFEPATH": "1", "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "offhook", "-vv", "mock", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)


def is_safe(text: str) -> bool:
    """Whether a terminal can show a text: lines of printable characters."""
    return all(line.isprintable() for line in text.split("\n"))


def hostile_requests(
    control_token: str, keys: Mapping[str, str]
) -> Iterator[tuple[str, str, Mapping[str, object], bytes]]:
    """Requests with such text in every place that a client fills: method and target, headers, and body."""
    control = {"authorization": f"Bearer {control_token}"}
    body = {"content-type": "application/json"}
    path = quote(HOSTILE, safe="")
    for prefix in ("/", "/api/v2/contacts/", "/api/lines/", "/relay/", "/mock/", "/facetime/"):
        yield "GET", f"{prefix}{path}", keys, b""
        yield "POST", f"{prefix}{path}", {**keys, **body}, b"{}"
        yield "OPTIONS", f"{prefix}{path}?{path}={path}", keys, b""
    for prefix in ("/mock/v1/", "/mock/v1/tenants/", f"{T}/calls/", f"{T}/callees/", f"{T}/clips/", f"{T}/faults/"):
        yield "GET", f"{prefix}{path}", control, b""
        yield "PUT", f"{prefix}{path}", {**control, **body}, b"{}"
    yield "GET", "/api/lines", {"sb-api-key-id": IN_HEADER, "sb-api-secret-key": IN_HEADER}, b""
    yield "GET", "/api/lines", {**keys, "user-agent": IN_HEADER, "x-other": IN_HEADER}, b""
    yield "GET", "/api/lines", {"authorization": b"Bearer " + IN_HEADER}, b""
    yield "GET", "/mock/v1/tenants", {"authorization": b"Bearer " + IN_HEADER}, b""
    yield "GET", "/api/lines", {"origin": IN_HEADER}, b""
    yield "GET", "/api/lines", {"host": IN_HEADER}, b""
    yield "POST", "/api/send-message", {**keys, "content-type": IN_HEADER}, b"{}"
    for sample in samples():
        if (
            sample.body
            and not sample.streams
            and "/wait" not in sample.target
            and sample.media_type == body["content-type"]
        ):
            headers = {**(control if sample.is_control else keys), **body}
            for document in _spoiled(json.loads(sample.body)):
                yield sample.method, sample.target, headers, json.dumps(document).encode()
    webhooks = {"webhooks": [f"http://127.0.0.1:9/{HOSTILE}", f"http://x{HOSTILE}.example/"]}
    yield "POST", "/api/account/webhooks", {**keys, **body}, json.dumps(webhooks).encode()


def _spoiled(value: object) -> Iterator[object]:
    """A JSON value with hostile text in each of its texts in turn, and under a hostile name."""
    if isinstance(value, str):
        yield value + HOSTILE
    if isinstance(value, list) and value:
        for each in _spoiled(value[0]):
            yield [each]
    if isinstance(value, dict):
        for name, item in value.items():
            for each in _spoiled(item):
                yield {**value, name: each}
        yield {**value, HOSTILE: HOSTILE, "content": HOSTILE, "name": HOSTILE, "first_name": HOSTILE, "label": HOSTILE}


async def _attack(port: int, token: str, keys: Mapping[str, str]) -> None:
    """With no control token, a part of it is enough."""
    for method, target, headers, body in islice(hostile_requests(token, keys), None if token else 40):
        answer = await ask(port, method, target, headers, body)  # type: ignore[arg-type]  # text or bytes
        assert answer.status < 500 or answer.status == 501, (method, target, answer)
        assert is_safe(answer.body.decode("ascii")), "JSON escapes what is not ASCII"
    call = json.dumps({"phoneNumber": SCRIPTED, "fromNumber": "+18885550199"}).encode()
    answer = await ask(port, "POST", "/facetime/start-call", {**keys, "content-type": "application/json"}, call)
    assert answer.status == 200, answer


@pytest.mark.slow
@pytest.mark.fault("F51")
@pytest.mark.safety("S15")
@pytest.mark.parametrize("as_json", [False, True])
def test_nothing_that_a_client_sends_reaches_the_terminal_of_the_mock_as_it_is(as_json: bool, tmp_path: Path) -> None:
    file = tmp_path / "callees.toml"
    file.write_text(SCRIPTS, encoding="utf-8")
    process = begin("--lenient", "--scripts", str(file), *(("--json",) if as_json else ()))
    assert process.stdout is not None
    try:
        first: list[str] = []
        if as_json:
            ready = json.loads(process.stdout.readline())
            url, token = ready["url"], ready["control_token"]
            keys = {"sb-api-key-id": ready["api_key"], "sb-api-secret-key": ready["api_secret"]}
        else:
            while "OFFHOOK_STORE" not in "".join(first):
                first.append(process.stdout.readline().decode())
                assert first[-1], "the mock has ended"
            exported = dict(re.findall(r"export (\w+)=(\S+)", "".join(first)))
            url, token = exported["SENDBLUE_API_BASE_URL"], ""
            keys = {
                "sb-api-key-id": exported["SENDBLUE_API_API_KEY"],
                "sb-api-secret-key": exported["SENDBLUE_API_API_SECRET"],
            }
        asyncio.run(_attack(int(url.rpartition(":")[2]), token, keys))
        shown: list[str] = []
        while "callee hung up" not in "".join(shown[-1:]):  # the last thing that happens
            shown.append(process.stdout.readline().decode())
            assert shown[-1], "the mock has ended"
    finally:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    for text in (*first, *shown, out.decode(), err.decode()):
        assert is_safe(text), repr(text)
    assert "Traceback" not in without_slowness(err.decode())
    if not as_json:
        assert "\\x1b[31m" in "".join([*first, *shown, out.decode(), err.decode()]), "the attack reaches what is shown"


@pytest.mark.slow
@pytest.mark.fault("F55")
@pytest.mark.safety("S15")
def test_a_mistake_in_a_script_is_shown_escaped(tmp_path: Path) -> None:
    file = tmp_path / "callees.toml"
    file.write_text(SCRIPTS.replace("tone:440,0.01", "x\\u001b[31m\\u009b:y"), encoding="utf-8")
    process = begin("--scripts", str(file))
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out) == (2, b"")
    assert "x\\x1b[31m\\x9b:y" in err.decode()
    assert is_safe(err.decode())


@pytest.mark.fault("F51")
@pytest.mark.safety("S15")
def test_nothing_that_a_client_sends_is_in_a_report_or_a_log_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with served(lenient=True) as mock:
            keys = credentials(mock, control=False)
            for method, target, headers, body in hostile_requests(mock.control_token.reveal(), keys):
                await ask(mock.port, method, target, headers, body)  # type: ignore[arg-type]  # text or bytes
            entries = mock.tenant.journal.entries
            assert len(entries) > 60
            assert [str(entry) for entry in entries if not is_safe(str(entry))] == []
            assert [entry.text for entry in entries if not entry.text.isprintable()] == []
            with pytest.raises(NotSeen) as raised:
                await mock.tenant.journal.wait_for(kind="loss", timeout_s=0)
            assert is_safe(str(raised.value))

    run(test)
    assert [record.getMessage() for record in caplog.records if not is_safe(record.getMessage())] == []
