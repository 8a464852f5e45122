"""Secrets do not get out by accident, by any of the ways that values usually do."""

from __future__ import annotations

import copy
import dataclasses
import io
import json
import logging
import pickle
import sys
import traceback
from typing import TYPE_CHECKING

import pytest

from offhook.interfaces.grant import Grant
from offhook.secret import MASK, RedactingFilter, Secret, redact

if TYPE_CHECKING:
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

        def __iter__(self) -> Iterator[Secret]:
            self.looks += 1
            if self.looks == 1:
                raise RuntimeError("Set changed size during iteration")
            return iter([token])

    token = Secret("007-sentinel")
    live = Changing()
    monkeypatch.setattr("offhook.secret._live", live)
    assert redact("the token is 007-sentinel") == "the token is [secret]"
    assert live.looks == 2
