"""Misuse of the SDK is named on the mock's output, once each, and the program sees what upstream's own code does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from tests.agora.sdk_programs import run, start_call
from tests.integration.conftest import Mock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.agora.conftest import SdkFolders

HELLO: Final = "+14155550108"
SILENT: Final = "+14155550106"
#: The way of misusing it, the number to call, what the mock prints, and what the program itself sees, twice.
MISUSES: Final[Mapping[str, tuple[str, tuple[str, ...], tuple[str, ...]]]] = {
    "bytes": (SILENT, ("bytes in place of a bytearray",), ("TypeError underlying buffer is not writable",)),
    "length": (SILENT, ("length of a push",), ("-1002",)),
    "second_observer": (
        SILENT,
        ("second observer",),
        ("AttributeError 'LocalUser' object has no attribute 'unregister_audio_frame_observer'",),
    ),
    "removed": (
        SILENT,
        ("removed method AgoraService.create_media_node_factory", "removed method LocalUser.publish_audio"),
        (
            "AttributeError 'AgoraService' object has no attribute 'create_media_node_factory'",
            "AttributeError 'LocalUser' object has no attribute 'publish_audio'",
        ),
    ),
    "none": (HELLO, ("result of a callback: on_playback_audio_frame_before_mixing() returned None",), ()),
    "after_release": (
        SILENT,
        ("use after release",),
        ("-1000", "AttributeError 'NoneType' object has no attribute '_release'"),
    ),
    "call_in_callback": (SILENT, ("sdk call in a callback",), ()),
    "nothing": (HELLO, (), ()),
}


@pytest.mark.trap("1.3")
@pytest.mark.trap("1.4")
@pytest.mark.trap("1.7")
@pytest.mark.parametrize("name", MISUSES)
@pytest.mark.parametrize("version", ["2.4.10", "2.3.4"])
def test_it_is_named_once(sdk_folders: SdkFolders, tmp_path: Path, name: str, version: str) -> None:
    number, printed, seen = MISUSES[name]
    folder = sdk_folders(version)
    mock = Mock(tmp_path)
    try:
        ended = run(mock, folder, "misuse", name, grant=start_call(mock, number))
    finally:
        done = mock.close()
    assert ended.code == 0, ended
    assert [line for line in ended.out.splitlines() if " -> " in line] == [
        f"{name} -> {text}" for text in seen for _ in range(2)
    ]
    if name == "removed":
        assert "asked: False" in ended.out
    reports = [line for line in done.out.splitlines() if "misuse" in line]
    assert len(reports) == len(printed), done.out
    for name_, line in zip(printed, reports, strict=True):
        assert f"misuse: {name_}" in line
    assert "misuse" not in ended.err
