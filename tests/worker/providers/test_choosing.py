"""The provider that a deployment names, and what its variables must be."""

import subprocess
import sys
from pathlib import Path

import pytest

from config.processes import PROJECT
from tests.config.running import environment
from worker.providers import Provider
from worker.providers.choosing import provider_named
from worker.providers.simulator import Simulator
from worker.providers.stripe import Stripe


def named(name: str) -> Provider | None:
    return provider_named(name, timeout_seconds=1, stripe_key="sk_test_1", stripe_base="http://127.0.0.1:1")


def test_the_provider_is_the_one_that_is_named() -> None:
    assert named("") is None
    assert isinstance(named("simulator"), Simulator)
    assert isinstance(named("stripe"), Stripe)
    with pytest.raises(AssertionError, match="'cash'"):
        named("cash")


def ran(code: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A process with no more variables than these."""
    given = environment(DATA_DIR=str(folder), DJANGO_SETTINGS_MODULE="config.settings", **variables)
    argv = [sys.executable, "-W", "ignore", "-c", code]
    return subprocess.run(argv, cwd=PROJECT, env=given, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("name", ["", "simulator"])
def test_stripes_library_is_loaded_only_where_it_is_chosen(tmp_path: Path, name: str) -> None:
    code = f"""
import django; django.setup()
import sys
from worker.providers.choosing import provider_named
provider_named({name!r}, timeout_seconds=1, stripe_key="", stripe_base="")
assert "stripe" not in sys.modules
"""
    done = ran(code, tmp_path, SECRET_KEY="x" * 50)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({"PAYMENT_PROVIDER": "stripe"}, "STRIPE_API_KEY: not set, and PAYMENT_PROVIDER=stripe needs it"),
        ({"STRIPE_API_KEY": "pk_live_1"}, "STRIPE_API_KEY: must be one word that starts with sk_ or rk_"),
        ({"PAYMENT_PROVIDER": "paypal"}, "PAYMENT_PROVIDER: 'paypal' is unknown; set one of simulator, stripe"),
        ({"PAYMENT_TIMEOUT_SECONDS": "61"}, "PAYMENT_TIMEOUT_SECONDS: 61 is out of range; set 1 to 60"),
        ({"STRIPE_API_BASE": "api.stripe.com"}, "STRIPE_API_BASE: must be a URL that starts with https:// or http://"),
    ],
)
def test_a_bad_variable_stops_the_start_with_one_line(tmp_path: Path, variables: dict[str, str], line: str) -> None:
    done = ran("import config.settings", tmp_path, SECRET_KEY="x" * 50, **variables)
    assert (done.returncode, done.stderr.splitlines()) == (1, [line])
