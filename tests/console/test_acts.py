"""What is done at the console is done as by the API, by whoever may, and written down; everybody else is refused."""

import re
import uuid

import pytest
from django.contrib.auth.models import User
from django.test import Client as Http

from domain.events import PING
from store import clients
from store.models import ApiKey, AuditEntry, Client, Command, Customer, Delivery, Endpoint, Product
from tests.console.desk import Desk, said, trail
from tests.console.rows import dead_letter, queued, status_of
from tests.store.shop import Shop
from tests.till import run_drain
from tests.webhooks import deliver, endpoint, statuses


def test_cancels_a_queued_command(shop: Shop, boss: Desk) -> None:
    command_id = queued(shop.pos)
    assert "never be executed" in boss.text(f"store/command/{command_id}/cancel/")
    assert status_of(command_id) == "queued"
    assert "Cancelled" in boss.done(f"store/command/{command_id}/cancel/")
    assert status_of(command_id) == "cancelled"
    assert trail() == [("ana", "admin", "command.cancelled", command_id)]


def test_says_that_it_came_too_late(shop: Shop, boss: Desk) -> None:
    command_id = queued(shop.pos)
    run_drain()
    answer = boss.confirm(f"store/command/{command_id}/cancel/")
    assert answer.status_code == 409
    assert "The command is succeeded by now" in said(answer)
    assert trail() == []


def test_retries_a_dead_letter_and_a_worker_executes_it(shop: Shop, boss: Desk) -> None:
    command_id = dead_letter(shop.pos)
    assert "Queued again" in boss.done(f"store/command/{command_id}/retry/")
    assert status_of(command_id) == "queued"
    run_drain()
    assert status_of(command_id) == "succeeded"
    assert boss.confirm(f"store/command/{command_id}/retry/").status_code == 409
    assert trail() == [("ana", "admin", "command.retried", command_id)]


def test_a_refusal_is_no_dead_letter(shop: Shop, boss: Desk) -> None:
    refused = shop.pos.run("order.pay", {"method": "cash"}, order_id=str(uuid.uuid4()))["id"]
    assert "../retry/" not in boss.get(f"store/command/{refused}/change/").content.decode()
    assert boss.confirm(f"store/command/{refused}/retry/").status_code == 409


def test_retries_all_dead_letters_that_the_list_shows(shop: Shop, boss: Desk) -> None:
    first, second = dead_letter(shop.pos), dead_letter(shop.pos, "poisoned")
    other = dead_letter(shop.manager)
    listed = "store/command/retry-dead/?dead=yes&client=till-1"
    assert "There are 2 dead letters on the list" in boss.text(listed)
    assert "2 dead letters queued again" in boss.done(listed)
    assert [status_of(each) for each in (first, second, other)] == ["queued", "queued", "failed"]
    assert [action for _actor, _via, action, _subject in trail()] == ["command.retried"] * 2


def test_retries_no_more_than_the_search_leaves(shop: Shop, boss: Desk) -> None:
    first, second = dead_letter(shop.pos), dead_letter(shop.pos)
    assert "1 dead letter queued again" in boss.done(f"store/command/retry-dead/?dead=yes&q={second}")
    assert [status_of(each) for each in (first, second)] == ["failed", "queued"]


def test_edits_a_product_but_never_its_stock(shop: Shop, boss: Desk) -> None:
    product = Product.objects.get(sku="TEA")
    sent = {"name": "Green tea", "price": "10.5", "currency": "EUR", "low_stock_at": "3", "is_active": "on"}
    path = f"store/product/{product.id}/edit/"
    assert 'value="9.99"' in boss.get(path).content.decode()
    assert "Saved" in boss.done(path, **sent, version=product.version, on_hand=5, sku="MUG2")
    changed = Product.objects.get(id=product.id)
    assert (changed.name, changed.price, changed.low_stock_at, changed.sku) == ("Green tea", 1050, 3, "TEA")
    assert (changed.on_hand, changed.version) == (10, product.version + 1)
    [entry] = AuditEntry.objects.filter(via="admin")
    assert (entry.action, entry.actor) == ("product.updated", "ana")
    assert entry.changes["name"] == ["Tea", "Green tea"]


def test_an_edit_on_an_old_version_is_refused(shop: Shop, boss: Desk) -> None:
    product = Product.objects.get(sku="TEA")
    shop.manager.request("PATCH", f"/products/{product.id}", {"name": "Oolong"})
    sent = {"name": "Green tea", "price": "10.5", "currency": "EUR"}
    answer = boss.confirm(f"store/product/{product.id}/edit/", **sent, version=product.version)
    assert answer.status_code == 409
    assert "meanwhile" in said(answer)
    assert Product.objects.get(id=product.id).name == "Oolong"


@pytest.mark.parametrize(("name", "value"), [("price", "cheap"), ("price", "1.999"), ("currency", "XXX"), ("name", "")])
def test_a_bad_value_is_named_beside_its_field(shop: Shop, boss: Desk, name: str, value: str) -> None:
    product = Product.objects.get(sku="TEA")
    sent = {"name": "Tea", "price": "9.99", "currency": "EUR", "version": product.version} | {name: value}
    answer = boss.confirm(f"store/product/{product.id}/edit/", **sent)
    assert answer.status_code == 400
    field = re.search(rf'for="id_{name}".*?class="wrong">([^<]+)<', answer.content.decode(), re.DOTALL)
    assert field is not None
    assert trail() == []


def test_edits_a_customer(boss: Desk) -> None:
    customer = Customer.objects.create(name="Ana")
    path = f"store/customer/{customer.id}/edit/"
    assert boss.confirm(path, name="Ana", tax_id="52998224724", version=1).status_code == 400
    assert "Saved" in boss.done(path, name="Ana Lima", tax_id="529.982.247-25", is_active="on", version=1)
    customer.refresh_from_db()
    assert (customer.name, customer.tax_id, customer.email, customer.version) == ("Ana Lima", "52998224725", None, 2)


def test_disables_and_enables_an_endpoint(boss: Desk) -> None:
    where = endpoint()
    waiting = deliver(where, 1)
    boss.done(f"store/endpoint/{where.id}/disable/")
    assert not Endpoint.objects.get().is_active
    assert statuses(waiting) == ["cancelled"]
    assert "Disabled by ana" in boss.text(f"store/endpoint/{where.id}/change/")
    boss.done(f"store/endpoint/{where.id}/enable/")
    assert Endpoint.objects.get().is_active
    assert [action for _actor, _via, action, _subject in trail()] == ["endpoint.updated", "endpoint.updated"]


def test_pings_replays_and_sends_again(boss: Desk) -> None:
    where = endpoint()
    [sent] = deliver(where, 1, status="exhausted", next_attempt_at=None)
    boss.done(f"store/delivery/{sent.id}/retry/")
    assert statuses([sent]) == ["pending"]
    boss.done(f"store/endpoint/{where.id}/ping/")
    assert Delivery.objects.filter(event_type=PING).count() == 1
    replay = f"store/endpoint/{where.id}/replay/"
    assert "1 event will be delivered again" in boss.done(replay, since="2020-01-01 00:00")
    assert boss.confirm(replay, since="yesterday").status_code == 400
    assert [action for _actor, _via, action, _subject in trail()] == [
        "delivery.retried", "endpoint.pinged", "endpoint.replayed",
    ]  # fmt: skip


def test_a_new_key_is_shown_once_and_works_until_it_is_revoked(shop: Shop, boss: Desk) -> None:
    client = Client.objects.get(name="till-1")
    answer = boss.confirm(f"store/client/{client.id}/issue-key/")
    assert "no-store" in answer["Cache-Control"]
    found = re.search(r"Api-Key (\S+)", said(answer))
    assert found is not None
    key = found[1]
    prefix, _dot, secret = key.partition(".")
    assert clients.authenticate(key) is not None
    assert prefix in boss.text(f"store/client/{client.id}/change/")
    assert secret not in boss.get(f"store/client/{client.id}/change/").content.decode()
    boss.done(f"store/client/{client.id}/revoke-key/", key=prefix)
    clients.forget()
    assert clients.authenticate(key) is None
    assert boss.confirm(f"store/client/{client.id}/revoke-key/", key=prefix).status_code == 409
    assert ApiKey.objects.filter(revoked_at=None, client=client).count() == 1
    assert secret not in str(list(AuditEntry.objects.values()))


def test_a_key_of_another_client_is_not_revoked(shop: Shop, boss: Desk) -> None:
    client, other = Client.objects.get(name="till-1"), Client.objects.get(name="manager-1")
    prefix = ApiKey.objects.get(client=other).prefix
    assert boss.confirm(f"store/client/{client.id}/revoke-key/", key=prefix).status_code == 409
    assert ApiKey.objects.get(prefix=prefix).revoked_at is None


def test_shuts_a_client_out_and_lets_it_in_again_but_nobody_themselves(shop: Shop, boss: Desk) -> None:
    client = Client.objects.get(name="till-1")
    boss.done(f"store/client/{client.id}/deactivate/")
    assert shop.pos.get("/orders").status == 401
    boss.done(f"store/client/{client.id}/activate/")
    clients.forget()
    assert shop.pos.get("/orders").status == 200
    me = Client.objects.get(name="ana")
    assert boss.confirm(f"store/client/{me.id}/deactivate/").status_code == 409
    assert boss.get("").status_code == 200


def test_makes_clients_and_people(boss: Desk) -> None:
    assert "Api-Key " in said(boss.confirm("store/client/new/", name="till-9", role="pos"))
    boss.done("store/client/new-person/", name="eva", role="auditor", password="correct horse battery")
    assert Client.objects.get(name="eva").user is not None
    assert boss.confirm("store/client/new/", name="till-9", role="pos").status_code == 409
    assert boss.confirm("store/client/new/", name="till 9", role="pos").status_code == 409
    assert boss.confirm("store/client/new/", name="till-10", role="king").status_code == 400
    assert boss.confirm("store/client/new-person/", name="x", role="auditor", password="short").status_code == 400


def everything_that_can_be_done(shop: Shop) -> list[str]:
    where = endpoint()
    [sent] = deliver(where, 1)
    rows = {
        f"command/{queued(shop.pos)}": ("cancel", "retry", "hasten"),
        "command": ("retry-dead",),
        f"product/{Product.objects.get(sku='TEA').id}": ("edit",),
        f"customer/{Customer.objects.create(name='Ana').id}": ("edit",),
        f"endpoint/{where.id}": ("ping", "replay", "disable", "enable"),
        f"delivery/{sent.id}": ("retry",),
        f"client/{Client.objects.get(name='till-1').id}": ("issue-key", "revoke-key", "deactivate", "activate"),
        "client": ("new", "new-person"),
    }
    return [f"store/{row}/{act}/" for row, acts in rows.items() for act in acts]


def test_an_auditor_is_refused_everything_with_a_reason(shop: Shop, reader: Desk) -> None:
    for path in everything_that_can_be_done(shop):
        answer = reader.confirm(path, name="x", role="pos", key="x", since="2020-01-01", version=1)
        assert answer.status_code == 403, path
        assert "Your role, auditor, may read this and not do it" in said(answer)
    assert trail() == []
    assert Command.objects.filter(status="queued").count() == 1


def test_nobody_acts_without_logging_in_or_without_a_token_against_forgery(shop: Shop, boss: Desk) -> None:
    forger = Http(enforce_csrf_checks=True)
    forger.force_login(User.objects.get(username="ana"))
    for path in everything_that_can_be_done(shop):
        assert Http().post(f"/admin/{path}").status_code == 302, path
        assert forger.post(f"/admin/{path}").status_code == 403, path
    assert trail() == []
