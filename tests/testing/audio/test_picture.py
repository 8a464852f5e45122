"""The picture of a call: valid SVG, with all that was passed, of bounded size, and with nothing that runs."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest
from tests.testing.audio.sounds import in_turn, noise, silence, speech, tone

from offhook.errors import ConfigError
from offhook.testing import audio
from offhook.testing.audio import Clip, Mark, MarkKind, Span, State, Track, waveforms_svg

if TYPE_CHECKING:
    from collections.abc import Callable

#: The same without types, for wrong arguments.
UNTYPED: Any = audio
SVG = "{http://www.w3.org/2000/svg}"
CALLER = Track("caller", in_turn(silence(0.5), speech("greeting")), gaps=[Span(1.0, 1.1), Span(1.1, 1.2), Span(2, 2)])
CALLEE = Track("callee", in_turn(silence(1.0), speech("hello"), silence(1.0)))


def texts(picture: ET.Element, kind: str = "text") -> list[str]:
    return [element.text or "" for element in picture.iter(SVG + kind)]


def coloured(picture: ET.Element, colour: str) -> list[ET.Element]:
    return [element for element in picture.iter() if colour in (element.get("fill"), element.get("stroke"))]


def test_a_call() -> None:
    svg = waveforms_svg(
        [CALLER, CALLEE],
        [Mark(0, "callee answers"), Mark(1.2, "clear", MarkKind.CLEAR), Mark(2.0, "no greeting", MarkKind.FAILURE)],
        states=[State(Span(-1.5, 0), "ringing"), State(Span(0, 3.4), "active")],
        title="test_stops_when_spoken_over",
    )
    picture = ET.fromstring(svg)
    written = texts(picture)
    for text in ("caller", "callee", "callee answers", "clear", "no greeting", "ringing", "active", "3 gaps"):
        assert text in written
    assert "test_stops_when_spoken_over" in written
    assert texts(picture, "title")[0] == "test_stops_when_spoken_over"
    assert {"-1 s", "0 s", "3 s"} <= set(written)
    assert len(coloured(picture, "#2f6db3")) == 2, "a waveform for each track"
    (missing,) = coloured(picture, "#f6c8cf")
    assert (missing.get("d") or "").count("M") == 2, "gaps that touch are one"
    (failure,) = (it for it in coloured(picture, "#c00020") if it.tag == SVG + "path")
    assert failure.get("stroke-dasharray") is None
    assert svg == waveforms_svg(
        [CALLER, CALLEE],
        [Mark(2.0, "no greeting", MarkKind.FAILURE), Mark(0, "callee answers"), Mark(1.2, "clear", MarkKind.CLEAR)],
        states=[State(Span(-1.5, 0), "ringing"), State(Span(0, 3.4), "active")],
        title="test_stops_when_spoken_over",
    ), "marks may be in any order"


def test_sound_is_drawn_where_it_is() -> None:
    picture = ET.fromstring(waveforms_svg([Track("a", in_turn(silence(1), tone(440, 1), silence(2)))]))
    (wave,) = coloured(picture, "#2f6db3")
    columns = [int(part.partition(" ")[0]) for part in (wave.get("d") or "").split("M")[1:]]
    assert (min(columns) - 96) / 1080 * 4 * 1.03 == pytest.approx(1, abs=0.01)
    assert (max(columns) - 96) / 1080 * 4 * 1.03 == pytest.approx(2, abs=0.01)
    assert texts(picture, "title") == ["a call"]


def test_silence_and_nothing() -> None:
    picture = ET.fromstring(waveforms_svg([Track("a", silence(1)), Track("b", Clip(b"", 8_000))]))
    assert coloured(picture, "#2f6db3") == []
    assert texts(picture).count("peak -100 dBFS") == 2


def test_texts_are_escaped_and_cut() -> None:
    evil = "<script>alert('1')</script>\x00\n\u202e" + "x" * 500
    svg = waveforms_svg([Track(evil, CALLER.clip)], [Mark(1, evil)], states=[State(Span(0, 1), evil)], title=evil)
    assert "<script" not in svg
    assert "\x00" not in svg
    assert max(map(len, texts(ET.fromstring(svg)))) <= 200
    assert all(
        element.tag in {SVG + name for name in ("svg", "title", "rect", "path", "text")}
        for element in ET.fromstring(svg).iter()
    )


def test_ten_minutes_of_everything_are_less_than_300_kb() -> None:
    label = "<&>" * 40
    loud = Clip(noise(10).pcm * 60, 16_000)
    gaps = [Span(at, at + 0.1) for at in range(600)]
    svg = waveforms_svg(
        [Track(label, loud, gaps) for _ in range(6)],
        [Mark(at / 10, label) for at in range(6_000)],
        states=[State(Span(at, at + 1), label) for at in range(600)],
        title=label,
    )
    assert len(svg.encode()) < 300_000
    written = texts(ET.fromstring(svg))
    assert "5800 more marks are not drawn" in written
    assert "500 more states are not drawn" in written


def test_states_of_two_sides_are_two_rows() -> None:
    states = [
        State(Span(0, 1), "ringing", "callee"),
        State(Span(0, 2), "dialing", "caller"),
        State(Span(1, 4), "answered", "callee"),
    ]
    picture = ET.fromstring(waveforms_svg([CALLER], states=states))
    heights = {element.text: element.get("y") for element in picture.iter(SVG + "text")}
    assert heights["callee"] == heights["ringing"] == heights["answered"]
    assert heights["dialing"] != heights["ringing"]
    assert len(heights.keys() & {"caller", "callee"}) == 2


@pytest.mark.parametrize("duration_s", [0.001, 0.3, 7, 61, 3_000])
def test_the_axis_has_round_times(duration_s: float) -> None:
    picture = ET.fromstring(waveforms_svg([Track("a", silence(min(duration_s, 1)))], [Mark(duration_s, "end")]))
    ticks = [text for text in texts(picture) if text.endswith(" s")]
    assert 2 <= len(ticks) <= 13
    assert max(map(len, ticks)) <= 7


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: UNTYPED.waveforms_svg([]), "tracks must be one to 6 tracks, got 0"),
        (lambda: UNTYPED.waveforms_svg([CALLER] * 7), "tracks must be one to 6 tracks, got 7"),
        (lambda: UNTYPED.waveforms_svg(CALLER), "tracks must be a list, got Track"),
        (lambda: UNTYPED.waveforms_svg([CALLER.clip]), "each track must be a Track, got Clip"),
        (lambda: UNTYPED.waveforms_svg([CALLER], ["x"]), "each mark must be a Mark, got 'x'"),
        (lambda: UNTYPED.waveforms_svg([CALLER], states=[5]), "each state must be a State, got 5"),
        (
            lambda: UNTYPED.waveforms_svg([CALLER], states=[State(Span(0, 1), "a", f"{row}") for row in range(4)]),
            "states must be of at most 3 rows, got 4",
        ),
        (lambda: UNTYPED.State(Span(0, 1), "a", 5), "row must be text"),
        (lambda: UNTYPED.waveforms_svg([CALLER], title=5), "title must be text"),
        (lambda: UNTYPED.Track(5, CALLER.clip), "label must be text"),
        (lambda: UNTYPED.Track("a", b""), "clip must be a Clip, got bytes"),
        (lambda: UNTYPED.Track("a", CALLER.clip, [5]), "each gap must be a Span, got 5"),
        (lambda: UNTYPED.Mark("1", "a"), "at_s must be a number, got '1'"),
        (
            lambda: UNTYPED.Mark(1, "a", "b"),
            "kind must be one of MarkKind.MOMENT, MarkKind.CLEAR, MarkKind.FAIL",
        ),
        (lambda: UNTYPED.State((0, 1), "a"), "span must be a Span, got tuple"),
    ],
)
def test_refuses(make: Callable[[], object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        make()


def test_shades_lie_behind_all_tracks_and_the_end_is_not_at_the_edge() -> None:
    svg = waveforms_svg(
        [CALLER, CALLER], [Mark(10, "ended")], shades=[State(Span(2, 4), "blackout"), State(Span(5, 5), "x")]
    )
    picture = ET.fromstring(svg)
    wide, narrow = (it for it in picture.iter(SVG + "rect") if it.get("fill") == "#ece7f1")
    assert float(wide.get("width") or 0) == pytest.approx(2 * 1080 / 10.3, abs=1)
    assert float(wide.get("height") or 0) == 240
    assert float(narrow.get("width") or 0) == 1
    assert "blackout" in texts(picture)
    assert "blackout: 2.00 to 4.00 s" in texts(picture, "title")
    (mark,) = [it for it in picture.iter(SVG + "path") if it.get("stroke-dasharray")]
    assert (mark.get("d") or "").startswith("M1144.5 ")
