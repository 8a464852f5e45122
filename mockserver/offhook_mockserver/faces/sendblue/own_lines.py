"""Lines that a request names: they must be the account's; a lenient account gets those that it does not have."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from offhook_mockserver.faces.refusals import RequestRefused
from offhook_mockserver.faces.sendblue.kinds import e164_number

if TYPE_CHECKING:
    from offhook_mockserver.faces.refusals import ApiRefusal
    from offhook_mockserver.faces.sendblue.operation import Asked


