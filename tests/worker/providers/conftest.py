"""A Stripe on this machine."""

from collections.abc import Iterator

import pytest

from tests.stripe_stand_in import StandIn, localstripe


@pytest.fixture(scope="module")
def localstripe_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """One localstripe for all tests of a file."""
    with localstripe(tmp_path_factory.mktemp("localstripe") / "log") as port:
        yield port


@pytest.fixture
def stand_in(localstripe_port: int) -> Iterator[StandIn]:
    """A Stripe in which nothing was ever paid."""
    with StandIn(localstripe_port).serving() as serving:
        yield serving
