"""Callees of the table and of scripts, as the phone of a program sees them, in virtual time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from offhook import CallPolicy, PolicySet
from offhook.testing import Ids, LoopClock, run_virtual
from offhook_mockserver.callees.numbers import NUMBERS
from offhook_mockserver.callees.script import Answer, ComeBack, HangUp, Say, Script, SecondDevice, Step, Wait
from offhook_mockserver.server import InProcessMock

if TYPE_CHECKING:
    from offhook.session import CallRecord
