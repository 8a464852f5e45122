"""The text of ``DIR/agora/__init__.py``, which stands in for upstream's.

Upstream's parent module compares the version of its native library, deletes the folder if it differs, and downloads.
Ours names the folders that upstream's other modules ask for, and does nothing else. It runs in the program's process,
below any Python from 3.10 on.
"""

from __future__ import annotations

from typing import Final

TEXT: Final = '''\
"""The parent module of Agora's SDK, over the native library of a mock. Made by `offhook mock agora-sdk`.

Agora's own parent module may download and delete; this one only finds upstream's files, which are not changed.
"""

import os
import sys


def _find(folder):
    """The folder of upstream's package: the one in this folder, else the installed one, which is not imported."""
    own = os.path.join(folder, "upstream", "agora")
    for package in [own, *(os.path.join(entry or os.curdir, "agora") for entry in sys.path)]:
        if os.path.isfile(os.path.join(package, "rtc", "agora_service.py")):
            return os.path.abspath(package)
    raise ImportError(
        f"{folder} has no Python layer of Agora's SDK, and none is installed: type: "
        f"offhook mock agora-sdk --into {folder} --sdk 2.4.10",
        name=__name__,
    )


_folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sdk_root_dir = _find(_folder)
sdk_library_dir = os.path.join(_folder, "agora_sdk")
sdk_rtc_dir = os.path.join(sdk_root_dir, "rtc")
sdk_rtm_dir = os.path.join(sdk_root_dir, "rtm")
__path__ = [sdk_root_dir, os.path.dirname(os.path.abspath(__file__))]
__all__ = ["sdk_library_dir", "sdk_rtc_dir", "sdk_rtm_dir", "sdk_root_dir"]

from agora import _offhook_misuse_watch  # noqa: E402 - it is found by `__path__`

_offhook_misuse_watch.install()
'''
