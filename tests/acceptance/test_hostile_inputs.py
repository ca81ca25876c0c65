"""Whatever is sent, the answer is a problem that names the place, and never a 5xx."""

import uuid
from typing import Any

import pytest

from tests.till import Answer, Till, errors_of

ID = "01970000-0000-7000-8000-00000000abcd"
BATCH = "/commands/batch"
ROUTES = ("/commands", BATCH, "/products", "/customers")
EDITABLE: dict[str, dict[str, Any]] = {
    "/products": {"sku": "TEA", "name": "Tea", "price": "1"},
    "/customers": {"name": "Ada"},
}
BODILESS = (f"/commands/{ID}/cancel", f"/commands/{ID}/retry")


def nested(levels: int, opening: str = "[", closing: str = "]") -> str:
    """A JSON text of so many levels."""
    return opening * levels + "1" + closing * levels


ANYWHERE: dict[str, tuple[bytes, list[tuple[str, str]]]] = {
    "NUL in a value": (rb'{"a": "x\u0000y"}', [("/a", "nul")]),
    "NUL in a name": (rb'{"a\u0000": 1}', [("/a�", "nul")]),
    "NUL as a raw byte": (b'{"a": "x\0y"}', [("", "not-json")]),
    "lone surrogate in a value": (rb'{"a": ["x", "\ud800"]}', [("/a/1", "lone-surrogate")]),
    "lone low surrogate": (rb'{"a": "\udc00\ud83d"}', [("/a", "lone-surrogate")]),
    "lone surrogate in a name": (rb'{"\udfff": 1}', [("/?", "lone-surrogate")]),
    "both in one text": (rb'{"a": "\u0000\ud800"}', [("/a", "nul"), ("/a", "lone-surrogate")]),
    "20,000 lists": (nested(20_000).encode(), [("", "too-deep")]),
    "20,000 objects": (nested(20_000, '{"a":', "}").encode(), [("", "too-deep")]),
    "20,000 lists unclosed": (b"[" * 20_000, [("", "too-deep")]),
    "9,000 lists": (nested(9_000).encode(), [("/0" * 32, "too-deep")]),
    "33 lists": (nested(33).encode(), [("/0" * 32, "too-deep")]),
    "33 objects": (nested(33, '{"a":', "}").encode(), [("/a" * 32, "too-deep")]),
    "integer of 5,000 digits": (b'{"a": ' + b"9" * 5_000 + b"}", [("", "not-json")]),
    "NaN": (b'{"a": NaN}', [("", "not-json")]),
    "Infinity": (b'{"a": Infinity}', [("", "not-json")]),
    "-Infinity": (b'{"a": [-Infinity]}', [("", "not-json")]),
    "duplicate names": (b'{"a": 1, "a": 1}', [("/a", "duplicate-name")]),
    "duplicate names by escape": (rb'{"a": 1, "\u0061": 2}', [("/a", "duplicate-name")]),
    "duplicate names below": (b'{"a": [{}, {"b/c": {"d": 1, "d": 2}}]}', [("/a/1/b~1c/d", "duplicate-name")]),
    "not UTF-8": (b'{"a": "\xff"}', [("", "not-utf-8")]),
    "surrogates as UTF-8": (b'{"a": "\xed\xa0\x80"}', [("", "not-utf-8")]),
    "overlong UTF-8": (b'{"a": "\xc0\x80"}', [("", "not-utf-8")]),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), [("", "not-utf-8")]),
    "byte order mark": (b'\xef\xbb\xbf{"a": 1}', [("", "not-json")]),
    "truncated": (b'{"type": "order.create", "payload": {', [("", "not-json")]),
    "two values": (b"{} {}", [("", "not-json")]),
    "trailing comma": (b'{"a": 1,}', [("", "not-json")]),
    "comment": (b"{} // x", [("", "not-json")]),
    "white space alone": (b"  \n", [("", "not-json")]),
    "no JSON at all": (b"<xml/>", [("", "not-json")]),
    "a list": (b"[]", [("", "not-an-object")]),
    "null": (b"null", [("", "not-an-object")]),
    "a string": (b'"s"', [("", "not-an-object")]),
    "a number": (b"1", [("", "not-an-object")]),
    "1e30": (b"1e30", [("", "not-an-object")]),
    "true": (b"true", [("", "not-an-object")]),
}


def send(till: Till, route: str, raw: bytes) -> Answer:
    return till.request("POST", route, raw=raw, Idempotency_Key=str(uuid.uuid4()))


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(("raw", "errors"), ANYWHERE.values(), ids=ANYWHERE)
def test_a_hostile_body_is_refused_and_the_place_named(
    manager: Till, route: str, raw: bytes, errors: list[tuple[str, str]]
) -> None:
    assert send(manager, route, raw).errors() == errors


@pytest.mark.parametrize("route", EDITABLE)
def test_a_hostile_edit_is_refused_and_the_place_named(manager: Till, route: str) -> None:
    path = manager.post(route, EDITABLE[route]).headers["location"]
    for raw, errors in ANYWHERE.values():
        assert manager.request("PATCH", path, raw=raw).errors() == errors
    assert manager.get(path).body["version"] == 1


@pytest.mark.parametrize("route", BODILESS)
@pytest.mark.parametrize("raw", [raw for raw, _errors in ANYWHERE.values()], ids=ANYWHERE)
def test_a_route_that_reads_no_body_does_not_mind_one(manager: Till, route: str, raw: bytes) -> None:
    send(manager, route, raw).problem(404, "not-found")


@pytest.mark.parametrize("route", ROUTES)
def test_an_empty_body_lacks_what_is_required(manager: Till, route: str) -> None:
    assert {code for _place, code in send(manager, route, b"").errors()} <= {"required", "wrong-length"}


NUMBERS = {
    "0": "out-of-range",
    "-1": "out-of-range",
    "1000001": "out-of-range",
    "9223372036854775808": "out-of-range",
    "9" * 4_000: "out-of-range",
    "1.0": "not-an-integer",
    "1e30": "not-an-integer",
    "1e400": "not-an-integer",
    "-0.0": "not-an-integer",
    '"1"': "not-an-integer",
    "true": "not-an-integer",
    "[]": "not-an-integer",
}


@pytest.mark.parametrize(("number", "code"), NUMBERS.items(), ids=[text[:20] for text in NUMBERS])
def test_a_number_beyond_its_bounds_is_refused(manager: Till, number: str, code: str) -> None:
    command = f'{{"type": "stock.receive", "payload": {{"sku": "A", "qty": {number}}}}}'.encode()
    assert send(manager, "/commands", command).errors() == [("/payload/qty", code)]
    batch = b'{"commands": [' + command.replace(b"{", b'{"idempotency_key": "k", ', 1) + b"]}"
    (result,) = send(manager, BATCH, batch).body["results"]
    assert errors_of(result["error"]) == [("/payload/qty", code)]


@pytest.mark.parametrize("number", ["-1", "9007199254740992", "1e30", "1.0", "true", '"1"'])
def test_a_low_stock_mark_beyond_its_bounds_is_refused(manager: Till, number: str) -> None:
    raw = f'{{"sku": "A", "name": "A", "price": "1", "low_stock_at": {number}}}'.encode()
    assert [place for place, _code in send(manager, "/products", raw).errors()] == ["/low_stock_at"]


@pytest.mark.parametrize("type_", ["order.create", "order.nothing", "%s", "'; DROP TABLE command; --", "../x", "🙂"])
def test_a_strange_type_or_text_is_only_text(manager: Till, type_: str) -> None:
    answer = manager.submit(type_, {"note": type_})
    assert answer.status == (202 if type_ == "order.create" else 400)


def test_many_breaches_are_told_up_to_a_bound(manager: Till) -> None:
    raw = b'{"a": [' + rb'"\u0000",' * 5_000 + b"1]}"
    assert len(send(manager, "/commands", raw).errors()) == 100
    unknown = dict.fromkeys((f"x{number}" for number in range(5_000)), 1)
    assert 0 < len(manager.post("/commands", unknown, Idempotency_Key="k").errors()) <= 100


LISTS: dict[str, tuple[str, ...]] = {
    "/commands": ("status", "type", "order_id", "idempotency_key", "cursor", "page_size"),
    "/orders": (
        *("status", "workflow", "customer_id", "created_after", "created_before", "archived"),
        *("cursor", "page_size"),
    ),
    "/products": ("sku", "is_active", "cursor", "page_size"),
    "/customers": ("tax_id", "is_active", "cursor", "page_size"),
}
BAD_VALUES = ("%00", "", "%ff", "%ed%a0%80", "zz", "abc", "a" * 3_000, "٣", "1%00", "-1", "1e30", "9" * 5_000, "null")
TAKEN = {
    *((name, value) for name in ("idempotency_key", "sku", "tax_id") for value in ("zz", "abc", "-1", "1e30", "null")),
    *(("tax_id", value) for value in ("%ff", "%ed%a0%80", "٣")),
}


@pytest.mark.parametrize(
    ("route", "parameter"), [(route, parameter) for route, parameters in LISTS.items() for parameter in parameters]
)
def test_a_bad_query_parameter_is_refused_and_named(manager: Till, route: str, parameter: str) -> None:
    for value in BAD_VALUES:
        answer = manager.get(f"{route}?{parameter}={value}")
        if (parameter, value) in TAKEN:
            assert answer.status == 200
        else:
            assert {place for place, _code in answer.errors()} == {parameter}, value


@pytest.mark.parametrize("route", LISTS)
@pytest.mark.parametrize("query", ["colour=1", "%00=1", "%ff=1", "a%2Fb=1", "statuS=queued"])
def test_an_unknown_query_parameter_is_refused_and_named(manager: Till, route: str, query: str) -> None:
    assert [code for _place, code in manager.get(f"{route}?{query}").errors()] == ["unknown-field"]


@pytest.mark.parametrize("route", ["/commands/", "/orders/", "/products/", "/customers/"])
@pytest.mark.parametrize("id_", ["zz", "%00", "%ff", "1", "null", "..", ID[:-1], f"{ID}%00", f"{{{ID}}}", ID * 100])
def test_a_strange_id_is_not_found(manager: Till, route: str, id_: str) -> None:
    manager.get(f"{route}{id_}").problem(404, "not-found")


HEADERS: dict[str, tuple[str, ...]] = {
    "traceparent": ("", "junk", "\xff", "00-" + "0" * 5_000),
    "If_None_Match": ("", "junk", '"', ",", "W/", "\xff", '"a", *x', "," * 1_000),
    "Accept": ("*/*;q=abc", "application/*", "application/json; charset=\xff"),
    "Prefer": ("wait=abc", "wait=-1", "wait=1e30", "\xff", "wait=9" * 500, ";;,=", "respond-async"),
    "Accept_Language": ("\xff",),
    "Cookie": ("\xff=;;=", "sessionid=\x01"),
    "X_HTTP_Method_Override": ("DELETE",),
}


@pytest.mark.parametrize(("header", "value"), [(name, text) for name, texts in HEADERS.items() for text in texts])
def test_a_strange_header_that_need_not_be_understood_is_ignored(manager: Till, header: str, value: str) -> None:
    body: dict[str, Any] = {"type": "order.create", "payload": {}}
    answer = manager.post("/commands", body, Idempotency_Key="k", **{header: value})
    assert answer.status == 202
    assert manager.get(answer.body["links"]["self"], **{header: value}).status == 200


@pytest.mark.parametrize("host", ["a b", "x:abc", "[::1", "\xff", "x/y", "a,b"])
def test_a_host_that_is_none_is_no_fault_of_ours(manager: Till, host: str) -> None:
    manager.submit("order.create")
    manager.submit("order.create")
    answer = manager.get("/commands?page_size=1", Host=host)
    assert answer.errors() == [("Host", "malformed")]
