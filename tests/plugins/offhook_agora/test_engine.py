"""The engine over a stand-in of upstream's Python layer, whose events the tests make."""

from __future__ import annotations

import logging
import ssl
import sys
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.patience import PATIENCE_S
from tests.plugins.offhook_agora.sdk_stand_in import TOKEN, Running, native, run_engine, stop_engine

from offhook.secret import Secret
from offhook_agora import messages as m
from offhook_agora.child import engine as engine_module
from offhook_agora.child import membership, renewal
from offhook_agora.child.reasons import MEANINGS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Running]:
    running = run_engine(monkeypatch, tmp_path / "lib")
    yield running
    stop_engine(running)


def pcm(ms: float, rate_hz: int = 16_000, value: bytes = b"\x01\x02") -> bytes:
    return value * round(rate_hz * ms / 1000)


def frame(data: bytes, rate_hz: int = 16_000, channels: int = 1) -> SimpleNamespace:
    return SimpleNamespace(bytes_per_sample=2, channels=channels, samples_per_sec=rate_hz, buffer=bytearray(data))


def heard(connection: Any, uid: str, data: SimpleNamespace) -> int:
    observer = connection.user.audio_frame_observer
    result: int = observer.on_playback_audio_frame_before_mixing(connection.user, "c", uid, data, -1, None)
    return result


def end(connection: Any, reason: int, how: str = "on_disconnected") -> None:
    native(lambda: getattr(connection.observer, how)(connection, connection.info(1), reason))


# Loading


@pytest.mark.fault("F40")
@pytest.mark.trap("2.1d")
def test_certificates_are_checked_before_during_and_after_the_import(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = ssl._create_default_https_context
    seen: list[object] = []
    stopping = threading.Event()

    def watch() -> None:
        while not stopping.is_set():
            seen.append(ssl._create_default_https_context)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        running = run_engine(monkeypatch, tmp_path / "lib")
        running.joined()
        # The stand-in did turn it off, in its own copy.
        copied = sys.modules["agora.rtc"].ssl
        stop_engine(running)
    finally:
        stopping.set()
        watcher.join()
    assert copied._create_default_https_context is not before
    assert ssl._create_default_https_context is before
    assert set(map(id, seen)) == {id(before)}
    assert ssl.create_default_context().verify_mode is ssl.CERT_REQUIRED


@pytest.mark.trap("1.8a")
def test_what_the_sdk_prints_and_logs_goes_nowhere(
    engine: Running, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A program that wants to see everything. (pytest itself listens at loggers that do not propagate.)
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", records.append)
    monkeypatch.setattr(logging.getLogger("agora.rtc.stand_in"), "level", logging.DEBUG)
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [handler])
    monkeypatch.setattr(root, "level", logging.DEBUG)
    connection = engine.joined()
    native(lambda: connection.observer.on_token_privilege_will_expire(connection, TOKEN))
    engine.until(m.TokenExpiring)
    assert capfd.readouterr() == ("", "")
    assert not [record for record in records if record.name.startswith("agora")]


# Joining


@pytest.mark.trap("1.1c", "1.1d", "1.2a", "1.3c")
def test_the_calls_of_a_leg_are_made_in_order_and_on_threads_of_the_engine(engine: Running) -> None:
    connection = engine.joined()
    engine.engine.handle(m.Leave(1))
    engine.until(m.Left)
    engine.called("release")
    assert engine.names() == [
        "initialize",
        "create_rtc_connection",
        "register_observer",
        "register_local_user_observer",
        "set_playback_audio_frame_before_mixing_parameters",
        "register_audio_frame_observer",
        "connect",
        "publish_audio",
        "disconnect",
        "release",
    ]
    assert {thread for _, thread in engine.library.calls} <= {"offhook agora engine", "offhook agora leg 1"}
    assert connection.config.auto_subscribe_audio == 1
    assert connection.publish_config.audio_scenario == 7
    assert (connection.token, connection.uid) == (TOKEN, "5")


@pytest.mark.trap("1.1a")
def test_an_app_id_that_the_service_does_not_take_is_refused(engine: Running) -> None:
    engine.engine.handle(m.Join(1, "refused", "c", Secret(TOKEN)))
    refused = engine.until(m.Refused)
    assert refused.reason is m.Reason.APP_ID
    engine.joined(2)  # with another one the service is made anew
    assert engine.names().count("initialize") == 2


@pytest.mark.trap("1.1b")
def test_a_second_app_id_is_refused(engine: Running) -> None:
    engine.joined()
    engine.engine.handle(m.Join(2, "b" * 32, "c", Secret(TOKEN)))
    assert engine.until(m.Refused) == m.Refused(
        2,
        m.Reason.OTHER_APP_ID,
        "Agora's SDK serves one app id in the life of a process, and this process has served another",
    )


@pytest.mark.trap("1.4b")
@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"rate_hz": 22_050}, "Agora's SDK takes no audio of 22050 Hz; use one of 8000, 12000"),
        ({"scenario": 4}, "Agora's SDK has no audio scenario 4"),
    ],
)
def test_what_the_sdk_would_refuse_never_reaches_it(engine: Running, fields: dict[str, int], says: str) -> None:
    engine.engine.handle(m.Join(1, "a" * 32, "c", Secret(TOKEN), **fields))  # type: ignore[arg-type]
    refused = engine.until(m.Refused)
    assert refused.reason is m.Reason.REQUEST
    assert refused.message.startswith(says)
    assert "create_rtc_connection" not in engine.names()


@pytest.mark.parametrize(
    ("call", "result", "says"),
    [
        ("create_rtc_connection", 1, "Agora's SDK made no connection"),
        ("register_observer", -1000, "register_observer of Agora's SDK returned -1000"),
        ("connect", -2, "connect of Agora's SDK returned -2"),
        ("connect", 999, "connect of Agora's SDK failed"),
    ],
)
def test_a_call_that_fails_refuses_the_leg_and_releases_it(engine: Running, call: str, result: int, says: str) -> None:
    engine.library.results[call] = result
    engine.engine.handle(m.Join(1, "a" * 32, "c", Secret(TOKEN)))
    assert engine.until(m.Refused) == m.Refused(1, m.Reason.SDK, says)
    if call != "create_rtc_connection":
        engine.called("release")
    del engine.library.results[call]
    engine.joined(1)  # the number is free again


@pytest.mark.parametrize("error", [RuntimeError("no memory"), SystemExit(1), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("call", ["initialize", "connect", "create_rtc_connection"])
def test_an_error_in_the_sdk_refuses_the_leg_and_others_can_join(
    engine: Running, call: str, error: BaseException
) -> None:
    def fail(name: str) -> None:
        if name == call:
            raise error

    engine.library.on_call = fail
    engine.engine.handle(m.Join(1, "a" * 32, "c", Secret(TOKEN)))
    refused = engine.until(m.Refused)
    assert refused.reason is m.Reason.SDK
    assert "Agora's SDK" in refused.message
    engine.library.on_call = None
    engine.joined(1)


def test_a_connection_that_does_not_disconnect_is_not_waited_for(
    engine: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(membership, "GONE_S", 3600.0)
    connection = engine.joined()
    connection.confirms = False
    engine.library.results["disconnect"] = -1
    engine.engine.handle(m.Leave(1))
    engine.until(m.Left)


def test_a_leg_number_in_use_is_refused(engine: Running) -> None:
    engine.joined()
    engine.engine.handle(m.Join(1, "a" * 32, "c", Secret(TOKEN)))
    assert engine.until(m.Refused).reason is m.Reason.REQUEST


def test_audio_that_cannot_be_published_ends_the_leg(engine: Running) -> None:
    engine.library.results["publish_audio"] = -1000
    engine.joined()
    failed = engine.until(m.Failed)
    assert failed.reason is m.Reason.SDK
    assert "publish_audio returned -1000" in failed.message


# Every reason of the connection


@pytest.mark.fault("F14")
@pytest.mark.trap("1.1e", "1.5a")
@pytest.mark.parametrize("how", ["on_disconnected", "on_connection_failure"])
@pytest.mark.parametrize("number", [*MEANINGS, 77])
def test_each_reason_before_the_join_refuses_it(engine: Running, number: int, how: str) -> None:
    connection = engine.join()
    end(connection, number, how)
    refused = engine.until(m.Refused)
    assert refused.reason is (MEANINGS[number].reason if number in MEANINGS else m.Reason.UNKNOWN)
    engine.called("release")
    assert engine.seen[1:] == [refused]


@pytest.mark.fault("F18")
@pytest.mark.trap("1.5a", "1.5d")
@pytest.mark.parametrize(
    ("number", "kind", "reason"),
    [
        (3, m.Closed, m.Reason.KICKED),
        (4, m.Failed, m.Reason.GAVE_UP),
        (8, m.Closed, m.Reason.TOKEN),
        (9, m.Closed, m.Reason.TOKEN_EXPIRED),
        (10, m.Failed, m.Reason.REJECTED),
        (19, m.Closed, m.Reason.REPLACED),
        (21, m.Failed, m.Reason.LICENCE),
        (77, m.Failed, m.Reason.UNKNOWN),
    ],
)
def test_each_reason_in_the_call_ends_the_leg(
    engine: Running, number: int, kind: type[m.Closed | m.Failed], reason: m.Reason
) -> None:
    connection = engine.joined()
    end(connection, number)
    ended = engine.until(kind)
    assert ended.reason is reason
    engine.called("release")
    # What comes afterwards is late, and Leave is answered all the same.
    native(lambda: connection.observer.on_user_joined(connection, "9"))
    engine.engine.handle(m.Leave(1))
    engine.until(m.Left)
    assert not any(isinstance(message, m.MemberJoined) for message in engine.seen)


@pytest.mark.trap("1.5b")
def test_an_outage_is_reported_once_in_each_direction(engine: Running) -> None:
    connection = engine.joined()
    observer, info = connection.observer, connection.info(4)
    native(lambda: observer.on_reconnecting(connection, info, 2))
    native(lambda: observer.on_connection_lost(connection, info))
    native(lambda: observer.on_reconnecting(connection, info, 14))
    native(lambda: observer.on_reconnected(connection, info, 15))
    native(lambda: observer.on_reconnected(connection, info, 15))
    engine.engine.handle(m.Leave(1))
    engine.until(m.Left)
    assert [type(message).__name__ for message in engine.seen[1:]] == ["Joined", "Disconnected", "Reconnected", "Left"]


@pytest.mark.trap("1.5")
def test_members_are_reported_with_what_they_publish(engine: Running) -> None:
    connection = engine.joined()
    observer, tracks = connection.observer, connection.user.user_observer_inner

    def events() -> None:
        observer.on_user_joined(connection, "9")
        tracks.on_user_audio_track_subscribed(connection.user, "9", None)
        tracks.on_user_audio_track_state_changed(connection.user, "9", None, 2, 0, 0)
        tracks.on_user_audio_track_state_changed(connection.user, "9", None, 0, 3, 0)  # we muted it
        tracks.on_user_audio_track_state_changed(connection.user, "9", None, 0, 5, 0)  # it muted itself
        tracks.on_user_audio_track_state_changed(connection.user, "9", None, 2, 6, 0)
        observer.on_user_left(connection, "9", 1)
        observer.on_user_joined(connection, "an account")  # no uid: counted
        observer.on_a_callback_of_a_newer_sdk(connection)

    native(events)
    engine.engine.handle(m.Leave(1))
    engine.until(m.Left)
    assert engine.seen[2:-1] == [
        m.MemberJoined(1, 9),
        m.MemberPublished(1, 9),
        m.MemberUnpublished(1, 9),
        m.MemberPublished(1, 9),
        m.MemberLeft(1, 9, "dropped"),
    ]


# Tokens


@pytest.mark.fault("F15")
@pytest.mark.trap("1.5c")
def test_a_renewal_is_made_on_the_leg_s_thread_and_answered(engine: Running) -> None:
    connection = engine.joined()
    engine.engine.handle(m.Renew(1, 8, Secret("007-fresh")))
    assert engine.until(m.Renewed).number == 8
    assert connection.token == "007-fresh"
    assert ("renew_token", "offhook agora leg 1") in engine.library.calls


def test_a_renewal_that_the_sdk_confirms_is_answered_at_once(engine: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal, "_ANSWER_S", 600.0)
    connection = engine.joined()
    engine.engine.handle(m.Renew(1, 8, Secret("007-fresh")))
    engine.called("renew_token")
    native(lambda: connection.observer.on_api_call_executed(connection, 0, "rtc.renew_token", ""))
    assert engine.until(m.Renewed).number == 8


def test_answers_are_about_the_token_that_was_handed_over(engine: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token whose caller gave up is answered before the next one is tried: neither gets the other's answer."""
    monkeypatch.setattr(renewal, "_ANSWER_S", 600.0)
    connection = engine.joined()
    observer = connection.observer
    for number in range(1, 20):
        engine.engine.handle(m.Renew(1, number, Secret("007-forged" if number == 2 else f"007-{number}")))
    assert engine.until(m.RenewalRefused).number == 18, "16 wait for the first"
    native(lambda: observer.on_api_call_executed(connection, 0, "rtc.renew_token", ""))
    assert engine.until(m.Renewed).number == 1
    while connection.token != "007-forged":
        time.sleep(0.001)
    native(lambda: observer.on_error(connection, 110, "the token was refused"))
    while (refused := engine.until(m.RenewalRefused)).number == 19:
        pass
    assert (refused.number, refused.reason) == (2, m.Reason.TOKEN)


def test_a_confirmation_that_is_late_is_not_about_the_next_token(
    engine: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "_ANSWER_S", 0.05)
    connection = engine.joined()
    observer = connection.observer
    engine.engine.handle(m.Renew(1, 1, Secret("007-fresh")))
    assert engine.until(m.Renewed).number == 1, "for want of an answer"
    monkeypatch.setattr(renewal, "_ANSWER_S", 600.0)
    engine.engine.handle(m.Renew(1, 2, Secret("007-forged")))
    while connection.token != "007-forged":
        time.sleep(0.001)
    native(lambda: observer.on_api_call_executed(connection, 0, "rtc.renew_token", ""))
    native(lambda: observer.on_error(connection, 110, "the token was refused"))
    assert engine.until(m.RenewalRefused).number == 2


def test_a_refusal_that_is_reported_twice_does_not_refuse_the_next_token(
    engine: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "_ANSWER_S", 600.0)
    connection = engine.joined()
    observer = connection.observer
    for number in (8, 10):
        engine.engine.handle(m.Renew(1, number, Secret("007-forged")))
        while connection.token != "007-forged":
            time.sleep(0.001)
        native(lambda: observer.on_error(connection, 110, "the token was refused"))
        assert engine.until(m.RenewalRefused).number == number
        engine.engine.handle(m.Renew(1, number + 1, Secret("007-fresh")))
        while connection.token != "007-fresh":
            time.sleep(0.001)
        native(lambda: observer.on_api_call_executed(connection, 110, "rtc.renew_token", ""))
        native(lambda: observer.on_api_call_executed(connection, 0, "rtc.renew_token", ""))
        assert engine.until(m.Renewed).number == number + 1
    assert [type(message) for message in engine.seen[2:]] == [m.RenewalRefused, m.Renewed] * 2


@pytest.mark.parametrize(
    ("refuse", "reason"),
    [("result", m.Reason.SDK), ("error", m.Reason.TOKEN), ("executed", m.Reason.TOKEN_EXPIRED)],
)
def test_a_renewal_that_is_refused_says_so(engine: Running, refuse: str, reason: m.Reason) -> None:
    connection = engine.joined()
    if refuse == "result":
        engine.library.results["renew_token"] = -8
    engine.engine.handle(m.Renew(1, 8, Secret("007-forged")))
    if refuse == "error":
        engine.called("renew_token")
        native(lambda: connection.observer.on_error(connection, 110, "invalid token"))
    if refuse == "executed":
        engine.called("renew_token")
        native(lambda: connection.observer.on_api_call_executed(connection, 109, "rtc.renewToken", ""))
    refused = engine.until(m.RenewalRefused)
    assert (refused.number, refused.reason) == (8, reason)
    assert not any(isinstance(message, m.Renewed) for message in engine.seen)


@pytest.mark.fault("F16")
@pytest.mark.trap("1.5c")
def test_an_expired_token_ends_the_leg_when_the_sdk_does_not(engine: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "_EXPIRED_S", 0.1)
    connection = engine.joined()
    native(lambda: connection.observer.on_token_privilege_did_expire(connection))
    assert engine.until(m.Closed).reason is m.Reason.TOKEN_EXPIRED


# Audio out


@pytest.mark.trap("1.4a")
def test_audio_reaches_the_sdk_in_whole_milliseconds_as_a_bytearray(engine: Running) -> None:
    connection = engine.joined(rate_hz=24_000)
    position = 0
    sent = b""
    for index in range(10):
        data = pcm(1, 24_000, bytes([index, 1])) * 9 + b"\x05\x06" * 11  # not a whole number of milliseconds
        engine.engine.handle(m.Audio(1, 0, position, data))
        position += len(data) // 2
        sent += data
    engine.engine.handle(m.Flush(1))
    engine.until(m.Flushed)
    assert {rate for _, rate in connection.pushed} == {24_000}
    pushed = b"".join(data for data, _ in connection.pushed)
    assert sent.startswith(pushed)
    assert len(sent) - len(pushed) < 48


def test_audio_before_the_sdk_publishes_is_pushed_first(engine: Running) -> None:
    engine.library.hanging["publish_audio"] = threading.Event()
    connection = engine.join()
    engine.engine.handle(m.Audio(1, 0, 0, pcm(20, value=b"\x00\x00")))
    connection.up = True
    native(lambda: connection.observer.on_connected(connection, connection.info(3), 1))
    engine.until(m.Joined)
    for index in range(1, 4):
        engine.engine.handle(m.Audio(1, 0, index * 320, pcm(20, value=bytes(2 * [index]))))
    engine.took(4)
    assert not connection.pushed
    engine.library.hanging["publish_audio"].set()
    engine.published(1)
    engine.engine.handle(m.Audio(1, 0, 4 * 320, pcm(20, value=bytes(2 * [4]))))
    engine.took(5)
    engine.engine.handle(m.Flush(1))  # is done once what was handed over before it is
    engine.until(m.Flushed)
    assert [data for data, _ in connection.pushed] == [pcm(20, value=bytes(2 * [index])) for index in range(5)]


def test_of_audio_before_the_sdk_publishes_200_ms_are_kept(engine: Running) -> None:
    engine.library.hanging["publish_audio"] = threading.Event()
    connection = engine.join()
    for index in range(12):
        engine.engine.handle(m.Audio(1, 0, index * 320, pcm(20)))
    engine.took(12)
    connection.up = True
    native(lambda: connection.observer.on_connected(connection, connection.info(3), 1))
    engine.library.hanging["publish_audio"].set()
    engine.published(1)
    counts = engine.until(m.Counts)
    while counts.frames_dropped != 2:
        counts = engine.until(m.Counts)
    assert len(connection.pushed) == 10


def test_a_flush_drops_what_the_sdk_does_not_publish_yet(engine: Running) -> None:
    connection = engine.join()
    engine.engine.handle(m.Audio(1, 0, 0, pcm(20)))
    engine.engine.handle(m.Flush(1))
    engine.until(m.Flushed)
    connection.up = True
    native(lambda: connection.observer.on_connected(connection, connection.info(3), 1))
    engine.published(1)
    engine.engine.handle(m.Audio(1, 0, 320, pcm(20, value=b"\x07\x07")))
    engine.took(2)
    engine.engine.handle(m.Flush(1))
    engine.until(m.Flushed)
    assert [data for data, _ in connection.pushed] == [pcm(20, value=b"\x07\x07")]


@pytest.mark.trap("1.6a")
def test_a_flush_empties_the_sdk_and_says_how_much_it_dropped(engine: Running) -> None:
    connection = engine.joined(lead_ms=100)
    for index in range(7):
        engine.engine.handle(m.Audio(1, 0, index * 320, pcm(20)))
    engine.engine.handle(m.Flush(1))
    assert engine.until(m.Flushed).dropped_ms <= 140  # a part may have been heard meanwhile
    engine.called("interrupt_audio")  # its -1000 is not an error
    assert sum(len(data) for data, _ in connection.pushed) == len(pcm(140))


@pytest.mark.trap("1.4d")
def test_what_the_sdk_does_not_take_is_counted(engine: Running) -> None:
    engine.joined()
    engine.library.results["push_audio_pcm_data"] = -201
    engine.engine.handle(m.Audio(1, 0, 0, pcm(20)))
    counts = engine.until(m.Counts)
    while not counts.frames_refused:
        counts = engine.until(m.Counts)


# Audio in


@pytest.mark.trap("1.3b")
def test_frames_of_10_ms_become_frames_of_20_ms(engine: Running) -> None:
    connection = engine.joined()
    results: list[int] = []

    def callbacks() -> None:
        results.extend(heard(connection, "9", frame(pcm(10, value=bytes([index, 0])))) for index in range(5))

    native(callbacks)
    native(lambda: connection.observer.on_user_left(connection, "9", 0))
    engine.until(m.MemberLeft)
    assert results == [1] * 5
    first, second, third = engine.audio
    assert first.pcm + second.pcm + third.pcm == b"".join(pcm(10, value=bytes([index, 0])) for index in range(5))
    assert (second.position - first.position, third.position - second.position) == (320, 320)
    assert (first.leg, first.uid) == (1, 9)


@pytest.mark.trap("1.3a")
def test_frames_of_another_kind_and_our_own_failures_are_counted(engine: Running) -> None:
    connection = engine.joined()
    results: list[object] = []
    native(lambda: results.append(heard(connection, "9", frame(pcm(10), rate_hz=48_000))))
    native(lambda: results.append(heard(connection, "9", frame(pcm(10), channels=2))))
    native(lambda: results.append(heard(connection, "an account", frame(pcm(10)))))
    assert results == [1, 1, 1]  # None would be an error of upstream for each frame
    counts = engine.until(m.Counts)
    while (counts.frames_malformed, counts.callbacks_failed) != (2, 1):
        counts = engine.until(m.Counts)
    assert not engine.audio


@pytest.mark.trap("1.2b")
def test_the_scenario_is_kept_when_the_far_side_lacks_ai_qos(engine: Running) -> None:
    connection = engine.joined(scenario=9)
    assert connection.observer.on_aiqos_capability_missing(connection, 3) == -1


# The end, and hangs


@pytest.mark.trap("1.7c")
def test_the_release_waits_for_the_end_of_the_connection(engine: Running) -> None:
    connection = engine.joined()
    connection.confirms = False
    engine.engine.handle(m.Leave(1))
    engine.called("disconnect")
    assert "release" not in engine.names()
    native(lambda: connection.observer.on_disconnected(connection, connection.info(1), 5))
    engine.until(m.Left)
    engine.called("release")


@pytest.mark.trap("1.7c")
@pytest.mark.slow
def test_a_connection_that_does_not_confirm_its_end_is_released_all_the_same(
    engine: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(membership, "GONE_S", 0.2)
    connection = engine.joined()
    connection.confirms = False
    before = time.monotonic()
    engine.engine.handle(m.Leave(1))
    engine.until(m.Left)
    engine.called("release")
    assert time.monotonic() - before > 0.19


@pytest.mark.fault("F41")
@pytest.mark.trap("1.7c")
def test_callbacks_after_the_release_find_their_objects_and_change_nothing(engine: Running) -> None:
    connection = engine.joined()
    observer, audio = connection.observer, connection.user.audio_frame_observer
    engine.engine.handle(m.Leave(1))
    engine.until(m.Left)
    engine.called("release")
    count = len(engine.seen)
    native(lambda: observer.on_user_joined(connection, "9"))
    native(lambda: observer.on_disconnected(connection, connection.info(1), 3))
    native(lambda: heard(connection, "9", frame(pcm(20))))
    engine.joined(2)
    assert [type(message) for message in engine.seen[count:]] == [m.Joined]
    assert any(observer in kept for kept in engine.engine._kept)
    assert any(audio in kept for kept in engine.engine._kept)


@pytest.mark.trap("1.7b")
def test_a_leg_is_released_once_and_nothing_is_asked_of_it_afterwards(engine: Running) -> None:
    connection = engine.joined()
    end(connection, 3)
    engine.until(m.Closed)
    engine.called("release")
    for message in (m.Audio(1, 0, 0, pcm(20)), m.Flush(1), m.Leave(1)):
        engine.engine.handle(message)
    engine.until(m.Left)
    engine.joined(2)
    engine.engine.handle(m.Leave(2))
    engine.until(m.Left)
    names = engine.names()
    assert names.count("release") == 2
    after = names[names.index("release") + 1 :]
    assert after[0] == "create_rtc_connection", "that of the second leg"


@pytest.mark.trap("1.7a")
def test_a_callback_never_waits_for_a_call_of_the_sdk(engine: Running) -> None:
    """The deadlock of 1.7: the SDK waits in a call for callbacks in flight, and a callback for a lock of the caller."""
    connection = engine.joined()
    # From inside each call, on another thread, as a library that waits for its callbacks would need it.
    engine.library.on_call = lambda name: native(lambda: heard(connection, "9", frame(pcm(10))))
    for message in (m.Audio(1, 0, 0, pcm(20)), m.Flush(1), m.Renew(1, 2, Secret("007-fresh"))):
        engine.engine.handle(message)
    engine.engine.handle(m.Leave(1))
    engine.until(m.Left)
    engine.called("release")


@pytest.mark.trap("1.7a")
def test_while_a_call_hangs_the_engine_is_not_alive_and_other_legs_work(
    engine: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "ALIVE_S", 0.02)
    monkeypatch.setattr(engine_module, "HUNG_S", 0.1)
    engine.until(m.Alive)
    engine.joined(1)
    other = engine.joined(2)
    engine.library.hanging["renew_token"] = threading.Event()
    engine.engine.handle(m.Renew(1, 2, Secret(TOKEN)))
    engine.called("renew_token")
    looks = threading.Semaphore(0)
    hangs = engine.engine._hangs

    def look() -> bool:
        hung = hangs()
        if hung:
            looks.release()
        return hung

    monkeypatch.setattr(engine.engine, "_hangs", look)
    assert looks.acquire(timeout=PATIENCE_S)
    while not engine.emitted.empty():
        engine.emitted.get()
    for _ in range(3):
        assert looks.acquire(timeout=PATIENCE_S)
    assert engine.emitted.empty(), "nothing says that it is alive"
    engine.engine.handle(m.Audio(2, 0, 0, pcm(20)))
    engine.called("push_audio_pcm_data")
    assert other.pushed
    engine.library.hanging["renew_token"].set()
    engine.until(m.Alive)


def test_while_a_push_hangs_nothing_grows_and_nothing_is_released(
    engine: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(membership, "_PUSH_S", 0.05)
    engine.joined(1)
    engine.library.hanging["push_audio_pcm_data"] = threading.Event()
    for index in range(200):
        engine.engine.handle(m.Audio(1, 0, index * 320, pcm(20)))
    engine.called("push_audio_pcm_data")
    queue = engine.engine._audio
    assert queue is not None
    assert queue.qsize() <= 50
    engine.engine.handle(m.Leave(1))
    engine.until(m.Left)
    assert not {"disconnect", "release"} & set(engine.names())
    engine.library.hanging["push_audio_pcm_data"].set()


def test_requests_for_a_leg_that_is_not_there_are_answered(engine: Running) -> None:
    for message in (m.Renew(7, 2, Secret(TOKEN)), m.Leave(7), m.Audio(7, 0, 0, pcm(20)), m.Flush(7)):
        engine.engine.handle(message)
    engine.until(m.Flushed)
    assert engine.seen[1:] == [
        m.RenewalRefused(7, 2, m.Reason.LEFT, "the leg has left the channel"),
        m.Left(7),
        m.Flushed(7, 0),
    ]
    assert engine.engine.stop(PATIENCE_S)
    assert engine.taken == [0, 0, 0]


def test_many_calls_in_turn_leave_nothing(engine: Running) -> None:
    threads = threading.active_count()
    for leg in range(1, 60):
        engine.joined(leg)
        engine.engine.handle(m.Leave(leg))
        engine.until(m.Left)
    assert engine.engine.stop(PATIENCE_S)
    assert threading.active_count() <= threads
    assert not engine.engine._legs
    assert len(engine.engine._kept) == 32
