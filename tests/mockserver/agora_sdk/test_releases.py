"""The releases of Agora's Python layer, by version and by hash."""

from __future__ import annotations

import pytest

from offhook.errors import ConfigError
from offhook_mockserver.agora_sdk.releases import DEFAULT, KNOWN, Release, checked_hash, release, release_of_archive

OTHER = "ab" * 32


def test_a_known_version_needs_no_hash() -> None:
    for version, sha256 in KNOWN.items():
        assert release(version) == Release(version, sha256)
        assert release(version, sha256.upper()) == Release(version, sha256)
        assert release_of_archive(sha256) == Release(version, sha256)
    assert DEFAULT in KNOWN


def test_an_unknown_one_needs_a_hash() -> None:
    assert release("2.4.99", f"sha256:{OTHER}") == Release("2.4.99", OTHER)
    assert release_of_archive(OTHER, OTHER) == Release("", OTHER)
    with pytest.raises(ConfigError, match=r"hash of agora-python-server-sdk 2\.4\.99 is not known here .*--sha256"):
        release("2.4.99")
    with pytest.raises(ConfigError, match=rf"add --sha256 {OTHER}"):
        release_of_archive(OTHER)


@pytest.mark.parametrize("version", ["", "latest", "2", "2.4.10 ", "v2.4.10", "2.4.10; echo", "../2.4.10", "2.4.1٠"])
def test_a_version_is_a_version(version: str) -> None:
    with pytest.raises(ConfigError, match=r"--sdk needs a version such as 2\.4\.10, got"):
        release(version, OTHER)


def test_a_hash_that_is_not_that_of_the_release_is_refused() -> None:
    with pytest.raises(ConfigError, match="leave --sha256 out"):
        release(DEFAULT, OTHER)
    with pytest.raises(ConfigError, match="--sha256 is another"):
        release_of_archive(KNOWN[DEFAULT], OTHER)


@pytest.mark.parametrize("sha256", ["ab", "g" * 64, "ab" * 33, "٠" * 64])
def test_a_hash_is_64_digits(sha256: str) -> None:
    with pytest.raises(ConfigError, match="--sha256 needs 64 hexadecimal digits"):
        checked_hash(sha256)
