"""Answers that are written to a connection as bytes, where no HTTP library can write them any more."""

from __future__ import annotations

import json
from http import HTTPStatus

from offhook_mockserver.faces.control.refusals import unread_code


def refusal(status: int, problem: str) -> bytes:
    """An HTTP answer in Sendblue's error shape, after which the connection is closed."""
    return _answer(status, {"status": "ERROR", "message": problem})


def refusal_of_control(status: int, problem: str) -> bytes:
    """Likewise in the shape of the control API."""
    return _answer(status, {"error": {"code": unread_code(status), "message": problem}})


def _answer(status: int, document: object) -> bytes:
    body = json.dumps(document).encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\nx-content-type-options: nosniff\r\n\r\n"
    )
    return head.encode() + body
