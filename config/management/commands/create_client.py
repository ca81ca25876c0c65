"""`manage.py create_client NAME --role ROLE`: a client with one API key, shown this once and kept as a hash."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError, OperationalError

from domain.registry import ROLES
from store.clients import ClientNameTaken, create_client


class Command(BaseCommand):
    """Prints exactly one line, `Api-Key prefix.secret`; an error is one line on standard error and exit code 1."""

    help = "Create a client and print its API key, which is not shown again."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Both are checked below: argparse would answer with its usage and exit code 2."""
        parser.add_argument("name", nargs="?", default="", metavar="NAME", help="1 to 64 of A-Z a-z 0-9 . _ -")
        parser.add_argument("--role", default="", help=", ".join(ROLES))

    def handle(self, *_args: Any, name: str, role: str, **_options: Any) -> None:
        """Create, or say in one line why not."""
        try:
            key = create_client(name, role)
        except (ValueError, ClientNameTaken) as error:
            raise CommandError(str(error)) from None
        except (OperationalError, InterfaceError):
            server = "{HOST}:{PORT}".format(**settings.DATABASES["default"])
            raise CommandError(f"no database answers at {server}; run `make up` or set DATABASE_URL") from None
        except DatabaseError as error:
            cause = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise CommandError(f"the database is not ready: {cause}; run `make up` or `manage.py migrate`") from None
        self.stdout.write(f"Api-Key {key}")
