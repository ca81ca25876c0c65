"""`manage.py list_clients`: who may come in, with the keys they may use."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db.models import Prefetch

from config.console import one_line_errors
from store.models import ApiKey, Client


class Command(BaseCommand):
    """Prints a line for each client, and below it one for each of its live keys."""

    help = "List clients, their roles, and their live keys with the time of their last use."
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        """List, or say in one line why not."""
        live = Prefetch("keys", ApiKey.objects.filter(revoked_at=None).order_by("created_at"))
        with one_line_errors():
            for client in Client.objects.order_by("name").prefetch_related(live):
                kind = "person" if client.user_id else "machine"
                state = "active" if client.is_active else "inactive"
                self.stdout.write(f"{client.name:<32} {client.role:<12} {kind:<8} {state}")
                for key in client.keys.all():
                    used = f"used {key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never used"
                    self.stdout.write(f"    {key.prefix}  created {key.created_at:%Y-%m-%d %H:%M}, {used} (UTC)")
