"""Misuse of the SDK is named on the mock's output, once each, and the program sees what upstream's own code does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from tests.agora.sdk_programs import start, start_call

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.agora.conftest import SdkFolders
    from tests.agora.sdk_programs import Ended
    from tests.integration.conftest import Mock

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
    "second_user_observer": (SILENT, ("second observer",), ("0",)),
    "removed": (
        SILENT,
        ("removed method AgoraService.create_media_node_factory", "removed method LocalUser.publish_audio"),
        (
            "AttributeError 'AgoraService' object has no attribute 'create_media_node_factory'",
            "AttributeError 'LocalUser' object has no attribute 'publish_audio'",
        ),
    ),
    "none": (HELLO, ("callback that returns None: on_playback_audio_frame_before_mixing() returned None",), ()),
    "after_release": (
        SILENT,
        ("use after release",),
        ("-1000", "AttributeError 'NoneType' object has no attribute '_release'"),
    ),
    "early": (
        SILENT,
        ("second observer",),
        ("AttributeError 'LocalUser' object has no attribute 'unregister_audio_frame_observer'",),
    ),
    "call_in_callback": (SILENT, ("sdk call in a callback",), ()),
    "not_modelled": (SILENT, ("not modelled: agora_local_user_set_mixed_audio_frame_parameters",), ("0",)),
    "audience": (SILENT, ("audience that publishes",), ("0",)),
    "encoded": (SILENT, ("encoded audio",), ("0",)),
    "dropped": (SILENT, ("connection dropped without release",), ()),
    "nothing": (HELLO, (), ()),
}


def check(name: str, ended: Ended, reports: list[str]) -> None:
    """What the program saw, and what the mock printed of its call."""
    _, printed, seen = MISUSES[name]
    assert ended.code == 0, ended
    assert [line for line in ended.out.splitlines() if " -> " in line] == [
        f"{name} -> {text}" for text in seen for _ in range(2)
    ]
    assert len(reports) == len(printed), reports
    for text, line in zip(printed, reports, strict=True):
        assert f"misuse: {text}" in line
    # Before the program has joined, and when it has left, the mock cannot know: it is said on standard error.
    assert ended.err.count("misuse") == (name in {"early", "dropped"}), ended.err
    if name == "removed":
        assert "asked: False" in ended.out  # asking whether there is a method is not a misuse


@pytest.mark.trap("1.1d", "1.3a", "1.3c", "1.4a", "1.4b", "1.7b")
@pytest.mark.parametrize("version", ["2.4.10", "2.3.4"])
def test_each_is_named_once(mock: Mock, sdk_folders: SdkFolders, version: str) -> None:
    folder = sdk_folders(version)
    answers = {name: start_call(mock, number) for name, (number, _, _) in MISUSES.items()}
    running = {name: start(mock, folder, "misuse", name) for name in MISUSES}
    ended = {name: program.end(answers[name]) for name, program in running.items()}
    done = mock.close()
    for name, answer in answers.items():
        channel = answer["agora"]["channelName"]
        check(name, ended[name], [line for line in done.out.splitlines() if channel in line and "misuse" in line])
