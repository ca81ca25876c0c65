"""What answers show (store/rendering.py), as schemas with examples."""

from typing import Any

from api.schema.operation import ref
from domain import books, shapes
from domain.events import CATALOGUE
from domain.shapes import (
    ANY_OBJECT,
    COUNT,
    FLAG,
    ID,
    MONEY,
    NULL,
    NUMBER,
    TEXT,
    TIME,
    VERSION,
    Schema,
    list_of,
    nullable,
    object_of,
    one_of,
)
from domain.workflow import STATUSES, WORKFLOWS, StockEffect
from store.models import DELIVERY_STATUSES, FINAL_STATUSES, OPEN_STATUSES, PAYMENT_STATUSES

_ORDER = "01a1fd5d-a08c-7614-bc41-b90e71b2481a"
_COMMAND = CATALOGUE["command.succeeded"].example["data"]["command"]
_ENDPOINT = CATALOGUE["endpoint.ping"].example["data"]["endpoint"]
_PRODUCT = CATALOGUE["stock.changed"].example["data"]["product"]


def schemas() -> dict[str, Schema]:
    """All of them, by name."""
    found = {name: schema | {"examples": [_EXAMPLES[name]]} for name, schema in _SCHEMAS.items() if name in _EXAMPLES}
    pages = {f"{name}Page": _page(name) for name in _LISTED}
    return _SCHEMAS | found | pages


def _page(name: str) -> Schema:
    return object_of(results=list_of(ref(name)), next=nullable(_LINK), previous=nullable(_LINK)) | {
        "description": "One page of a list by cursor: follow `next` until it is null."
    }


_LINK: Schema = {"type": "string", "format": "uri"}
_LISTED = (
    *("Command", "Order", "StatusChange", "Payment", "Product", "Movement", "Customer"),
    *("Entry", "Account", "Balance", "Endpoint", "Delivery", "EventType"),
)
_HTTP_STATUS: Schema = {"type": "integer", "minimum": 100, "maximum": 599}

_TAKEN = object_of(status=_HTTP_STATUS, command=ref("Command"))
_REPLAYED: Schema = {"const": True, "description": "The key was known."}
_ORDER_RESULT = object_of(order=shapes.ORDER)
_ORDER_RESULT["properties"]["payment"] = object_of(
    method=TEXT, amount=MONEY, tendered=nullable(MONEY), change=nullable(MONEY)
) | {"description": "Of `order.pay`."}

_PERCENT: Schema = TEXT | {"description": "A percentage, such as `23.00`."}
_PRODUCT_MEMBERS = object_of(
    id=ID,
    sku=TEXT,
    name=TEXT,
    description=TEXT,
    price=MONEY,
    currency=TEXT,
    tax_rate=_PERCENT,
    cost=nullable(MONEY) | {"description": "What a piece costs; null where it is not known."},
    on_hand=COUNT,
    reserved=COUNT,
    available=COUNT,
    low_stock_at=nullable(COUNT),
    is_active=FLAG,
    version=VERSION,
)
_ACCOUNTS = [account.code for account in books.CHART]
_SUMS = {"currency": TEXT, "sales_count": COUNT, "refunds_count": COUNT, "sales": MONEY, "refunds": MONEY}
_SUMS |= {name: TEXT | {"description": "Signed."} for name in ("net", "tax")}
_ACTION = object_of(type=TEXT)
_ACTION["properties"]["to"] = list_of(one_of(STATUSES))
_DELIVERY = object_of(
    id=ID,
    endpoint_id=ID,
    webhook_id=ID,
    event_type=one_of(CATALOGUE),
    status=one_of(DELIVERY_STATUSES),
    next_attempt_at=nullable(TIME),
    attempts=list_of(
        object_of(
            at=TIME,
            duration_ms=COUNT,
            status=nullable(_HTTP_STATUS),
            error=nullable(TEXT),
            body=nullable(TEXT) | {"description": "The first KiB of the answer."},
        )
    ),
    created_at=TIME,
)

_SCHEMAS: dict[str, Schema] = {
    "Command": shapes.command(
        one_of(OPEN_STATUSES + FINAL_STATUSES),
        {"anyOf": [ref("OrderResult"), ref("StockResult"), NULL]}
        | {"description": "What came of it; null unless it succeeded."},
        nullable(ref("CommandError")),
    )
    | {"description": "A command: a request to act, and what has come of it so far."},
    "OrderResult": _ORDER_RESULT,
    "StockResult": object_of(product=shapes.PRODUCT),
    "BatchResults": object_of(
        results=list_of(
            {
                "oneOf": [
                    {**_TAKEN, "properties": {**_TAKEN["properties"], "replayed": _REPLAYED}},
                    object_of(status=_HTTP_STATUS, error=ref("Problem")),
                ]
            }
        )
    )
    | {"description": "For each entry, in the order sent, what it would have been answered alone."},
    "Event": TEXT
    | {
        "description": "Server-sent events (WHATWG HTML, section 9.2): `event: command`, its `data` a Command, its "
        "`id` for `Last-Event-ID`."
    },
    "Order": object_of(
        id=ID,
        workflow=one_of(WORKFLOWS),
        status=one_of(STATUSES),
        version=VERSION,
        currency=TEXT,
        total=MONEY,
        tax_total=MONEY,
        paid_total=MONEY,
        refunded_total=MONEY,
        payment_pending=FLAG | {"description": "The payment provider is being asked; nothing else changes meanwhile."},
        customer_id=nullable(ID),
        note=nullable(TEXT),
        items=list_of(
            object_of(
                product_id=ID,
                sku=TEXT,
                name=TEXT,
                qty=VERSION,
                unit_price=MONEY,
                line_total=MONEY,
                tax_rate=_PERCENT,
                tax=MONEY,
            )
        ),
        archived=FLAG,
        created_at=TIME,
        updated_at=TIME,
        links=object_of(self=TEXT, commands=TEXT),
    ),
    "StatusChange": object_of(
        from_status=nullable(one_of(STATUSES)),
        to_status=one_of(STATUSES),
        changed_by=TEXT,
        command_id=ID,
        note=nullable(TEXT),
        changed_at=TIME,
    ),
    "Payment": object_of(
        id=ID,
        method=one_of(books.MONEY_OF),
        provider=nullable(TEXT),
        reference=nullable(TEXT),
        amount=MONEY,
        currency=TEXT,
        status=one_of(PAYMENT_STATUSES),
        command_id=ID,
        created_at=TIME,
        refunds=list_of(
            object_of(
                id=ID,
                amount=MONEY,
                tax=MONEY,
                restock=FLAG,
                reason=nullable(TEXT),
                command_id=ID,
                created_at=TIME,
            )
        ),
    ),
    "Entry": object_of(
        id=ID,
        kind=one_of(("payment", "refund", "cancellation", "receipt", "adjustment")),
        order_id=nullable(ID),
        command_id=ID,
        reverses=nullable(ID) | {"description": "The entry that this one undoes as a whole."},
        occurred_at=TIME,
        postings=list_of(object_of(account=one_of(_ACCOUNTS), debit=MONEY, credit=MONEY, currency=TEXT)),
    ),
    "Account": object_of(
        account=one_of(_ACCOUNTS), name=TEXT, type=one_of(("asset", "liability", "income", "expense"))
    ),
    "Balance": object_of(
        account=one_of(_ACCOUNTS), debit=MONEY, credit=MONEY, balance=TEXT | {"description": "Signed."}, currency=TEXT
    ),
    "DailyReport": object_of(
        date={"type": "string", "format": "date"},
        client=nullable(TEXT),
        totals=list_of(object_of(**_SUMS)),
        takings=list_of(object_of(client=nullable(TEXT), method=one_of(books.MONEY_OF), **_SUMS)),
    ),
    "AvailableActions": object_of(
        order_id=ID,
        version=VERSION,
        actions=list_of(_ACTION) | {"description": "Command types, with `to` where a status is to be chosen."},
    ),
    "Product": _PRODUCT_MEMBERS,
    "Movement": object_of(
        id=ID,
        product_id=ID,
        kind=one_of(["receive", "adjust", *(effect for effect in StockEffect if effect is not StockEffect.NONE)]),
        on_hand_delta=NUMBER,
        reserved_delta=NUMBER,
        order_id=nullable(ID),
        command_id=ID,
        reason=nullable(TEXT),
        created_at=TIME,
    ),
    "Customer": object_of(
        id=ID,
        name=TEXT,
        tax_id=nullable(TEXT),
        email=nullable(TEXT),
        phone=nullable(TEXT),
        address=nullable(TEXT),
        is_active=FLAG,
        version=VERSION,
    ),
    "Endpoint": shapes.ENDPOINT,
    "EndpointWithSecret": object_of(
        **shapes.ENDPOINT["properties"], secret=TEXT | {"description": "`whsec_...`; no other answer shows it."}
    ),
    "Delivery": _DELIVERY,
    "Replay": object_of(deliveries=COUNT | {"description": "How many events are sent again, or at last."}),
    "EventType": object_of(type=one_of(CATALOGUE), description=TEXT, schema=ANY_OBJECT, example=ANY_OBJECT),
    "Token": object_of(access=TEXT, expires_in=COUNT | {"description": "Seconds."}),
    "Health": object_of(
        status=one_of(("ok", "degraded")),
        database=FLAG,
        redis=FLAG,
        workers=COUNT,
        backlog=COUNT,
        oldest_queued_seconds={"type": "number", "minimum": 0},
    ),
    "Liveness": object_of(status={"type": "string", "const": "ok"}),
    "Readiness": object_of(status=one_of(("ok", "unavailable")), database=FLAG),
    "Text": TEXT | {"description": "A page to be read, not JSON."},
    "Document": ANY_OBJECT | {"description": "This description: OpenAPI 3.1."},
}

_A_PRODUCT = _PRODUCT | {"name": "Oat drink, 1 l", "description": "", "price": "2.29", "currency": "EUR"}
_A_PRODUCT |= {"tax_rate": "7.00", "cost": "1.40"}
_EXAMPLES: dict[str, Any] = {
    "Command": _COMMAND,
    "Order": {
        "id": _ORDER,
        "workflow": "counter",
        "status": "paid",
        "version": 2,
        "currency": "EUR",
        "total": "4.58",
        "tax_total": "0.30",
        "paid_total": "4.58",
        "refunded_total": "0.00",
        "payment_pending": False,
        "customer_id": None,
        "note": "Table 4",
        "items": [
            {
                "product_id": _PRODUCT["id"],
                "sku": "OAT-1L",
                "name": "Oat drink, 1 l",
                "qty": 2,
                "unit_price": "2.29",
                "line_total": "4.58",
                "tax_rate": "7.00",
                "tax": "0.30",
            }
        ],
        "archived": False,
        "created_at": "2026-11-21T09:08:54.040870Z",
        "updated_at": "2026-11-21T09:08:54.726609Z",
        "links": {"self": f"/api/v1/orders/{_ORDER}", "commands": f"/api/v1/commands?order_id={_ORDER}"},
    },
    "AvailableActions": {
        "order_id": _ORDER,
        "version": 2,
        "actions": [{"type": "order.cancel"}, {"type": "order.change_status", "to": ["confirmed"]}],
    },
    "Product": _A_PRODUCT | {"low_stock_at": 5, "is_active": True, "version": 1},
    "Customer": {
        "id": "01a1fd60-0b9e-7d54-8c1e-6f2a3f0c9d11",
        "name": "Padaria Sol",
        "tax_id": "12ABC34501DE35",
        "email": "sol@example.com",
        "phone": "+55 11 5555 0101",
        "address": "Rua Um 1, São Paulo",
        "is_active": True,
        "version": 1,
    },
    "Endpoint": _ENDPOINT,
    "EndpointWithSecret": _ENDPOINT | {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="},
    "Replay": {"deliveries": 12},
}
