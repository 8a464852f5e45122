"""Sendblue's key pair, as two request headers: fixed, from the environment, or from a callable that rotates them.

Both headers are required; their names are those of Sendblue's credentials page. Both values are treated as secrets.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from offhook.arguments import check_function, check_settings
from offhook.errors import ConfigError, OffhookError
from offhook.interfaces import Auth, unread
from offhook.secret import Secret
from offhook_sendblue.only_loopback import in_a_test

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

KEY_HEADER: Final = "sb-api-key-id"
SECRET_HEADER: Final = "sb-api-secret-key"
#: The names that Sendblue's own SDKs read.
KEY_VARIABLE: Final = "SENDBLUE_API_API_KEY"
SECRET_VARIABLE: Final = "SENDBLUE_API_API_SECRET"

#: The key id and the secret key.
KeyPair: TypeAlias = "tuple[Secret | str, Secret | str]"

#: What a header may contain without quoting; a blank or a line break is a copy-and-paste mistake.
_PRINTABLE: Final = re.compile(r"[!-~]{1,1024}")


class KeyAuth(Auth):
    """One key pair that never changes.

    Args:
        api_key: the key id.
        api_secret: the secret key.

    Raises:
        ConfigError: a key is empty, longer than 1,024 characters, or contains a blank, a control character or a
            character outside ASCII.
    """

    def __init__(self, api_key: Secret | str, api_secret: Secret | str) -> None:
        self._headers = {
            KEY_HEADER: _key(api_key, "the API key"),
            SECRET_HEADER: _key(api_secret, "the API secret"),
        }

    async def headers(self, host: str) -> Mapping[str, Secret]:
        return self._headers


class EnvAuth(Auth):
    """The key pair from the environment, read for each request.

    Args:
        environment: the process's environment, or a test's.

    Raises:
        ConfigError: it is not a mapping of text.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = check_settings(environment, "environment")
        # Kept, because a secret is redacted from texts only while the object exists.
        self._headers: Mapping[str, Secret] = {}

    async def headers(self, host: str) -> Mapping[str, Secret]:
        missing = [name for name in (KEY_VARIABLE, SECRET_VARIABLE) if not self._environment.get(name)]
        if missing and (ignored := unread(self._environment, missing)):
            raise ConfigError(f"the Sendblue keys are missing: {ignored}")
        if missing:
            raise ConfigError(
                f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set: export your Sendblue keys, "
                f"or start `offhook mock`, which prints a pair to export{in_a_test()}"
            )
        self._headers = {
            KEY_HEADER: _key(self._environment[KEY_VARIABLE], KEY_VARIABLE),
            SECRET_HEADER: _key(self._environment[SECRET_VARIABLE], SECRET_VARIABLE),
        }
        return self._headers


class CallableAuth(Auth):
    """A key pair from a callable that is called for each request, for keys that rotate or are kept in a vault.

    Args:
        keys: returns ``(key id, secret key)``, or an awaitable of it. A plain function runs on the event loop, so it
            must not block; one that has to wait should be a coroutine function.

    Raises:
        ConfigError: it cannot be called without arguments.
    """

    def __init__(self, keys: Callable[[], KeyPair | Awaitable[KeyPair]]) -> None:
        check_function(keys, "keys", may_be_async=True)
        self._keys = keys
        self._headers: Mapping[str, Secret] = {}

    async def headers(self, host: str) -> Mapping[str, Secret]:
        kind = ""
        given = pair = None
        try:
            given = self._keys()
            pair = await given if inspect.isawaitable(given) else given
        except OffhookError:
            raise
        except Exception as error:
            # Neither its text nor the error itself is passed on: both may hold the keys that could not be parsed.
            kind = type(error).__name__
        if kind:
            raise ConfigError(f"the callable for the API keys raised {kind}: catch it there to see why")
        del given
        secrets = _hidden(pair)
        del pair  # tools print the frames of errors, and these two are keys in the clear
        if len(secrets) != 2:
            raise ConfigError("the callable for the API keys must return a key id and a secret key")
        self._headers = {
            KEY_HEADER: _key(secrets[0], "the callable's API key"),
            SECRET_HEADER: _key(secrets[1], "the callable's API secret"),
        }
        return self._headers


def _hidden(pair: object) -> tuple[object, ...]:
    """The parts of a pair, with those that are text as secrets; empty for what is not a sequence."""
    if not isinstance(pair, Sequence) or isinstance(pair, str):
        return ()
    parts = cast("Sequence[object]", pair)
    return tuple(Secret(part) if isinstance(part, str) else part for part in parts)


def _key(value: object, what: str) -> Secret:
    secret = Secret(value) if isinstance(value, str) else value
    del value  # tools print the frames of errors
    if not isinstance(secret, Secret):
        raise ConfigError(f"{what} must be text, got {type(secret).__name__}")
    if not secret:
        raise ConfigError(f"{what} is empty")
    if not _PRINTABLE.fullmatch(secret.reveal()):
        raise ConfigError(
            f"{what} must be 1 to 1,024 printable ASCII characters without blanks or line breaks: "
            "was it copied with something around it?"
        )
    return secret
