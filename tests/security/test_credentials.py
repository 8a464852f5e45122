"""Credentials in the wrong face, of another tenant, and of no mock at all, with every operation, over sockets."""

from __future__ import annotations

import ast
import hmac
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from tests.mockserver.faces.control.control_client import T, wav
from tests.mockserver.faces.sendblue.contract import keys_of
from tests.security.mocks import credentials, problem_of, run, served, state_of
from tests.security.requests import Sample, ask, samples

import offhook
import offhook_mockserver
from offhook_mockserver.tenants.shown_keys import MOST_KEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.security.requests import HttpAnswer

    from offhook_mockserver.server import MockServer, Tenant

CONTROL: Final = tuple(sample for sample in samples() if sample.is_control)
SENDBLUE: Final = tuple(sample for sample in samples() if not sample.is_control)
#: Stands for what somebody has taken for a secret.
SENTINEL: Final = "sentinel-31b9c7"
#: How headers with wrong credentials look in Sendblue's API and in the control API.
WRONG: Final[Mapping[str, tuple[Mapping[str, str | bytes], Mapping[str, str | bytes]]]] = {
    "none": ({}, {}),
    "empty": ({"sb-api-key-id": "", "sb-api-secret-key": ""}, {"authorization": ""}),
    "an empty bearer": ({"authorization": "Bearer "}, {"authorization": "Bearer"}),
    "the key id alone": ({"sb-api-key-id": "KEY"}, {"authorization": "KEY"}),
    "a wrong secret": (
        {"sb-api-key-id": "KEY", "sb-api-secret-key": SENTINEL},
        {"authorization": f"Bearer {SENTINEL}"},
    ),
    "the beginning of the secret": (
        {"sb-api-key-id": "KEY", "sb-api-secret-key": "HALF"},
        {"authorization": "Bearer HALF"},
    ),
    "very long": (
        {"sb-api-key-id": SENTINEL * 100, "sb-api-secret-key": SENTINEL * 500},
        {"authorization": f"Bearer {SENTINEL * 500}"},
    ),
    "unprintable": (
        {"sb-api-key-id": b"\x9b31m" + SENTINEL.encode(), "sb-api-secret-key": b"\xff\xfe\x9b"},
        {"authorization": b"Bearer \x1b[31m\xff\xfe\x9b31m" + SENTINEL.encode()},
    ),
    "another scheme": ({"authorization": f"Basic {SENTINEL}"}, {"authorization": f"Basic {SENTINEL}"}),
}


async def send(mock: MockServer, sample: Sample, headers: Mapping[str, str | bytes]) -> HttpAnswer:
    """Send the request of an operation with these headers."""
    media_type = {"content-type": sample.media_type} if sample.body else {}
    return await ask(mock.port, sample.method, sample.target, {**media_type, **headers}, sample.body)


def left_behind(mock: MockServer, answers: Iterable[HttpAnswer], logged: str) -> str:
    """Everything in which credentials of a request could be: answers, journals and the log."""
    entries = [json.dumps(entry.to_json()) for tenant in mock.tenants.all() for entry in tenant.journal.entries]
    bodies = [f"{answer.headers} {answer.body!r}" for answer in answers]
    return "\n".join([*entries, *bodies, logged])


def without_secrets(mock: MockServer, text: str, *more: str) -> None:
    """It holds neither the secrets of the mock, nor what was sent in their place."""
    for tenant in mock.tenants.all():
        assert tenant.api_secret.reveal() not in text
    for secret in (mock.control_token.reveal(), SENTINEL, *more):
        assert secret not in text


@pytest.mark.fault("F47", "F56")
@pytest.mark.safety("S12")
@pytest.mark.parametrize("open_to_any_keys", [False, True])
def test_the_control_token_opens_no_operation_of_sendblues_api(
    open_to_any_keys: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def test() -> None:
        async with served(lenient=True, open_to_any_keys=open_to_any_keys) as mock:
            token, key = mock.control_token.reveal(), mock.tenant.api_key.reveal()
            before, answers = state_of(mock), []
            for sample in SENDBLUE:
                for headers in (
                    {"authorization": f"Bearer {token}"},
                    {"sb-api-key-id": token, "sb-api-secret-key": token},
                    {"x-sb-api-key-id": key, "x-sb-api-secret-key": token},
                ):
                    answers.append(await send(mock, sample, headers))
                    assert answers[-1].status == 401, (sample.operation, answers[-1])
                    problem_of(answers[-1], control=False)
            assert state_of(mock) == before
            without_secrets(mock, left_behind(mock, answers, caplog.text))

    run(test)


@pytest.mark.fault("F47", "F56")
@pytest.mark.safety("S12")
def test_credentials_of_sendblues_api_open_no_operation_of_the_control_api(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def test() -> None:
        async with served(lenient=True) as mock:
            tenant = mock.tenant
            bearer = tenant.account.access_tokens.mint().text.reveal()
            key, secret = tenant.api_key.reveal(), tenant.api_secret.reveal()
            before, answers = state_of(mock), []
            for sample in CONTROL:
                for headers, code in (
                    (keys_of(tenant), "foreign_keys"),
                    ({**keys_of(tenant), **credentials(mock, control=True)}, "foreign_keys"),
                    ({"authorization": f"Bearer {bearer}"}, "token"),
                    ({"authorization": f"Bearer {secret}"}, "token"),
                    ({"authorization": f"Bearer {key}"}, "token"),
                ):
                    answer = await send(mock, sample, headers)
                    if sample.is_open and code == "token":
                        assert answer.status == 200
                        continue
                    answers.append(answer)
                    status = 403 if code == "foreign_keys" else 401
                    assert (answer.status, answer.json["error"]["code"]) == (status, code), sample.operation
            assert state_of(mock) == before
            without_secrets(mock, left_behind(mock, answers, caplog.text), bearer)

    run(test)


@pytest.mark.fault("F47", "F56")
@pytest.mark.safety("S12", "S13")
@pytest.mark.parametrize("given", WRONG)
def test_wrong_credentials_open_nothing_and_are_kept_nowhere(given: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def test() -> None:
        async with served(lenient=True) as mock:
            before, answers = state_of(mock), []
            for sample in samples():
                if sample.is_open:
                    continue
                secret = (mock.control_token if sample.is_control else mock.tenant.api_secret).reveal()
                values = {"KEY": mock.tenant.api_key.reveal(), "HALF": secret[:-1]}
                headers: dict[str, str | bytes] = {}
                for name, value in WRONG[given][sample.is_control].items():
                    headers[name] = value
                    if isinstance(value, str):
                        for word, text in values.items():
                            value = value.replace(word, text)
                        headers[name] = value
                answers.append(await send(mock, sample, headers))
                assert answers[-1].status == 401, (sample.operation, answers[-1])
                problem_of(answers[-1], control=sample.is_control)
                assert answers[-1].headers.get("www-authenticate") == ("Bearer" if sample.is_control else None)
            assert state_of(mock) == before
            half = mock.control_token.reveal()[:-1]
            without_secrets(mock, left_behind(mock, answers, caplog.text), mock.tenant.api_secret.reveal()[:-1], half)

    run(test)


@pytest.mark.fault("F44")
@pytest.mark.safety("S12")
@pytest.mark.parametrize("value", [b"Bearer a\x00b", b"Bearer a\rb", b"Bearer " + b"x" * 20_000])
def test_credentials_that_http_does_not_allow_are_refused_before_any_api(value: bytes) -> None:
    async def test() -> None:
        async with served() as mock:
            for name in ("authorization", "sb-api-key-id", "sb-api-secret-key"):
                for target in ("/api/lines", "/mock/v1/tenants"):
                    answer = await ask(mock.port, "GET", target, {name: value})
                    assert answer.status in {400, 431}, answer
                    assert b"\x1b" not in answer.body
                    assert len(answer.body) < 300
            assert len(mock.tenant.journal) == 0

    run(test)


@pytest.mark.safety("S12")
@pytest.mark.parametrize("key", ["x" * (MOST_KEY + 1), "a\x9b31m", "mock_secret_" + "0" * 32, "mock_token_1"])
def test_a_mock_that_is_open_to_any_keys_makes_no_tenant_of_what_must_not_be_shown(key: str) -> None:
    async def test() -> None:
        async with served(open_to_any_keys=True) as mock:
            pair = {"sb-api-key-id": key, "sb-api-secret-key": SENTINEL}
            assert (await ask(mock.port, "GET", "/api/lines", pair)).status == 401
            assert len(mock.tenants.all()) == 1
            pair["sb-api-key-id"] = "x" * MOST_KEY
            assert (await ask(mock.port, "GET", "/api/lines", pair)).status == 200
            listed = await ask(mock.port, "GET", "/mock/v1/tenants", credentials(mock, control=True))
            assert SENTINEL.encode() not in listed.body
            path = f"/mock/v1/tenants/{'x' * MOST_KEY}/journal"
            assert (await ask(mock.port, "GET", path, credentials(mock, control=True))).status == 200

    run(test)


@pytest.mark.safety("S13")
def test_every_secret_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `hmac.compare_digest` returns decides, whoever asks."""

    async def test() -> None:
        async with served() as mock:
            right = {False: keys_of(mock.tenant), True: credentials(mock, control=True)}
            wrong = {
                False: {**right[False], "sb-api-secret-key": "wrong"},
                True: {"authorization": "Bearer wrong"},
            }
            targets = {False: "/api/lines", True: "/mock/v1/tenants"}
            for control, target in targets.items():
                for says, headers, status in ((False, right, 401), (True, wrong, 200)):
                    with monkeypatch.context() as patch:
                        asked: list[tuple[object, object]] = []

                        def answered(one: bytes, other: bytes, says: bool = says) -> bool:
                            asked.append((one, other))  # noqa: B023
                            return says

                        patch.setattr(hmac, "compare_digest", answered)
                        answer = await ask(mock.port, "GET", target, headers[control])
                    assert answer.status == status
                    assert asked

    run(test)


@pytest.mark.safety("S13")
def test_no_code_compares_a_revealed_secret_itself() -> None:
    packages = [Path(package.__path__[0]) for package in (offhook, offhook_mockserver)]
    folders = [*packages, packages[1].parents[1] / "plugins"]
    files = [path for folder in folders for path in folder.rglob("*.py")]
    texts = {path: path.read_text(encoding="utf-8") for path in files}
    found = [
        f"{path.name}:{node.lineno} {ast.unparse(node)}"
        for path, text in texts.items()
        if ".reveal()" in text
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Compare)
        and any(isinstance(each, ast.Eq | ast.NotEq) for each in node.ops)
        and any(ast.unparse(side).endswith(".reveal()") for side in (node.left, *node.comparators))
    ]
    assert len(files) > 300
    assert found == []


async def _things(mock: MockServer, tenant: Tenant) -> Mapping[str, str]:
    """Things of a tenant, made over its API and by a call: their ids by the names of parameters."""

    async def made(method: str, path: str, body: object) -> HttpAnswer:
        headers = {**keys_of(tenant), "content-type": "application/json"}
        answer = await ask(mock.port, method, path, headers, json.dumps(body).encode())
        assert answer.status < 300, (path, answer)
        return answer

    token = (await made("POST", "/v3/auth/tokens", {})).json
    line = tenant.lines[0]
    number = "+14155550177"
    await made("POST", "/api/v2/contacts", {"number": number})
    message = (await made("POST", "/api/send-message", {"number": number, "from_number": line, "content": "x"})).json
    secret = (await made("POST", "/api/v2/totp/secrets", {"secret": "JBSWY3DPEHPK3PXP", "label": "x"})).json
    call = (await made("POST", "/facetime/start-call", {"phoneNumber": number, "fromNumber": line})).json
    tenant.clips.put("theirs.wav", wav(0.01))
    return {
        "token_id": _first(token, "id", "token_id"),
        "phone_number": number.replace("+", "%2B"),
        "number": line.replace("+", "%2B"),
        "message_id": message["message_handle"],
        "secret_id": _first(secret, "id", "secret_id"),
        "channel": call["agora"]["channelName"],
        "name": "theirs.wav",
        "id": tenant.faults.status(503, times=1, to="+14155550188").id,
        "line": line.replace("+", "%2B"),
    }


def _first(document: object, *names: str) -> str:
    """The first field with one of these names, at any depth."""
    waiting = [document]
    while waiting:
        value = waiting.pop(0)
        if isinstance(value, dict):
            for name in names:
                if isinstance(value.get(name), str):
                    return str(value[name])
            waiting += value.values()
    raise AssertionError(f"{document} has none of {names}")


#: Ids that no tenant has.
NEVER: Final[Mapping[str, str]] = {
    "token_id": "tok_000000000000000000000000",
    "phone_number": "%2B14155550178",
    "number": "%2B18885550111",
    "message_id": "00000000-0000-4000-8000-000000000000",
    "secret_id": "00000000-0000-4000-8000-000000000000",
    "channel": "ft_call_0000000000000000",
    "name": "never.wav",
    "id": "f99999",
    "line": "%2B18885550111",
}


@pytest.mark.fault("F46")
@pytest.mark.safety("S14")
def test_things_of_another_tenant_are_as_if_they_had_never_been() -> None:
    """In both APIs, in every operation with an id in its path: the same status and, but for the id, the same text."""

    async def test() -> None:
        async with served() as mock:
            mine, other = mock.tenants.create(), mock.tenants.create(lines=("+18885550122",))
            theirs = await _things(mock, other)
            tried = 0
            seen: dict[int, set[str]] = {}
            for sample in samples():
                path = sample.operation.split(" ")[1]
                names = [name for name in theirs if f"{{{name}}}" in path]
                if not names or (sample.method == "PUT" and sample.is_control) or path.endswith("/wait"):
                    continue
                query = sample.target.partition("?")[2]
                answers = []
                for ids in (theirs, NEVER):
                    filled = {**ids, "tenant": mine.api_key.reveal()}
                    target = path
                    for name, value in filled.items():
                        target = target.replace(f"{{{name}}}", value)
                    if "{" in target:
                        break
                    headers: dict[str, str | bytes] = {
                        **(credentials(mock, control=True) if sample.is_control else keys_of(mine)),
                        **({"content-type": sample.media_type} if sample.body else {}),
                    }
                    full = f"{target}?{query}" if query else target
                    answer = await ask(mock.port, sample.method, full, headers, sample.body)
                    text = answer.body.decode()
                    for name in names:
                        for shown in (ids[name], ids[name].replace("%2B", "+")):
                            text = text.replace(shown, name.upper())
                    answers.append((answer.status, text))
                if len(answers) < 2 or answers[0][0] == answers[1][0] == 501:  # a lenient mock alone answers those
                    continue
                tried += 1
                assert answers[0] == answers[1], sample.operation
                seen.setdefault(answers[0][0], set()).add(sample.operation)
            assert tried > 25
            assert set(seen) <= {200, 204, 400, 404, 409, 422}, seen
            for path in ("contacts/{phone_number}", "messages/{message_id}", "totp/code/{secret_id}"):
                kept = await ask(mock.port, "GET", f"/api/v2/{path.format(**theirs)}", keys_of(other))
                assert kept.status == 200, path
            assert [clip.name for clip in other.clips.all] == [theirs["name"]]
            assert [fault.id for fault in other.faults.active] == [theirs["id"]]

    run(test)


@pytest.mark.fault("F46")
@pytest.mark.safety("S14")
def test_a_tenant_that_was_removed_is_for_its_own_keys_as_if_it_had_never_been() -> None:
    async def test() -> None:
        async with served() as mock:
            other = mock.tenants.create()
            things = await _things(mock, other)
            keys = keys_of(other)
            never = {"sb-api-key-id": f"mock_key_{'0' * 24}", "sb-api-secret-key": "x"}
            await ask(mock.port, "DELETE", f"/mock/v1/tenants/{keys['sb-api-key-id']}", credentials(mock, control=True))
            for sample in SENDBLUE:
                gone, strange = await send(mock, sample, keys), await send(mock, sample, never)
                assert (gone.status, gone.body) == (strange.status, strange.body), sample.operation
            gone = await ask(mock.port, "GET", f"{T}/calls/{things['channel']}", credentials(mock, control=True))
            assert gone.status == 404

    run(test)
