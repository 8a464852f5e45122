"""More calls than the process has descriptors for: typed errors, and the calls that are up do not notice (F36)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.child_output import without_slowness
from tests.integration.many_starts import STARTS

if TYPE_CHECKING:
    from tests.integration.conftest import Mock

ROOT = Path(__file__).parents[2]
#: What a start may end with: it fits, or one of these errors says why not.
ENDS = {"completed, 0 gaps", "join_failed", "join_timeout", "transport_unavailable", "carrier_unavailable"}


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.fault("F36")
def test_two_hundred_starts_where_sixty_four_files_may_be_open(mock: Mock, tmp_path: Path) -> None:
    done = mock.run("-m", "tests.integration.many_starts", cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert done.code == 0, done.err
    assert without_slowness(done.err) == ""
    told = json.loads(done.out)
    print(told["many"])
    assert told["first"] == ["completed, 0 gaps"] * 2, "calls that were up were harmed"
    assert told["many"].keys() <= ENDS
    assert sum(told["many"].values()) == STARTS
    assert told["many"].keys() != {"completed, 0 gaps"}, "all of them fitted: this shows nothing"
    assert told["one more"] == "completed, 0 gaps", "there is room again, and it is not used"
    assert told["left"] == {}
    assert told["wrong"] == []
