"""How messages show things."""

from __future__ import annotations

import pytest

from offhook.wording import no_attribute


class Thing:
    """Has a verb, and a property that is broken."""

    def __getattr__(self, name: str) -> object:
        raise no_attribute(self, name)

    def hangs_up(self) -> None:
        """Hang up."""

    @property
    def broken(self) -> object:
        raise AttributeError("of the property itself")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hang_up", "'Thing' object has no attribute 'hang_up'; did you mean hangs_up?"),
        ("elephant", "'Thing' object has no attribute 'elephant'"),
        ("_hangs_up", "'Thing' object has no attribute '_hangs_up'"),
        ("broken", "of the property itself"),
    ],
)
def test_a_wrong_name_has_the_nearest_and_a_broken_property_its_own_error(name: str, message: str) -> None:
    with pytest.raises(AttributeError) as raised:
        getattr(Thing(), name)
    assert str(raised.value) == message
    assert not hasattr(Thing(), "elephant")
