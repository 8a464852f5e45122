"""Documents as JSON and back; the rest of what becomes JSON is tested with the stores."""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path

import pytest

from offhook.records.documents import (
    interrupted_sentence,
    is_brief,
    is_unfinished,
    load_json,
    mark_interrupted,
    recordings,
    to_json,
    with_relative_paths,
)
from offhook.secret import MASK, Secret


def test_a_document_is_restored_from_json() -> None:
    document = {"number": "+1•••23", "at_s": 0.1234567, "none": None, "yes": True, "list": [1, {"a": "\udcff"}]}
    assert load_json(to_json(document)) == document
    assert load_json(to_json(document, indent=2).decode()) == document
    odd = {"inf": float("inf"), "tuple": (1, 2), 3: Path("a")}
    assert load_json(to_json(odd)) == {"inf": "inf", "tuple": [1, 2], "3": "a"}  # type: ignore[arg-type]


@pytest.mark.fault("F56")
def test_secrets_are_masked_before_json_spells_them_otherwise() -> None:
    secret = Secret('open"sesame\n')
    assert load_json(to_json({secret.reveal(): [secret, f"<{secret.reveal()}>"]})) == {MASK: [MASK, f"<{MASK}>"]}


@pytest.mark.fault("F56")
@pytest.mark.parametrize("value", ["hunter2", "say \\ and \t", "\udcff-secret", "123456", "é" * 6])
def test_a_secret_in_a_document_of_plain_values_is_masked_wherever_it_stands(value: str) -> None:
    secret = Secret(value)
    document: dict[str, object] = {"number": 5, value: [f"<{value}>", {"a": value}], "none": None}
    assert load_json(to_json(document)) == {"number": 5, MASK: [f"<{MASK}>", {"a": MASK}], "none": None}
    assert load_json(to_json({"number": 123456, "whole": 0.5})) == {"number": 123456, "whole": 0.5}, "not a text"
    del secret
    assert load_json(to_json(document)) == document


def test_values_that_only_look_plain_become_text() -> None:
    class Word(str):
        def __str__(self) -> str:
            return "said"

    class Number(IntEnum):
        ONE = 1

    for odd, shown in (
        (Word("meant"), "said"),
        (Number.ONE, 1),
        (float("-inf"), "-inf"),
        (float("nan"), "nan"),
        ({True: 1}, {"True": 1}),
        ({Word("meant"): 1}, {"said": 1}),
    ):
        assert load_json(to_json({"a": odd})) == {"a": shown}
        assert load_json(to_json({"a": [{"b": odd}]})) == {"a": [{"b": shown}]}


def test_a_record_without_its_timeline_is_brief() -> None:
    assert is_brief({"ended_at_s": None})
    assert not is_brief({"ended_at_s": None, "timeline": []})
    assert is_brief({"ended_at_s": 1.0}), "an older version could leave such a record behind"
    assert not is_brief({"ended_at_s": 1.0, "timeline": []})


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "7", b"\xff"),
        *('{"call_id": "a", "call_id": "b"}', '{"a": [{"b": 1, "b": 1}]}'),
        *('{"a": NaN}', '{"a": -Infinity}'),
        *('{"a":' * 33 + "1" + "}" * 33, '{"a":' + "[" * 32 + "]" * 32 + "}", '{"a":' + "[" * 100_000),
    ],
)
def test_text_that_is_not_a_document_is_none(text: str | bytes) -> None:
    assert load_json(text) is None


def test_a_document_nested_as_deeply_as_allowed_is_restored() -> None:
    text = '{"a":' * 31 + "{}" + "}" * 31
    document = load_json(text)
    assert document is not None
    assert to_json(document, indent=None).decode().replace(" ", "") == text


def test_recordings_in_a_folder_are_named_from_there(tmp_path: Path) -> None:
    record = {"files": {"mix": f"{tmp_path}/out/mix.wav", "far": "/elsewhere/x.wav", "odd": 7}, "number": "x"}
    assert with_relative_paths(record, tmp_path / "out") == {
        "files": {"mix": "mix.wav", "far": "/elsewhere/x.wav", "odd": "7"},
        "number": "x",
    }
    assert with_relative_paths({"number": "x"}, tmp_path) == {"number": "x"}
    assert recordings({"files": "nonsense"}) == {}


def test_an_interrupted_call_is_marked_and_described() -> None:
    record: dict[str, object] = {"call_id": "call_1", "number": "+1•••23", "dialed_at": "then", "problem": "a hiccup"}
    assert is_unfinished(record)
    assert not is_unfinished({**record, "ended_at_s": 1.0})
    marked = mark_interrupted(record)
    assert not is_unfinished(marked)
    assert marked["interrupted"] is True
    assert "died in mid-call" in str(marked["problem"])
    assert "nothing was recorded; see: offhook records show call_1" in interrupted_sentence(marked)
