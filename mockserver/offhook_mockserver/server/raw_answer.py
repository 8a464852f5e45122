"""Answers that are written to a connection as bytes, where no HTTP library can write them any more."""

from __future__ import annotations

import json
from http import HTTPStatus


def refusal(status: int, problem: str) -> bytes:
    """An HTTP answer in Sendblue's error shape, after which the connection is closed."""
    body = json.dumps({"status": "ERROR", "message": problem}).encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\nx-content-type-options: nosniff\r\n\r\n"
    )
    return head.encode() + body
