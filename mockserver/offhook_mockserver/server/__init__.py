"""One mock, behind a socket or on a test's loop, with the guard and the limits of its HTTP.

Together with `offhook.testing`, this module has everything that a test needs, the steps of callees' scripts included.
Its names are imported on first use, so that each needs only its own libraries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook_mockserver.extra import lazy_name as _lazy_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook_mockserver.callees.builder import CalleeScript
    from offhook_mockserver.callees.script import (
        Answer,
        AnsweredElsewhere,
        BargeIn,
        Busy,
        ComeBack,
        Condition,
        Decline,
        Drop,
        Echo,
        HangUp,
        Hold,
        IfHeard,
        ListenFor,
        Mute,
        NeverAnswer,
        Noise,
        Repeat,
        Resume,
        Ring,
        Say,
        Script,
        ScriptError,
        SecondDevice,
        Sound,
        SoundsLike,
        Step,
        Tone,
        Unmute,
        Unreachable,
        Voicemail,
        Wait,
    )
    from offhook_mockserver.callees.summaries import CLIPS
    from offhook_mockserver.callees.toml import load_scripts
    from offhook_mockserver.faces.control.api import control_openapi
    from offhook_mockserver.faces.sendblue.documents import sendblue_openapi
    from offhook_mockserver.server.asgi_transport import NetworkFault
    from offhook_mockserver.server.in_process import InProcessMock
    from offhook_mockserver.server.renewal import RenewsGrants
    from offhook_mockserver.server.socket_server import MockServer, MockSettings
    from offhook_mockserver.tenants.call import CallEvent, MockCall
    from offhook_mockserver.tenants.clock import TenantClock
    from offhook_mockserver.tenants.effects import GrantFlaw, MediaDirection, TokenFlaw
    from offhook_mockserver.tenants.entry import Entry, EntryKind
    from offhook_mockserver.tenants.fault import Fault
    from offhook_mockserver.tenants.journal import Journal, NotSeen
    from offhook_mockserver.tenants.settings import BridgeJoins, ErrorBody, TenantBounds, TenantSettings
    from offhook_mockserver.tenants.tenant import Tenant
    from offhook_mockserver.tenants.webhook_types import WebhookType
    from offhook_mockserver.tenants.webhooks.delivery import Delivery, DeliveryState

__all__ = [
    "CLIPS",
    "Answer",
    "AnsweredElsewhere",
    "BargeIn",
    "BridgeJoins",
    "Busy",
    "CallEvent",
    "CalleeScript",
    "ComeBack",
    "Condition",
    "Decline",
    "Delivery",
    "DeliveryState",
    "Drop",
    "Echo",
    "Entry",
    "EntryKind",
    "ErrorBody",
    "Fault",
    "GrantFlaw",
    "HangUp",
    "Hold",
    "IfHeard",
    "InProcessMock",
    "Journal",
    "ListenFor",
    "MediaDirection",
    "MockCall",
    "MockServer",
    "MockSettings",
    "Mute",
    "NetworkFault",
    "NeverAnswer",
    "Noise",
    "NotSeen",
    "RenewsGrants",
    "Repeat",
    "Resume",
    "Ring",
    "Say",
    "Script",
    "ScriptError",
    "SecondDevice",
    "Sound",
    "SoundsLike",
    "Step",
    "Tenant",
    "TenantBounds",
    "TenantClock",
    "TenantSettings",
    "TokenFlaw",
    "Tone",
    "Unmute",
    "Unreachable",
    "Voicemail",
    "Wait",
    "WebhookType",
    "control_openapi",
    "load_scripts",
    "sendblue_openapi",
]

_SCRIPT: Final = "offhook_mockserver.callees.script"
_SETTINGS: Final = "offhook_mockserver.tenants.settings"
_EFFECTS: Final = "offhook_mockserver.tenants.effects"
_HOMES: Final[Mapping[str, str]] = {
    "CLIPS": "offhook_mockserver.callees.summaries",
    "load_scripts": "offhook_mockserver.callees.toml",
    "control_openapi": "offhook_mockserver.faces.control.api",
    "sendblue_openapi": "offhook_mockserver.faces.sendblue.documents",
    "CalleeScript": "offhook_mockserver.callees.builder",
    "Answer": _SCRIPT,
    "AnsweredElsewhere": _SCRIPT,
    "BargeIn": _SCRIPT,
    "Busy": _SCRIPT,
    "ComeBack": _SCRIPT,
    "Condition": _SCRIPT,
    "Decline": _SCRIPT,
    "Drop": _SCRIPT,
    "Echo": _SCRIPT,
    "HangUp": _SCRIPT,
    "Hold": _SCRIPT,
    "IfHeard": _SCRIPT,
    "ListenFor": _SCRIPT,
    "Mute": _SCRIPT,
    "NeverAnswer": _SCRIPT,
    "Noise": _SCRIPT,
    "Repeat": _SCRIPT,
    "Resume": _SCRIPT,
    "Ring": _SCRIPT,
    "Say": _SCRIPT,
    "Script": _SCRIPT,
    "ScriptError": _SCRIPT,
    "SecondDevice": _SCRIPT,
    "Sound": _SCRIPT,
    "SoundsLike": _SCRIPT,
    "Step": _SCRIPT,
    "Tone": _SCRIPT,
    "Unmute": _SCRIPT,
    "Unreachable": _SCRIPT,
    "Voicemail": _SCRIPT,
    "Wait": _SCRIPT,
    "InProcessMock": "offhook_mockserver.server.in_process",
    "MockServer": "offhook_mockserver.server.socket_server",
    "MockSettings": "offhook_mockserver.server.socket_server",
    "NetworkFault": "offhook_mockserver.server.asgi_transport",
    "CallEvent": "offhook_mockserver.tenants.call",
    "MockCall": "offhook_mockserver.tenants.call",
    "RenewsGrants": "offhook_mockserver.server.renewal",
    "Tenant": "offhook_mockserver.tenants.tenant",
    "BridgeJoins": _SETTINGS,
    "ErrorBody": _SETTINGS,
    "TenantBounds": _SETTINGS,
    "TenantSettings": _SETTINGS,
    "TenantClock": "offhook_mockserver.tenants.clock",
    "Entry": "offhook_mockserver.tenants.entry",
    "EntryKind": "offhook_mockserver.tenants.entry",
    "Fault": "offhook_mockserver.tenants.fault",
    "GrantFlaw": _EFFECTS,
    "MediaDirection": _EFFECTS,
    "TokenFlaw": _EFFECTS,
    "WebhookType": "offhook_mockserver.tenants.webhook_types",
    "Delivery": "offhook_mockserver.tenants.webhooks.delivery",
    "DeliveryState": "offhook_mockserver.tenants.webhooks.delivery",
    "Journal": "offhook_mockserver.tenants.journal",
    "NotSeen": "offhook_mockserver.tenants.journal",
}


def __getattr__(name: str) -> object:
    return _lazy_name(__name__, name, _HOMES)
