"""What the commands of `manage.py` share: whatever goes wrong is one line on standard error and exit code 1."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.management.base import CommandError
from django.db import DatabaseError, InterfaceError, OperationalError

from store.clients import ClientNameTaken, TooManyKeys, UnknownClient


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Raise CommandError for an expected no, and for a database that does not answer or has no tables."""
    try:
        yield
    except (ValueError, ClientNameTaken, TooManyKeys, UnknownClient) as error:
        raise CommandError(str(error)) from None
    except (OperationalError, InterfaceError):
        server = "{HOST}:{PORT}".format(**settings.DATABASES["default"])
        raise CommandError(f"no database answers at {server}; run `make up` or set DATABASE_URL") from None
    except DatabaseError as error:
        cause = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CommandError(f"the database is not ready: {cause}; run `make up` or `manage.py migrate`") from None
