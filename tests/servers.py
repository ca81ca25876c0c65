"""Starts the embedded servers of one test run before Django reads its settings, and ends them with the run.

A plugin for `-p tests.servers`. Servers of your own are used instead when DATABASE_URL, REDIS_URL and BROKER_URL are
all set. With `-n 2` (pytest-xdist) each of the two test processes has servers of its own.
"""

import os
import secrets
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from config import embedded


# A wrapper, because it runs before every other plugin's hook: pytest-django loads the settings in this very hook.
@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ.setdefault("PUBLIC_URL", "http://testserver")  # no TLS ends in front of a test
    given = all(os.environ.get(name) for name in ("DATABASE_URL", "REDIS_URL", "BROKER_URL"))
    if _only_distributes(early_config):
        if given:
            raise pytest.UsageError("-n: several test processes cannot share DATABASE_URL, REDIS_URL and BROKER_URL")
        os.environ["PYTEST_PLUGINS"] = __name__  # what `-p` names comes too late there for this hook
        os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(48))  # nothing here serves, but it imports what does
    elif not given:
        folder = Path(tempfile.mkdtemp(prefix="orderly-tests-"))
        # A clean-up runs at every end: after the last test, after Ctrl-C, and when the command line was wrong.
        early_config.add_cleanup(lambda: embedded.remove(folder))
        try:
            servers = embedded.start(folder, durable=False)
        except embedded.EmbeddedError as error:
            raise pytest.UsageError(str(error)) from None
        os.environ |= {
            "DATABASE_URL": servers.database_url,
            "REDIS_URL": servers.redis_url,
            "BROKER_URL": servers.broker_url,
            "SECRET_KEY": servers.secret_key,
            "DATA_DIR": str(folder),
        }
    return (yield)


def _only_distributes(config: pytest.Config) -> bool:
    """Whether this process has the tests run by others."""
    return "PYTEST_XDIST_WORKER" not in os.environ and bool(getattr(config.known_args_namespace, "numprocesses", None))
