"""If-Match and If-None-Match: an edit happens at the version its caller knows, and what is known is not sent again."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from api.preconditions import expected_version, if_match
from api.problems import Problem
from tests.till import Answer, Till

Resource = tuple[Till, str]

MALFORMED = (
    *("", " ", "3", "'3'", '"3', '3"', '"3""4"', '"3" "4"', "*,*", '*, "3"', '"3", *', 'w/"3"', 'W/ "3"', 'W"3"'),
    *(",", " , ,", '"3";', '"a b"', '"\x7f"', 'junk, "3"', '"3", junk', '"a' * 5_000, "," * 20_000, ", ,\t" * 9_000),
    *('"3"' + " " * 20_000 + "x", '"3",' * 5_000 + '"'),
)


def asking(header: str | None) -> Request:
    """A request with this If-Match, or none."""
    return Request(APIRequestFactory().get("/", headers={} if header is None else {"If-Match": header}))


@pytest.fixture(params=["products", "customers"])
def resource(request: pytest.FixtureRequest, manager: Till) -> Resource:
    """A new resource that can be edited."""
    new = {"products": {"sku": "TEA", "name": "Tea", "price": "1"}, "customers": {"name": "Ada"}}[request.param]
    location: str = manager.post(f"/{request.param}", new).headers["location"]
    return manager, location


def edit(resource: Resource, name: str, **headers: str) -> Answer:
    till, path = resource
    return till.request("PATCH", path, {"name": name}, None, **headers)


def test_the_tag_that_was_read_allows_one_edit(resource: Resource) -> None:
    till, path = resource
    known = till.get(path).headers["etag"]
    first = edit(resource, "first", If_Match=known)
    assert (first.status, first.body["version"]) == (200, 2)
    edit(resource, "second", If_Match=known).problem(412, "precondition-failed")
    assert till.get(path).body == first.body
    assert edit(resource, "third", If_Match=first.headers["etag"]).body["version"] == 3


MATCHES = {
    '"1"': True,
    ' \t"1" ': True,
    "*": True,
    " * ": True,
    '"0", "1"': True,
    '"x",,"1",': True,
    ', "1"': True,
    '"a,b","1"': True,
    '"\xe9", "1"': True,
    '"2"': False,
    '"01"': False,
    '""': False,
    '"1 "': None,
    'W/"1"': False,
    'W/"1", "2"': False,
    'W/"2", "1"': True,
    '"W/", "1"': True,
    '"x,1"': False,
    '"' + "9" * 5_000 + '"': False,
    '"9223372036854775808"': False,
}
"""What the header says to a resource of version 1: an edit, 412, or None for 400."""


@pytest.mark.parametrize(("header", "allowed"), MATCHES.items(), ids=[header[:20] for header in MATCHES])
def test_an_edit_needs_a_strong_tag_that_matches(resource: Resource, header: str, allowed: bool | None) -> None:
    till, path = resource
    answer = edit(resource, "other", If_Match=header)
    if allowed:
        assert (answer.status, answer.body["name"]) == (200, "other")
        return
    if allowed is None:
        assert answer.errors() == [("If-Match", "malformed")]
    else:
        answer.problem(412, "precondition-failed")
    assert till.get(path).body["version"] == 1


@pytest.mark.parametrize("header", MALFORMED, ids=[header[:20] for header in MALFORMED])
@pytest.mark.parametrize("read", [if_match, expected_version])
def test_a_malformed_header_is_refused_and_named(read: Callable[[Request], object], header: str) -> None:
    with pytest.raises(Problem) as caught:
        read(asking(header))
    errors: Any = caught.value.extra["errors"]
    assert (caught.value.status_code, caught.value.code) == (400, "invalid-request")
    assert [(error["header"], error["code"]) for error in errors] == [("If-Match", "malformed")]


@pytest.mark.parametrize("header", ["", '"1', "1", 'junk, "1"'])
def test_a_malformed_header_edits_nothing(resource: Resource, header: str) -> None:
    till, path = resource
    assert edit(resource, "other", If_Match=header).errors() == [("If-Match", "malformed")]
    assert till.get(path).body["version"] == 1


def test_a_false_precondition_is_told_though_nothing_would_change(resource: Resource) -> None:
    till, path = resource
    name = till.get(path).body["name"]
    edit(resource, name, If_Match='"2"').problem(412, "precondition-failed")
    till.request("PATCH", path, {}, If_Match='"2"').problem(412, "precondition-failed")


def test_the_role_comes_first_and_the_precondition_before_the_content(resource: Resource, auditor: Till) -> None:
    till, path = resource
    auditor.request("PATCH", path, {"name": 7}, If_Match="junk").problem(403, "forbidden")
    till.request("PATCH", path, {"name": 7}, If_Match='"2"').problem(412, "precondition-failed")
    assert till.request("PATCH", path, {"name": 7}, If_Match='"1"').errors() == [("/name", "not-a-string")]


def test_a_customer_is_deleted_at_the_version_its_caller_knows(manager: Till) -> None:
    path = manager.post("/customers", {"name": "Ada"}).headers["location"]
    manager.request("DELETE", path, If_Match='"2"').problem(412, "precondition-failed")
    assert manager.request("DELETE", path, If_Match="junk").errors() == [("If-Match", "malformed")]
    assert manager.get(path).body["is_active"] is True
    assert manager.request("DELETE", path, If_Match='"1"').status == 204
    manager.request("DELETE", path, If_Match='"1"').problem(412, "precondition-failed")
    assert manager.request("DELETE", path, If_Match='"2"').status == 204
    assert manager.get(path).body["version"] == 2


def test_what_the_caller_has_is_not_sent_again(resource: Resource) -> None:
    till, path = resource
    known = till.get(path).headers["etag"]
    for header in (known, f"W/{known}", f'"x", {known}', "*"):
        answer = till.get(path, If_None_Match=header)
        assert (answer.status, answer.raw, answer.headers["etag"]) == (304, b"", known)
    edited = edit(resource, "other")
    answer = till.get(path, If_None_Match=known)
    assert (answer.status, answer.body, answer.headers["etag"]) == (200, edited.body, edited.headers["etag"])


def test_a_product_whose_stock_has_moved_is_sent_again_and_may_still_be_edited(manager: Till) -> None:
    path = f"/products/{manager.product('TEA', stock=5)['id']}"
    known = manager.get(path).headers["etag"]
    manager.run("stock.receive", {"sku": "TEA", "qty": 1})
    answer = manager.get(path, If_None_Match=known)
    assert (answer.status, answer.body["on_hand"], answer.body["version"]) == (200, 6, 1)
    assert edit((manager, path), "Better tea", If_Match=known).status == 200


@pytest.mark.parametrize(
    ("header", "version"),
    [
        (None, None),
        ("*", None),
        (" *\t", None),
        ('"3"', 3),
        ('\t"3" ', 3),
        ('"9007199254740991"', 2**53 - 1),
    ],
)
def test_a_command_expects_the_version_that_the_header_names(header: str | None, version: int | None) -> None:
    assert expected_version(asking(header)) == version


@pytest.mark.parametrize(
    "header",
    ['W/"3"', '"3", "4"', '"0"', '"03"', '"-3"', '"3.0"', '"x"', '""', '"٣"', '"9007199254740992"', '"' + "9" * 5_000],
)
def test_a_command_expects_one_version_and_nothing_else(header: str) -> None:
    with pytest.raises(Problem) as caught:
        expected_version(asking(header))
    errors: Any = caught.value.extra["errors"]
    assert [(error["header"], error["code"]) for error in errors] == [("If-Match", "malformed")]
