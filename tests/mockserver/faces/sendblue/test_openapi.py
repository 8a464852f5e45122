"""The document that the mock serves of its API, and the page."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from openapi_spec_validator import validate
from tests.mockserver.faces.sendblue.contract import ContractClient, against

from offhook.session import Grade
from offhook_mockserver.faces.operations.fields import Field, Fields
from offhook_mockserver.faces.operations.kinds import list_of, text, whole
from offhook_mockserver.faces.operations.shapes import TEXT, a_list, a_map, about, an_object, nullable
from offhook_mockserver.faces.sendblue.api import OPERATIONS
from offhook_mockserver.faces.sendblue.openapi import document_of
from offhook_mockserver.faces.sendblue.operation import Operation
from offhook_mockserver.faces.sendblue.page import page_of
from offhook_mockserver.server import sendblue_openapi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offhook_mockserver.server import InProcessMock

GRADES = {grade.value for grade in Grade}
BAD = '<script>alert("x")</script>'


def properties(node: object) -> Iterator[dict[str, Any]]:
    """Every property of every object in a schema."""
    if isinstance(node, list):
        for each in node:
            yield from properties(each)
    elif isinstance(node, dict):
        if isinstance(node.get("properties"), dict):
            yield from node["properties"].values()
        for each in node.values():
            yield from properties(each)


def made(**more: Any) -> Operation:
    given: dict[str, Any] = {
        "method": "GET",
        "path": "/x/{id}",
        "summary": "For a test.",
        "grade": Grade.OBSERVED,
        "source": "an SDK",
        "parameters": Fields(Field("id", text(least=1), required=True)),
        "handle": lambda asked: {},
        **more,
    }
    return Operation(**given)


def test_the_document_is_valid_and_has_every_operation() -> None:
    document: dict[str, Any] = sendblue_openapi()
    validate(document)
    listed = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert listed == {(each.method, path) for each in OPERATIONS for path in each.paths}
    ids = [operation["operationId"] for item in document["paths"].values() for operation in item.values()]
    assert len(ids) == len(set(ids))


def test_every_operation_and_every_field_has_a_grade_and_a_source() -> None:
    document: dict[str, Any] = sendblue_openapi()
    for item in document["paths"].values():
        for operation in item.values():
            graded = [operation, *operation.get("parameters", []), *properties(operation)]
            for each in graded:
                assert each["x-offhook-grade"] in GRADES
                assert each["x-offhook-source"]
    refusals = list(properties(document["components"]["responses"]))
    assert refusals
    assert {each["x-offhook-grade"] for each in refusals} == {"assumed"}


def test_a_field_has_its_own_grade_or_that_of_what_holds_it() -> None:
    answer = an_object(
        {
            "plain": TEXT,
            "own": about(TEXT, "Its own.", grade=Grade.DOCUMENTED, source="a page"),
            "guess": about(an_object({"inner": TEXT}), grade=Grade.ASSUMED),
            "list": a_list(an_object({"item": TEXT})),
            "map": a_map(an_object({"value": TEXT})),
            "maybe": nullable(an_object({"deep": TEXT})),
        }
    )
    document: dict[str, Any] = document_of([made(answer=answer)])
    validate(document)
    found = document["paths"]["/x/{id}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    fields = found["properties"]
    grades = {name: (value["x-offhook-grade"], value["x-offhook-source"]) for name, value in fields.items()}
    assert grades["plain"] == grades["list"] == grades["map"] == grades["maybe"] == ("observed", "an SDK")
    assert grades["own"] == ("documented", "a page")
    assert grades["guess"] == ("assumed", "assumed")
    assert fields["guess"]["properties"]["inner"]["x-offhook-grade"] == "assumed"
    for inner in (
        fields["list"]["items"]["properties"]["item"],
        fields["map"]["additionalProperties"]["properties"]["value"],
        fields["maybe"]["anyOf"][0]["properties"]["deep"],
    ):
        assert inner["x-offhook-grade"] == "observed"


def test_parameters_are_described_as_they_are_read() -> None:
    query = Fields(Field("limit", whole(least=1), default=9, summary="How many."), Field("tags", list_of(text())))
    document: dict[str, Any] = document_of([made(query=query, answers={204: None}, lenient=True)])
    validate(document)
    operation = document["paths"]["/x/{id}"]["get"]
    id, limit, tags = operation["parameters"]
    assert (id["in"], id["required"]) == ("path", True)
    assert (limit["in"], limit["required"], limit["schema"]["default"]) == ("query", False, 9)
    assert limit["description"] == "How many."
    assert (tags["style"], tags["explode"]) == ("form", False)
    assert operation["x-offhook-lenient"] is True
    assert set(operation["responses"]) == {"204", "4XX", "5XX"}


@pytest.mark.parametrize("path", ["/mock/openapi.json", "/mock/docs"])
def test_the_document_and_the_page_need_no_keys_and_are_guarded(path: str) -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        async with httpx.AsyncClient(transport=mock.http(), base_url=mock.url) as bare:
            first, second = await bare.get(path), await bare.get(path)
            assert first.status_code == 200
            assert first.content == second.content
            assert first.headers["x-content-type-options"] == "nosniff"
            assert not [name for name in first.headers if name.startswith("access-control-")]
            rebound = await bare.get(path, headers={"host": "evil.example"})
            assert rebound.status_code == 421
            assert (await bare.post(path, json={})).status_code == 405
        assert [entry.fields["status"] for entry in mock.tenant.journal.entries] == [421]

    against(test)


def test_the_served_document_is_the_one_that_programs_get() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        async with httpx.AsyncClient(transport=mock.http(), base_url=mock.url) as bare:
            answer = await bare.get("/mock/openapi.json")
        assert answer.headers["content-type"] == "application/json"
        assert answer.json() == json.loads(json.dumps(sendblue_openapi()))

    against(test)


@pytest.mark.fault("F51")
def test_the_page_has_no_script_loads_nothing_and_says_so() -> None:
    async def test(mock: InProcessMock, client: ContractClient) -> None:
        async with httpx.AsyncClient(transport=mock.http(), base_url=mock.url) as bare:
            answer = await bare.get("/mock/docs")
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy
        assert (answer.headers["x-frame-options"], answer.headers["referrer-policy"]) == ("DENY", "no-referrer")
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "<script" not in answer.text
        assert not re.findall(r"\s(?:src|on\w+|style)=", answer.text)
        document, *index = re.findall(r'href="([^"]*)"', answer.text)
        assert document == "/mock/openapi.json"
        assert index == [f"#{heading}" for heading in re.findall(r'<h2 id="([^"]*)"', answer.text)]
        assert len(index) >= len(OPERATIONS)
        for each in OPERATIONS:
            assert f"<code>{each.method} {each.path}</code>" in answer.text

    against(test)


@pytest.mark.safety("S9")
@pytest.mark.fault("F51")
def test_everything_on_the_page_is_escaped() -> None:
    field = Field(BAD, text(), summary=BAD, source=BAD, default=BAD)
    operation = made(
        path=f"/{BAD}", parameters=Fields(), summary=BAD, source=BAD, query=Fields(field), body=Fields(field)
    )
    page = page_of(document_of([operation]), "/document")
    assert BAD not in page
    assert "<script" not in page
    assert page.count("&lt;script&gt;") > 8


def test_the_page_shows_fields_with_their_grades() -> None:
    operation = made(
        answer=an_object({"list": a_list(an_object({"item": about(TEXT, "What it is.")}))}, optional=["list"]),
        lenient=True,
    )
    page = page_of(document_of([operation]), "/document")
    assert "<td>list[].item<td>string<td>yes<td>observed: an SDK<td>What it is." in page
    assert "Answered only where the settings are lenient." in page
