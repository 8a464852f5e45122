"""The error tree: what is drawn is what there is, and messages hold no secret."""

from __future__ import annotations

import re

import pytest

from offhook import OffhookError, errors
from offhook.errors import MissingExtraError, PluginError, RateLimited, StorageError, TokenRejected
from offhook.secret import Secret


def classes(root: type[OffhookError] = OffhookError) -> list[type[OffhookError]]:
    below = [cls for cls in root.__subclasses__() if cls.__module__ == errors.__name__]
    return [root, *(cls for child in below for cls in classes(child))]


def drawn() -> list[tuple[int, str]]:
    """Depth and name of each line of the tree in the module's docstring."""
    assert errors.__doc__ is not None
    lines = re.findall(r"^    ([│ ]*)(?:[├└]── )?([A-Z]\w+)", errors.__doc__, re.MULTILINE)
    return [(0 if name == "OffhookError" else 1 + len(indent) // 4, name) for indent, name in lines]


def real(cls: type[OffhookError] = OffhookError, depth: int = 0) -> set[tuple[int, str, str]]:
    below = [child for child in cls.__subclasses__() if child.__module__ == errors.__name__]
    found = {(depth + 1, child.__name__, cls.__name__) for child in below}
    return found.union(*(real(child, depth + 1) for child in below)) if below else found


def test_the_tree_that_is_drawn_is_the_tree_there_is() -> None:
    parents: list[str] = []
    edges: set[tuple[int, str, str]] = set()
    for depth, name in drawn():
        del parents[depth:]
        if parents:
            edges.add((depth, name, parents[-1]))
        parents.append(name)
    assert edges == real()


def test_each_class_has_a_code_of_its_own() -> None:
    codes = [cls.code for cls in classes()]
    assert len(set(codes)) == len(codes) == len(drawn())
    assert all("code" in vars(cls) for cls in classes())


def test_every_class_says_what_it_is() -> None:
    assert all(cls.__doc__ for cls in classes())


@pytest.mark.parametrize("cls", [cls for cls in classes() if "__init__" not in vars(cls)])
def test_a_message_never_holds_a_live_secret(cls: type[OffhookError]) -> None:
    token = Secret("007eJxTYCh")
    error = cls(f"the channel refused {token.reveal()}, ask for another")
    assert error.message == "the channel refused [secret], ask for another"
    assert token.reveal() not in repr(error) + str(error)


def test_the_old_name_of_a_storage_error_works_and_warns() -> None:
    with pytest.warns(DeprecationWarning, match="is called StorageError now, and is not a ConfigError any more"):
        old = getattr(errors, "RecordingError")  # noqa: B009 - type checkers do not know the name
    assert old is StorageError
    assert StorageError.code == "recording", "codes stay the same"
    with pytest.raises(AttributeError, match="no attribute 'RecordError'"):
        getattr(errors, "RecordError")  # noqa: B009


def test_errors_carry_what_a_program_needs() -> None:
    token = Secret("sesame-1234")
    plugin = PluginError("acme", "read", f"said {token.reveal()}")
    assert (plugin.plugin, plugin.hook) == ("acme", "read")
    assert str(plugin) == "plugin 'acme' failed in read: said [secret]"
    assert RateLimited("slow down", 3.5).retry_after_s == 3.5
    assert RateLimited("slow down").retry_after_s is None
    assert TokenRejected("expired", 9).reason == 9
    missing = MissingExtraError("offhook[agora]", "the transport 'agora'")
    assert missing.extra == "offhook[agora]"
    assert missing.message == (
        "the transport 'agora' needs a part of offhook that is not installed: pip install \"offhook[agora]\""
    )
    theirs = MissingExtraError("", "the transport 'mine'", ("webzockets",))
    assert theirs.message == (
        "the transport 'mine' needs webzockets, which is not installed: the plugin does not declare a pip extra"
    )
    assert theirs.missing == ("webzockets",)
