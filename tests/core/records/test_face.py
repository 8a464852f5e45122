"""The public face of records, part of which is imported on first use."""

from __future__ import annotations

import pytest

import offhook.records


def test_an_unknown_name_is_refused_as_usual() -> None:
    with pytest.raises(AttributeError, match=r"module 'offhook\.records' has no attribute 'nope'"):
        offhook.records.nope  # type: ignore[attr-defined]  # noqa: B018 - the access itself is tested


def test_what_is_imported_on_first_use_is_listed_like_the_rest() -> None:
    assert set(offhook.records.__all__) <= set(dir(offhook.records))
