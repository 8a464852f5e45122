"""docs/reference/sendblue-door.md says what the mock does: each request of the page is sent, its answer compared."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx

from offhook.errors import CarrierError
from offhook.plugin.manager import Plugins
from offhook.testing import ServiceAnswer
from offhook_mockserver.far_ends import SendblueFarEnd
from offhook_mockserver.server import MockServer
from offhook_mockserver.server.limits import BODY_TIMEOUT_S, MAX_BODY_BYTES, MAX_HEADERS
from offhook_sendblue.answer import grant_of
from offhook_sendblue.exchange import HttpAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE = (Path(__file__).parents[4] / "docs/reference/sendblue-door.md").read_text(encoding="utf-8")
CALL: Final = {"phoneNumber": "+14155550102", "fromNumber": "+18885550199"}
#: For each row of the table of refusals: headers that are changed (None: left out), and the body.
REQUESTS: Final[Mapping[str, tuple[Mapping[str, str | None], str]]] = {
    "the body is not a JSON object": ({}, "[]"),
    "the body has a name twice": ({}, '{"phoneNumber": "+1", "phoneNumber": "+1"}'),
    "a number is missing": ({}, json.dumps({"fromNumber": CALL["fromNumber"]})),
    "a number is not a string": ({}, json.dumps({**CALL, "fromNumber": 18885550199})),
    "a number is not E.164": ({}, json.dumps({**CALL, "phoneNumber": "4155550102"})),
    "`fromNumber` is not a line of the account": ({}, json.dumps({**CALL, "fromNumber": "+18885550111"})),
    "both numbers are the same": ({}, json.dumps({**CALL, "phoneNumber": CALL["fromNumber"]})),
    "a key header is missing or empty": ({"sb-api-secret-key": None}, json.dumps(CALL)),
    "the keys are not a pair of this mock": ({"sb-api-secret-key": "wrong"}, json.dumps(CALL)),
    "an `Origin` header names another origin": ({"origin": "https://example.com"}, json.dumps(CALL)),
    "the body is too large": ({}, json.dumps({**CALL, "more": "x" * MAX_BODY_BYTES})),
    "the `Content-Type` is not JSON": ({"content-type": "text/plain"}, json.dumps(CALL)),
    "the `Host` is not one of the mock's own names": ({"host": "example.com"}, json.dumps(CALL)),
}


def rows(section: str) -> list[list[str]]:
    """The rows of the last table of a section."""
    _, _, text = PAGE.partition(f"\n## {section}\n")
    table = [line for line in text.partition("\n## ")[0].splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table]
    return cells[2:] if set(cells[1][0]) == {"-"} else cells[1:]


def raised(answer: httpx.Response) -> str:
    """The class of the error that our own carrier raises for an answer."""
    try:
        grant_of(HttpAnswer(answer.status_code, answer.headers, answer.content), endpoint=None, now_s=0.0)
    except CarrierError as error:
        return type(error).__name__
    return ""


def test_the_page_says_what_the_mock_answers() -> None:
    async def main() -> None:
        async with MockServer(plugins=Plugins()) as mock, httpx.AsyncClient(trust_env=False) as client:
            tenant = mock.tenant
            keys = {"sb-api-key-id": tenant.api_key.reveal(), "sb-api-secret-key": tenant.api_secret.reveal()}
            refusals = [row for row in rows("Refusals") if row[0].isdigit()]
            assert {row[1] for row in refusals} == {*REQUESTS, "another path or method"}
            for status, when, text, error in refusals:
                changed, body = REQUESTS.get(when, ({}, json.dumps(CALL)))
                headers = {"content-type": "application/json", **keys, **changed}
                path = "/facetime/start-call" if when in REQUESTS else "/facetime/start"
                answer = await client.post(
                    mock.url + path,
                    content=body,
                    headers={name: value for name, value in headers.items() if value is not None},
                )
                assert answer.status_code == int(status), when
                assert answer.json()["status"] == "ERROR", when
                assert text.strip("`") in answer.json()["message"], when
                assert raised(answer) == error.strip("`"), when
            assert not tenant.calls
            good = re.search(r"```http\n(\S+) (\S+) HTTP/1.1\n(.*?)\n\n(.*?)\n```", PAGE, re.DOTALL)
            assert good is not None
            documented_headers = dict(line.split(": ") for line in good[3].splitlines())
            answer = await client.request(
                good[1], mock.url + good[2], content=good[4], headers={**documented_headers, **keys}
            )
            assert answer.status_code == 200
            documented = re.search(r"HTTP 200.*?```json\n(.*?)```", PAGE, re.DOTALL)
            assert documented is not None
            shown, agora = json.loads(documented[1]), answer.json()["agora"]
            assert {**answer.json(), "agora": {}} == {**shown, "agora": {}}
            assert agora.keys() == shown["agora"].keys()
            assert {f"`agora.{name}`" for name in agora} == {row[0] for row in rows("The answer to a good request")}
            assert re.fullmatch("[0-9a-f]{32}", agora["appId"])
            assert re.fullmatch("ft_call_[0-9a-f]{16}", agora["channelName"])
            assert agora["token"].startswith("007")

    asyncio.run(main())


def test_the_page_names_every_answer_of_the_far_end_and_the_limits() -> None:
    assert [row[0].strip("`") for row in rows("What else a carrier meets")] == [item.name for item in ServiceAnswer]
    assert SendblueFarEnd.__name__ in PAGE
    assert f"at most {MAX_BODY_BYTES} bytes, complete within {BODY_TIMEOUT_S:g} s" in PAGE
    assert f"more than {MAX_HEADERS} headers" in PAGE
