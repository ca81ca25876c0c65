"""What stands at the side of every page, and where one is."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse


def groups(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups of links, as the theme takes them."""
    dead = request.GET.get("dead") == "yes"
    commands = _list("command")
    return [
        {
            "title": "Operations",
            "items": [
                _item("Dashboard", "monitoring", reverse("admin:index"), request.path == reverse("admin:index")),
                _item("Commands", "bolt", commands, request.path.startswith(commands) and not dead),
                _item("Dead letters", "heart_broken", f"{commands}?dead=yes", request.path == commands and dead),
            ],
        },
        _shop(request),
        _group(request, "Webhooks", ("Endpoints", "webhook", "endpoint"), ("Deliveries", "outbox", "delivery")),
        _group(
            request,
            "Access",
            ("Clients and keys", "key", "client"),
            ("Audit trail", "history_edu", "auditentry"),
        ),
    ]


def _shop(request: HttpRequest) -> dict[str, Any]:
    takings = reverse("admin:takings")
    group = _group(
        request,
        "Shop",
        ("Orders", "receipt_long", "order"),
        ("Products", "inventory_2", "product"),
        ("Customers", "storefront", "customer"),
    )
    group["items"].append(_item("Takings", "point_of_sale", takings, request.path == takings))
    return group


def environment(request: HttpRequest) -> list[str]:
    """Which system this is, by its address: in red where it is served by https, and so is no toy."""
    return [request.get_host(), "danger" if request.is_secure() else "info"]


def _group(request: HttpRequest, title: str, *links: tuple[str, str, str]) -> dict[str, Any]:
    items = [_item(name, icon, _list(kind), request.path.startswith(_list(kind))) for name, icon, kind in links]
    return {"title": title, "separator": True, "items": items}


def _item(title: str, icon: str, link: str, active: bool) -> dict[str, Any]:  # noqa: FBT001 - where one is
    return {"title": title, "icon": icon, "link": link, "active": (lambda _request: active)}


def _list(kind: str) -> str:
    return reverse(f"admin:store_{kind}_changelist")
