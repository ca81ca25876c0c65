"""`manage.py deactivate_client NAME`: a machine or a person that is let in no longer, keys and password or not."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from config.console import one_line_errors
from store.audit import at_console
from store.clients import set_active


class Command(BaseCommand):
    """Prints one line; the same when it was so already."""

    help = "Let a client in no longer, a second later in every process."
    requires_system_checks = ()
    active = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Who."""
        parser.add_argument("name", nargs="?", default="", metavar="NAME")

    def handle(self, *_args: Any, name: str, **_options: Any) -> None:
        """Do it, or say in one line why not."""
        with one_line_errors():
            set_active(name, self.active, at_console())
        self.stdout.write(f"{name} is {'active' if self.active else 'inactive'}.")
