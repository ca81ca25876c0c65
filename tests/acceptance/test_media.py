"""Methods, media types, unknown routes: each no is a problem, and each problem has a page."""

import pytest

from api import problems
from tests.till import Till

ID = "01970000-0000-7000-8000-00000000abcd"
BODY = {"type": "order.create", "payload": {}}
ALLOWED = {
    "/commands": {"GET", "POST"},
    "/commands/batch": {"POST"},
    f"/commands/{ID}": {"GET"},
    f"/commands/{ID}/cancel": {"POST"},
    f"/commands/{ID}/retry": {"POST"},
    "/products": {"GET", "POST"},
}


@pytest.mark.parametrize("route", ALLOWED)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
def test_a_method_that_a_route_does_not_have_is_refused_and_the_others_named(
    manager: Till, route: str, method: str
) -> None:
    answer = manager.request(method, route)
    if method in ALLOWED[route]:
        assert answer.status != 405
    else:
        answer.problem(405, "method-not-allowed")
        assert set(answer.headers["allow"].split(", ")) - {"HEAD", "OPTIONS"} == ALLOWED[route]


@pytest.mark.parametrize("route", ["/commands", "/orders", "/products"])
def test_head_is_get_without_its_body(manager: Till, route: str) -> None:
    answer = manager.request("HEAD", route)
    assert (answer.status, answer.raw) == (200, b"")


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "application/problem+json", "image/*", "abc"])
@pytest.mark.parametrize(("method", "route"), [("GET", "/commands"), ("POST", "/commands"), ("GET", "/products")])
def test_answers_are_json_or_not_acceptable(manager: Till, method: str, route: str, accept: str) -> None:
    body = BODY if method == "POST" else None
    manager.request(method, route, body, Accept=accept, Idempotency_Key="k").problem(406, "not-acceptable")


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json", "application/*", "text/html, */*;q=0.1", "application/json; charset=utf-8"]
)
def test_json_is_acceptable_in_many_words(manager: Till, accept: str) -> None:
    answer = manager.get("/commands", Accept=accept)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", "json"],
)
@pytest.mark.parametrize("route", ["/commands", "/commands/batch", "/products"])
def test_a_body_of_another_type_is_unsupported(manager: Till, route: str, content_type: str) -> None:
    answer = manager.post(route, BODY, Content_Type=content_type, Idempotency_Key="k")
    answer.problem(415, "unsupported-media-type")


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "application/JSON"])
def test_a_body_of_json_is_supported_in_many_words(manager: Till, content_type: str) -> None:
    assert manager.post("/commands", BODY, Content_Type=content_type, Idempotency_Key="k").status == 202


@pytest.mark.parametrize(
    "path",
    ["/api/v1/", "/api/v1/commands/", "/api/v1/nothing", "/api/v2/commands", "/api/v1//commands", "/problems/nothing"],
)
def test_a_path_that_leads_nowhere_is_not_found(manager: Till, path: str) -> None:
    manager.get(path).problem(404, "not-found")
    manager.post(path, BODY).problem(404, "not-found")


HTTP_CODES = (
    *("idempotency-key-missing", "idempotency-key-invalid", "idempotency-key-reused", "result-expired"),
    *("invalid-request", "expired", "forbidden", "rate-limited", "unavailable", "unauthenticated", "not-found"),
    *("method-not-allowed", "not-acceptable", "not-cancellable", "not-retryable", "sku-exists"),
    *("precondition-failed", "too-large", "unsupported-media-type"),
)


@pytest.mark.parametrize("code", sorted({*HTTP_CODES, *problems.TITLES_BY_CODE}))
def test_every_code_has_a_page_that_explains_it(manager: Till, code: str) -> None:
    answer = manager.get(f"/problems/{code}", Authorization=None)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert code.encode() in answer.raw
