"""Acme's keys against the kit for auth."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from acme_offhook.auth import AcmeAuth

from offhook.errors import ConfigError
from offhook.interfaces import Environment
from offhook.testing.conformance import AuthConformance

if TYPE_CHECKING:
    from pathlib import Path

    from offhook.interfaces import Auth

URL = "http://127.0.0.1:9"


def write(file: Path, key_id: str) -> None:
    """Rotate: write a file beside the old one, then replace the old one, so that a reader never sees half of it."""
    beside = file.with_suffix(".new")
    beside.write_text(json.dumps({"key_id": key_id, "secret_key": "a-secret-of-some-length"}))
    beside.replace(file)


class TestAcmeAuth(AuthConformance):
    host = "127.0.0.1"
    foreign_host = "api.example.com"
    virtual_time = False  # a file is read in a thread

    @pytest.fixture(autouse=True)
    def keys(self, tmp_path: Path) -> None:
        self.file = tmp_path / "keys.json"
        self.variables = {"ACME_KEYS_FILE": str(self.file), "ACME_API_URL": URL}
        write(self.file, "a-key-of-some-length")

    def make(self, environment: Environment) -> Auth:
        return AcmeAuth(environment)

    async def rotate(self, auth: Auth) -> None:
        write(self.file, "another-key-of-some-length")


@pytest.mark.parametrize(
    "content", ["", "[]", '{"key_id": "a-key-of-some-length"', '{"key_id": "a", "secret_key": ""}']
)
def test_a_broken_file_is_named_and_not_repeated(tmp_path: Path, content: str) -> None:
    file = tmp_path / "keys.json"
    file.write_text(content)
    auth = AcmeAuth(Environment({"ACME_KEYS_FILE": str(file), "ACME_API_URL": URL}))
    with pytest.raises(ConfigError, match="ACME_KEYS_FILE") as caught:
        asyncio.run(auth.headers("127.0.0.1"))
    assert str(file) in caught.value.message
    assert "a-key" not in caught.value.message
