"""`/api/schema/` and `/api/docs/` over HTTP."""

import json

import pytest
import yaml

from tests.openapi.document import document
from tests.till import Answer, Till


def get(path: str, **headers: str | None) -> Answer:
    return Till("nobody", "none", "").get(path, **({"Authorization": None} | headers))


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json", "text/html, */*;q=0.8", "application/vnd.oai.openapi+json"]
)
def test_the_description_is_json_for_everybody(accept: str) -> None:
    answer = get("/api/schema/", Accept=accept)
    assert answer.status == 200
    assert "json" in answer.headers["content-type"]
    assert answer.body == document()


@pytest.mark.parametrize("media_type", ["application/yaml", "application/vnd.oai.openapi"])
def test_the_description_is_yaml_for_who_asks(media_type: str) -> None:
    answer = get("/api/schema/", Accept=media_type)
    assert (answer.status, answer.headers["content-type"]) == (200, media_type)
    assert yaml.safe_load(answer.raw) == document()


def test_the_description_is_sent_once_to_who_keeps_it() -> None:
    first = get("/api/schema/")
    again = get("/api/schema/", If_None_Match=first.headers["etag"])
    assert (again.status, again.raw) == (304, b"")
    assert get("/api/schema/", Accept="application/yaml").headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize("path", ["/api/schema/", "/api/docs/"])
def test_what_goes_wrong_there_is_a_problem(path: str) -> None:
    till = Till("nobody", "none", "")
    till.request("POST", path, {}, Authorization=None).problem(405, "method-not-allowed")
    till.request("GET", path, Authorization=None, Accept="image/png").problem(406, "not-acceptable")


def test_the_page_names_no_other_server_and_sets_no_cookie() -> None:
    answer = get("/api/docs/", Accept="text/html")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"//" not in answer.raw.replace(b"// ", b"")
    assert "set-cookie" not in answer.headers


def test_the_page_has_no_answer_to_options() -> None:
    Till("nobody", "none", "").request("OPTIONS", "/api/docs/", Authorization=None).problem(405, "method-not-allowed")


def test_the_description_fits_a_client_generator() -> None:
    """Names of schemas are identifiers, and nothing but JSON is in it."""
    assert all(name.isidentifier() for name in document()["components"]["schemas"])
    assert json.loads(json.dumps(document())) == document()
