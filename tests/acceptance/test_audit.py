"""Every write over the API that is no command is in the audit trail, in the transaction of the act."""

from typing import Any

import pytest
from pytest_django.fixtures import Settings

from config import env
from domain import registry
from store import audit
from store.models import AuditEntry, Customer, Endpoint, Product
from tests.till import Till, run_drain

HOOK = "http://127.0.0.1:9/hook/secret-path?token=secret"


def trail() -> list[tuple[str, str, dict[str, Any]]]:
    """Action, subject and changes of each entry, oldest first."""
    rows = AuditEntry.objects.order_by("id").values_list("action", "subject_id", "changes")
    return [(action, subject, changes) for action, subject, changes in rows]


def test_products(manager: Till) -> None:
    tea = manager.post("/products", {"sku": "TEA", "name": "Tea", "price": "1.50"}).body
    manager.request("PATCH", f"/products/{tea['id']}", {"price": "2.00", "name": "Tea"})
    manager.request("PATCH", f"/products/{tea['id']}", {"price": "2.00"})  # as it is already
    manager.request("PATCH", f"/products/{tea['id']}", {"price": "x"})
    manager.post("/products", {"sku": "TEA", "name": "Again", "price": "1"}).problem(409, "sku-exists")
    (created, updated) = trail()
    assert created[:2] == ("product.created", tea["id"])
    assert created[2]["price"] == [None, 150]
    assert updated == ("product.updated", tea["id"], {"price": [150, 200]})


def test_customers(integration: Till) -> None:
    ada = integration.post("/customers", {"name": "Ada"}).body
    integration.request("PATCH", f"/customers/{ada['id']}", {"phone": "1"})
    integration.request("DELETE", f"/customers/{ada['id']}")
    integration.request("DELETE", f"/customers/{ada['id']}")
    created, *edits = trail()
    assert created[:2] == ("customer.created", ada["id"])
    assert edits == [
        ("customer.updated", ada["id"], {"phone": [None, "1"]}),
        ("customer.deleted", ada["id"], {"is_active": [True, False]}),
    ]


def test_endpoints_and_deliveries_without_their_secrets(manager: Till, settings: Settings, monkeypatch: Any) -> None:
    monkeypatch.setenv("NETWORKS", "127.0.0.1/32")
    settings.WEBHOOK_ALLOWED_NETWORKS = env.networks("NETWORKS")
    made = manager.post("/webhooks/endpoints", {"url": HOOK, "event_types": ["order.paid"]}).body
    path = f"/webhooks/endpoints/{made['id']}"
    manager.request("PATCH", path, {"ordered": True, "url": f"{HOOK}2"})
    manager.request("PATCH", path, {"ordered": True})
    rotated = manager.post(f"{path}/rotate-secret").body
    delivery = manager.post(f"{path}/ping").body
    manager.post(f"/webhooks/deliveries/{delivery['id']}/retry")
    manager.post(f"{path}/replay", {"since": "2026-01-01T00:00:00+00:00"})
    manager.request("DELETE", path)
    created, *others = trail()
    assert created[:2] == ("endpoint.created", made["id"])
    assert created[2]["url"] == [None, "http://127.0.0.1/"]
    assert others == [
        ("endpoint.updated", made["id"], {"ordered": [False, True], "url": ["http://127.0.0.1/"] * 2}),
        ("endpoint.secret_rotated", made["id"], {}),
        ("endpoint.pinged", made["id"], {}),
        ("delivery.retried", delivery["id"], {}),
        ("endpoint.replayed", made["id"], {"since": [None, "2026-01-01T00:00:00+00:00"]}),
        ("endpoint.deleted", made["id"], {}),
    ]
    told = str(list(AuditEntry.objects.values()))
    assert not [secret for secret in (made["secret"], rotated["secret"], "secret-path", "token") if secret in told]


def test_commands_cancelled_and_retried(pos: Till, manager: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = pos.submit("order.create").body["id"]
    for _ in range(2):
        assert pos.post(f"/commands/{waiting}/cancel").status == 200
    failed = _failed(pos, monkeypatch)
    assert manager.post(f"/commands/{failed}/retry").status == 202
    manager.post(f"/commands/{failed}/retry").problem(409, "not-retryable")
    assert trail() == [("command.cancelled", waiting, {}), ("command.retried", failed, {})]


def _failed(till: Till, monkeypatch: pytest.MonkeyPatch) -> str:
    def explode(*_args: object) -> None:
        raise ZeroDivisionError("a bug")

    kind = registry.find("order.create")
    assert kind is not None
    with monkeypatch.context() as broken:
        broken.setattr(kind.payload, "decide", explode)
        command_id = str(till.submit("order.create").body["id"])
        run_drain()
    return command_id


def test_an_entry_says_who_and_from_where(manager: Till) -> None:
    manager.post("/customers", {"name": "Ada"})
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.via, entry.subject_type, entry.address) == (manager.name, "api", "customer", "127.0.0.1")
    assert entry.client is not None
    assert entry.client.name == manager.name


@pytest.mark.parametrize(
    ("path", "body", "model"),
    [
        ("/products", {"sku": "TEA", "name": "Tea", "price": "1"}, Product),
        ("/customers", {"name": "Ada"}, Customer),
        ("/webhooks/endpoints", {"url": "https://example.com/"}, Endpoint),
    ],
)
def test_what_cannot_be_recorded_is_not_done(
    manager: Till, monkeypatch: pytest.MonkeyPatch, path: str, body: object, model: Any
) -> None:
    """The control of "in the same transaction"."""
    monkeypatch.setattr("api.webhooks._demand_address", lambda _url: None)

    def fail(*_args: object, **_named: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr(audit, "record", fail)
        assert manager.post(path, body).status == 500
    assert not model.objects.exists()
    assert manager.post(path, body).status == 201
    assert (model.objects.count(), AuditEntry.objects.count()) == (1, 1)
