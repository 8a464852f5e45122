"""The keys and tokens of mocks by their first characters, and which key ids may name a tenant."""

from __future__ import annotations

from typing import Final

#: How the control token of a mock begins.
CONTROL_TOKEN: Final = "mock_control_"
#: How the secret of a key pair begins, if the mock made it.
API_SECRET: Final = "mock_secret_"
#: How an access token of an account begins.
ACCESS_TOKEN: Final = "mock_token_"
#: The longest key id that a client may make up, in characters; the paths of the control API have it.
MOST_KEY: Final = 200


def may_be_shown(api_key: str) -> bool:
    """Whether a key id that a client has made up may name a tenant.

    Key ids are listed and printed, so one that is a secret of a mock in the wrong header may not.
    """
    is_secret = api_key.startswith((CONTROL_TOKEN, API_SECRET, ACCESS_TOKEN))
    return len(api_key) <= MOST_KEY and api_key.isprintable() and not is_secret
