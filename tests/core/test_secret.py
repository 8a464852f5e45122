"""Secrets do not get out by accident, by any of the ways that values usually do."""

from __future__ import annotations

import copy
import dataclasses
import io
import json
import logging
import pickle
import sys
import threading
import traceback
from typing import TYPE_CHECKING

import pytest

from offhook import secret as secret_module
from offhook.interfaces.grant import Grant
from offhook.secret import MASK, RedactingFilter, Secret, redact

if TYPE_CHECKING:
    import weakref
    from collections.abc import Iterator

VALUE = "forget-me-not-0123456789"


def test_a_secret_does_not_print_or_format() -> None:
    secret = Secret(VALUE)
    texts = [repr(secret), str(secret), f"{secret}", f"{secret:>40}", f"{secret!r}", "%s %r" % (secret, [secret])]  # noqa: UP031
    assert not any(VALUE in text for text in texts)
    assert str(secret) == f"{secret}" == MASK
    assert repr(secret) == f"Secret({secret.fingerprint})"
    assert secret.reveal() == VALUE


def test_a_grant_does_not_print_its_token() -> None:
    grant = Grant("0" * 32, "ft_call_1", Secret(VALUE), 7)
    assert VALUE not in repr(grant)
    with pytest.raises(TypeError):
        dataclasses.asdict(grant)


@pytest.mark.parametrize("way", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps, vars])
def test_a_secret_cannot_be_copied_out(way: object) -> None:
    assert callable(way)
    with pytest.raises(TypeError):
        way(Secret(VALUE))


def test_secrets_are_compared_by_matches_alone() -> None:
    secret, other = Secret(VALUE), Secret(VALUE)
    assert secret != other
    assert secret != VALUE
    assert secret.matches(VALUE)
    assert not secret.matches(VALUE + "x")
    assert Secret("schlüssel").matches("schlüssel")


def test_fingerprints_tell_secrets_apart() -> None:
    assert Secret(VALUE).fingerprint == Secret(VALUE).fingerprint != Secret(VALUE + "x").fingerprint
    assert len(Secret(VALUE).fingerprint) == 8


def test_an_empty_secret_is_false() -> None:
    assert not Secret("")
    assert Secret(VALUE)


def test_redact_replaces_live_secrets_only() -> None:
    secret = Secret(VALUE)
    assert redact(f"a {VALUE} b {VALUE}") == f"a {MASK} b {MASK}"
    del secret
    assert redact(f"a {VALUE} b") == f"a {VALUE} b"


def test_short_values_are_not_hunted_in_texts() -> None:
    secret = Secret("cat")
    assert redact("concatenate") == "concatenate"
    assert secret


def test_a_secret_inside_a_secret_leaves_no_rest() -> None:
    secrets = [Secret(VALUE[:start]) for start in range(6, 25)]
    assert redact(f"<{VALUE}>") == f"<{MASK}>"
    assert secrets


@pytest.mark.parametrize("length", [6, 7, 13, 40])
def test_among_many_secrets_each_is_found_wherever_it_stands(length: int) -> None:
    """With many, texts are looked at in pieces: no offset of the value in the text may fall between them."""
    many = [Secret(f"{index:03}{'abcdefghijklmnopqrstuvwxyz0123456789ABCD'[: length - 3]}") for index in range(40)]
    for secret in (many[0], many[7], many[-1]):
        for before in range(20):
            for after in ("", "x", "xyz" * 9):
                text = "." * before
                assert redact(f"{text}{secret.reveal()}{after}") == f"{text}{MASK}{after}"
    assert redact(f"{many[3].reveal()}{many[4].reveal()}") == MASK * 2
    assert redact("a text without any secret, but of some length") == "a text without any secret, but of some length"
    assert redact("") == ""


def test_a_secret_that_has_died_among_many_is_not_replaced_any_more() -> None:
    many = [Secret(f"{index:03}-{VALUE}") for index in range(40)]
    gone = many.pop().reveal()
    assert redact(gone) == f"039-{VALUE}"
    assert redact(many[0].reveal()) == MASK


@pytest.mark.parametrize("count", [5, 500])
def test_the_cost_does_not_grow_with_the_number_of_secrets(count: int) -> None:
    """Counted, not timed: a text without a secret is not compared with each value."""

    class Text(str):
        __slots__ = ("looked_for",)

        def __contains__(self, value: object) -> bool:
            looked_for.append(value)
            return super().__contains__(value)  # type: ignore[operator]

    looked_for: list[object] = []
    many = [Secret(f"{index:03}-{VALUE}") for index in range(count)]
    redact(Text("call_1 CallAccepted: DIALING (accepted by the carrier)"))
    assert len(looked_for) <= 12
    assert many


def test_a_secret_made_in_another_thread_is_found_in_this_one() -> None:
    made: list[Secret] = []
    assert redact(VALUE) == VALUE, "prepared without it"
    thread = threading.Thread(target=lambda: made.append(Secret(VALUE)))
    thread.start()
    thread.join()
    assert redact(VALUE) == MASK


def test_a_secret_that_is_made_while_the_values_are_prepared_is_found_by_the_next_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Secret] = []
    prepare = secret_module._live.alive

    def late() -> list[Secret]:
        found = prepare()
        if not made:
            made.append(Secret(VALUE))  # as another thread does, right after the set was read
        return found

    first = Secret("another-one")
    monkeypatch.setattr(secret_module._live, "alive", late)
    assert redact(VALUE) == VALUE, "it was not there when the set was read"
    assert redact(VALUE) == MASK
    assert first


def logged(write: object) -> str:
    logger, stream = logging.Logger("test"), io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(RedactingFilter())
    logger.addHandler(handler)
    assert callable(write)
    write(logger)
    return stream.getvalue()


def test_the_log_filter_covers_message_arguments_and_traceback() -> None:
    secret = Secret(VALUE)

    def write(logger: logging.Logger) -> None:
        logger.warning("token %s and %s", VALUE, secret)
        try:
            raise ValueError(f"bad token {VALUE}")
        except ValueError:
            logger.exception("it failed: %s", VALUE)

    text = logged(write)
    assert VALUE not in text
    assert text.startswith(f"token {MASK} and {MASK}\nit failed: {MASK}\nTraceback")
    assert f"ValueError: bad token {MASK}" in text


def test_the_log_filter_leaves_a_record_without_a_secret_as_it_is() -> None:
    secret = Secret(VALUE)
    try:
        raise ValueError("plain")
    except ValueError:
        plain = logging.LogRecord("x", logging.INFO, "x.py", 1, "%s of %s", (1, "two"), sys.exc_info())
    assert RedactingFilter().filter(plain)
    assert (plain.msg, plain.args, plain.exc_text) == ("%s of %s", (1, "two"), None)
    unused = logging.LogRecord("x", logging.INFO, "x.py", 1, "a request", ({"token": VALUE},), None)
    RedactingFilter().filter(unused)
    assert (unused.msg, unused.args) == ("a request", None), "some formatters write down the arguments as well"
    assert secret


def test_a_log_call_with_the_wrong_arguments_does_not_break_the_program() -> None:
    secret = Secret(VALUE)
    text = logged(lambda logger: logger.warning("%d of %d", VALUE))
    assert text == f"%d of %d ('{MASK}',)\n"
    assert secret


def test_a_traceback_of_our_own_errors_shows_no_locals() -> None:
    secret = Secret(VALUE)
    try:
        raise TypeError(f"no {secret}")
    except TypeError as error:
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert VALUE not in shown


def test_a_secret_that_is_made_while_a_text_is_redacted_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    class Changing:
        """A set that another thread adds to during the first look at it."""

        looks = 0

        def add(self, reference: weakref.ref[Secret]) -> None:
            self.references = [reference]

        def discard(self, reference: weakref.ref[Secret]) -> None: ...

        def __iter__(self) -> Iterator[weakref.ref[Secret]]:
            self.looks += 1
            if self.looks == 1:
                raise RuntimeError("Set changed size during iteration")
            return iter(self.references)

    live = Changing()
    monkeypatch.setattr(secret_module._live, "_references", live)
    token = Secret("007-sentinel")
    assert redact("the token is 007-sentinel") == "the token is [secret]"
    assert live.looks == 2
    assert token


@pytest.mark.parametrize("value", [None, 5, b"hunter2", Secret("a-secret-in-a-secret")])
def test_a_secret_is_text(value: object) -> None:
    with pytest.raises(TypeError, match=f"^a Secret needs text, got {type(value).__name__}$"):
        Secret(value)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^a Secret needs text"):
        Secret("hunter2").matches(value)  # type: ignore[arg-type]
