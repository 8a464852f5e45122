"""What is shown of an answer to a webhook: its beginning, on one line, without secrets."""

from __future__ import annotations

import pytest

from offhook.secret import Secret
from offhook_mockserver.tenants.webhooks.post_answer import MOST_KEPT_BYTES, KeptBody, PostAnswer


@pytest.mark.parametrize("status", [200, 204, 299])
def test_an_answer_that_takes_the_webhook_is_no_problem(status: int) -> None:
    assert PostAnswer(status, b"failed").problem == ""


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (PostAnswer(500), "the answer was 500"),
        (PostAnswer(401, b"  no\r\n\tsuch key "), "the answer was 401: no such key"),
        (PostAnswer(400, b"call +14155550123"), "the answer was 400: call +1415•••0123"),
        (PostAnswer(400, b"\xff\x00"), "the answer was 400: \ufffd\\x00"),
        (PostAnswer(302), "the answer was 302, a redirect, and redirects are not followed: register the URL that"),
        (PostAnswer(301, b"moved", "/to?key=1#x"), "the answer was 301, a redirect to /to?…, and redirects are not"),
        (PostAnswer(307, b"", "http://a:b@c/\x1b[2J"), "the answer was 307, a redirect to http://c/\\x1b[2J, and"),
    ],
)
def test_the_beginning_of_an_answer_is_shown(answer: PostAnswer, problem: str) -> None:
    assert answer.problem.startswith(problem)


@pytest.mark.parametrize("size", [40, 256])
def test_no_secret_and_no_part_of_one_is_shown(size: int) -> None:
    secret = Secret("".join(chr(ord("a") + n % 26) for n in range(size)))
    for before in range(MOST_KEPT_BYTES - size, MOST_KEPT_BYTES, 7):
        kept = KeptBody()
        for part in (secret.reveal().encode(), b" " * before, secret.reveal().encode(), b"more"):
            kept.add(part)
        text = (secret.reveal() * 60).encode()
        for body in (bytes(kept), text, text[: MOST_KEPT_BYTES + 3]):
            assert "abcd" not in PostAnswer(500, body).problem
    assert "abcd" not in PostAnswer(302, b"", f"http://a/{secret.reveal()}").problem


def test_what_is_kept_and_shown_is_bounded() -> None:
    kept = KeptBody()
    for _ in range(100):
        kept.add(b"x" * 999)
    assert len(bytes(kept)) == MOST_KEPT_BYTES
    shown = PostAnswer(302, bytes(kept), "/" + "y" * 5_000).problem
    assert "xxx…" in shown
    assert "yyy…" in shown
    assert len(shown) < 600
