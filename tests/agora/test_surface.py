"""Two versions of the Python layer are compared by what they look up and offer; `nox -s agora-versions` prints it."""

from __future__ import annotations

import io
import tarfile

from tests.agora.surface import changes, surface

OLD = """
import ctypes
ON_JOINED = ctypes.CFUNCTYPE(None, ctypes.c_char_p)
agora_send = agora_lib.agora_send
agora_send.argtypes = [c_void_p, c_int]
agora_send.restype = ctypes.c_int
agora_stop = agora_lib.agora_stop
# agora_gone = agora_lib.agora_gone
class Info(ctypes.Structure):
    _fields_ = [("uid", ctypes.c_uint)]
class Connection:
    def push(self, data, rate): ...
    def _inner(self): ...
"""


def archive(code: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as made:
        entry = tarfile.TarInfo("sdk-1/agora/rtc/connection.py")
        entry.size = len(code.encode())
        made.addfile(entry, io.BytesIO(code.encode()))
    return file.getvalue()


def test_a_version_equals_itself() -> None:
    assert changes(surface(archive(OLD)), surface(archive(OLD))) == []


def test_what_changed_is_named_with_both_signatures() -> None:
    new = OLD.replace("[c_void_p, c_int]", "[c_void_p]").replace("rate): ...", "rate, pts=0): ...")
    new = new.replace("agora_lib.agora_stop", "agora_lib.agora_halt").replace("c_char_p)", "c_int)")
    assert changes(surface(archive(OLD)), surface(archive(new))) == [
        "gone     symbol agora_stop[?] -> int",
        "new      symbol agora_halt[?] -> int",
        "changed  callback ON_JOINED(None, ctypes.c_char_p)  ->  (None, ctypes.c_int)",
        "changed  method Connection.push(self, data, rate)  ->  (self, data, rate, pts=0)",
        "changed  symbol agora_send[c_void_p, c_int] -> ctypes.c_int  ->  [c_void_p] -> ctypes.c_int",
    ]


def test_what_is_private_or_a_comment_is_no_part_of_it() -> None:
    names = set(surface(archive(OLD)))
    assert not {name for name in names if "_inner" in name or "agora_gone" in name}
    assert "struct Info" in names
