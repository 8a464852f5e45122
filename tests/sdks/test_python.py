"""The SDK for Python, sync and async, in loose and in strict validation, runs every script; and the scripts call every
operation of the OpenAPI document.
"""

from __future__ import annotations

import asyncio
import inspect
import re
from typing import TYPE_CHECKING, cast

import pytest
from sendblue_api import AsyncSendblueAPI, SendblueAPI
from tests.sdks.scripts import SCRIPTS, Script

from offhook_mockserver.server import sendblue_openapi

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook_mockserver.testkit import MockHandle

METHODS = {"get", "post", "put", "patch", "delete"}


def nameless(operation: str) -> str:
    """``METHOD /path`` without the names of parameters."""
    return re.sub(r"\{\w+\}", "{}", operation)


def documented(*, lenient: bool) -> set[str]:
    """The operations of the document; those that only a lenient mock answers, or the others."""
    paths = cast("Mapping[str, Mapping[str, Mapping[str, object]]]", sendblue_openapi()["paths"])
    return {
        nameless(f"{method.upper()} {path}")
        for path, item in paths.items()
        for method, operation in item.items()
        if method in METHODS and bool(operation.get("x-offhook-lenient")) is lenient
    }


scripts = pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.play.__name__)
validation = pytest.mark.parametrize("strict", [False, True], ids=["loose", "strict"])


def answered(mock: MockHandle) -> set[str]:
    """The operations that the mock has answered with success."""
    found = (entry.fields for entry in mock.journal.search(kind="request"))
    return {nameless(f"{fields['method']} {fields.get('operation', fields['path'])}") for fields in found}


@scripts
@validation
@pytest.mark.offhook(allow=["calls_up"])
def test_sync(offhook_mock: MockHandle, script: Script, strict: bool) -> None:
    with SendblueAPI(_strict_response_validation=strict) as sdk:
        steps = script.play(sdk, offhook_mock)
        try:
            result = next(steps)
            while True:
                result = steps.send(result)
        except StopIteration:
            pass
    assert answered(offhook_mock) == set(script.operations)


@scripts
@validation
@pytest.mark.offhook(allow=["calls_up"])
def test_async(offhook_mock: MockHandle, script: Script, strict: bool) -> None:
    async def main() -> None:
        async with AsyncSendblueAPI(_strict_response_validation=strict) as sdk:
            steps = script.play(cast("SendblueAPI", sdk), offhook_mock)
            try:
                result = next(steps)
                while True:
                    result = steps.send(await result if inspect.isawaitable(result) else result)
            except StopIteration:
                pass

    asyncio.run(main())
    assert answered(offhook_mock) == set(script.operations)


def test_every_operation_is_called_by_a_script() -> None:
    assert documented(lenient=False) <= {operation for script in SCRIPTS for operation in script.operations}
