"""The shop whose rows are attacked."""

import pytest

from tests.store.shop import Shop


@pytest.fixture
def shop(database: None) -> Shop:
    """A till and a manager with two products in stock."""
    return Shop()
