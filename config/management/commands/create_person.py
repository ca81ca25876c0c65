"""`manage.py create_person NAME --role ROLE`: somebody who logs in with a password."""

import secrets
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from config.console import one_line_errors
from domain.registry import ROLES
from store.audit import at_console
from store.clients import create_person


class Command(BaseCommand):
    """Prints one line: the password, if it was made here."""

    help = "Create a person, who gets tokens for the API and, with some roles, into the admin."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """All are checked below, as in create_client."""
        parser.add_argument("name", nargs="?", default="", metavar="NAME", help="1 to 64 of A-Z a-z 0-9 . _ -")
        parser.add_argument("--role", default="", help=", ".join(ROLES))
        parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")

    def handle(self, *_args: Any, name: str, role: str, password_stdin: bool, **_options: Any) -> None:
        """Create, or say in one line why not."""
        password = chosen_password(from_stdin=password_stdin)
        with one_line_errors():
            create_person(name, role, password, at_console())
        self.stdout.write(f"{name} can log in." if password_stdin else f"Password {password}")


def chosen_password(*, from_stdin: bool) -> str:
    """The first line of standard input, or one made of 144 random bits."""
    return sys.stdin.readline().rstrip("\r\n") if from_stdin else secrets.token_urlsafe(18)
