"""The extra `agora` is kept out of the way of those who do not ask for it, and a skipped test out of the way of CI."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.conftest import pytest_runtest_makereport

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_uv_resolves_the_extra_without_running_anything_of_it() -> None:
    """uv resolves all extras at once, and would run upstream's setup.py if it did not know the requirements."""
    (requirement,) = PROJECT["project"]["optional-dependencies"]["agora"]
    name, version = requirement.split("==")
    known = [entry for entry in PROJECT["tool"]["uv"]["dependency-metadata"] if entry["name"] == name]
    assert [entry["version"] for entry in known] == [version]
    assert known[0]["requires-dist"] == []


def requirements_of(extra: str) -> Iterator[str]:
    for requirement in PROJECT["project"]["optional-dependencies"][extra]:
        yield requirement
        if match := re.fullmatch(r"offhook\[(.+)\]", requirement):
            for other in match[1].split(","):
                yield from requirements_of(other)


def test_no_other_extra_no_group_and_no_session_installs_the_sdk() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    others = [requirement for extra in extras if extra != "agora" for requirement in requirements_of(extra)]
    groups = [str(requirement) for group in PROJECT["dependency-groups"].values() for requirement in group]
    assert not [each for each in [*PROJECT["project"]["dependencies"], *others, *groups] if "agora" in each]
    assert "[agora" not in (ROOT / "noxfile.py").read_text(encoding="utf-8")
    assert ",agora" not in (ROOT / "noxfile.py").read_text(encoding="utf-8")


class _Item:
    """As much of a test as the report needs."""

    def __init__(self, mark: str) -> None:
        self._mark = mark

    def get_closest_marker(self, name: str) -> object:
        return name if name == self._mark else None


def _report_of_a_skip(mark: str, why: str) -> str:
    report = pytest.TestReport("a::b", ("a", 0, "b"), {}, "skipped", ("a.py", 1, why), "setup")
    making = pytest_runtest_makereport(_Item(mark), None)  # type: ignore[arg-type]
    next(making)
    with pytest.raises(StopIteration) as stopped:
        making.send(report)
    return str(stopped.value.value.outcome)


@pytest.mark.parametrize(
    ("ci", "mark", "why", "outcome"),
    [
        ("1", "agora", "no compiler", "failed"),
        ("", "agora", "no compiler", "skipped"),
        ("1", "slow", "no compiler", "skipped"),
        ("1", "agora", "transport-17: giving up is not claimed: the call decides", "skipped"),
    ],
)
def test_in_ci_a_skipped_test_over_the_sdk_fails(
    ci: str, mark: str, why: str, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    assert _report_of_a_skip(mark, why) == outcome
