"""`make demo` on a running system: everything adds up, and money is taken online where there is a provider."""

from collections.abc import Iterator

import pytest

from config.demo.__main__ import Demo
from config.demo.report import Journal, report
from tests.faults.system import running


@pytest.fixture
def journal(request: pytest.FixtureRequest) -> Iterator[Journal]:
    """What a demo has noted on a system with this provider."""
    with running(PAYMENT_PROVIDER=request.param) as system:
        keys = {role: system.register(role, role).removeprefix("Api-Key ") for role in ("pos", "manager")}
        demo = Demo(system.port, keys)
        try:
            demo.run()
        finally:
            demo.close()
        yield demo.journal


@pytest.mark.parametrize(
    ("journal", "online"),
    [
        ("simulator", "online:   7 captured, 1 declined, 2 refunded (simulator)"),
        ("", "online:   none (no payment provider)"),
    ],
    indirect=["journal"],
)
def test_the_demo_adds_up_and_counts_what_was_paid_online(journal: Journal, online: str) -> None:
    lines = report(journal).splitlines()
    assert online in lines
    assert (journal.surprises, journal.expected) == ([], journal.taken)
