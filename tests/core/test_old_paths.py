"""Import paths of the last version work for one more, and say what to write instead."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from offhook import testing
from offhook.old_paths import MOVED

PATHS = [(old, home, name) for old, homes in MOVED.items() for home, names in homes.items() for name in names.split()]
PATHS += [
    ("offhook_mockserver.in_process", "offhook_mockserver.server", "InProcessMock"),
    ("offhook_mockserver.pcm_far_end", "offhook_mockserver.far_ends", "PcmFarEnd"),
    ("offhook_mockserver.sendblue_far_end", "offhook_mockserver.far_ends", "SendblueFarEnd"),
    ("offhook_mockserver.tenants", "offhook_mockserver.server", "Tenant"),
    ("offhook_mockserver.server", "offhook_mockserver.server", "MockServer"),
]


@pytest.mark.parametrize(("old", "home", "name"), PATHS)
def test_an_old_path_returns_the_same_object_and_warns_with_the_new_path(old: str, home: str, name: str) -> None:
    new = getattr(import_module(home), name)
    if old == home:
        assert getattr(import_module(old), name) is new
        return
    namespace: dict[str, object] = {}
    program = compile(f"from {old} import {name}", __file__, "exec")
    with pytest.warns(DeprecationWarning, match=f"from {home} import {name}`") as caught:
        exec(program, namespace)
    assert namespace[name] is new
    assert {warning.filename for warning in caught} == {__file__}  # the line to change


@pytest.mark.parametrize(("old", "home", "name"), PATHS)
def test_an_old_path_can_be_imported_as_a_module(old: str, home: str, name: str) -> None:
    if old == home:
        return
    program = compile(f"import {old}; found = {old}.{name}", __file__, "exec")
    namespace: dict[str, object] = {}
    with pytest.warns(DeprecationWarning, match=f"from {home} import {name}`"):
        exec(program, namespace)
    assert namespace["found"] is getattr(import_module(home), name)


def test_an_old_path_imports_its_package() -> None:
    program = "import offhook.testing.far_end; offhook.testing.far_end.FarMember"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_an_old_name_returns_the_same_class_and_warns_with_the_new_name() -> None:
    with pytest.warns(DeprecationWarning, match="is called ServiceAnswer now"):
        assert testing.Answer is testing.ServiceAnswer
    with pytest.raises(AttributeError, match="Answers"):
        _ = testing.Answers


def test_a_name_that_never_was_there_is_an_import_error() -> None:
    with pytest.raises(ImportError, match="AudioFrames"):
        exec("from offhook.audio import AudioFrames", {})
    with pytest.raises(ImportError, match="Tenants"):
        exec("from offhook_mockserver.tenants import Tenants", {})
