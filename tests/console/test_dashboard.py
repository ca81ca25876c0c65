"""The dashboard's figures are those of the last hour, exact while it is calm and estimated when it is not."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from uuid_utils.compat import uuid7

from store import dashboard, presence
from store.models import Client, Command, Endpoint
from tests.console.desk import Desk
from tests.console.rows import dead_letter
from tests.guards import guards_asleep
from tests.store.shop import Shop, execute
from tests.webhooks import deliver, endpoint

NOW = datetime.now(UTC).replace(second=30, microsecond=0)


def ended(count: int, at: datetime, took_ms: int = 100, code: str | None = None, every_ms: int = 0) -> None:
    """As many finished commands, accepted from `at` on."""
    with guards_asleep():
        execute(
            """
            INSERT INTO command (id, seq, lane, type, status, client_id, idempotency_key, body_hash, payload,
                accepted_at, started_at, finished_at, error)
            SELECT
                (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7000' || left(md5(%s || n), 16))
                    ::uuid,
                nextval('command_seq'), 1, 'order.pay', CASE WHEN %s::text IS NULL THEN 'succeeded' ELSE 'failed' END,
                (SELECT min(id) FROM client), %s || n, '', '{}', at, at, at + %s * interval '1 ms',
                CASE WHEN %s::text IS NOT NULL THEN jsonb_build_object('code', %s::text) END
            FROM (SELECT n, %s::timestamptz + n * %s * interval '1 ms' AS at FROM generate_series(0, %s - 1) n) AS made
            """,
            *(str(uuid7()), code, str(uuid7()), took_ms, code, code, at, every_ms, count),
        )


@pytest.fixture
def client(database: None) -> Client:
    """Whose commands they are."""
    return Client.objects.create(name="till", role="pos")


def minute(ago: int) -> datetime:
    return NOW.replace(second=0) - timedelta(minutes=ago)


def test_counts_what_was_accepted_and_ended_by_minute(client: Client) -> None:
    ended(5, minute(3) + timedelta(seconds=59), took_ms=2_000)
    ended(2, minute(60))
    ended(7, minute(61))
    ended(9, minute(0))
    hour = dashboard.hour(NOW)
    assert hour.minutes[0] == minute(60)
    assert hour.minutes[-1] == minute(1)
    assert (hour.accepted[57], hour.finished[57], hour.finished[58]) == (5, 0, 5)
    assert (hour.accepted[0], sum(hour.accepted), sum(hour.finished)) == (2, 7, 7)
    assert not hour.is_sampled


def test_tells_failures_by_code_the_most_frequent_first(client: Client) -> None:
    ended(1, minute(5), code="poisoned")
    ended(3, minute(5), code="insufficient-stock")
    ended(2, minute(4), code="insufficient-stock")
    hour = dashboard.hour(NOW)
    assert list(hour.failed) == ["insufficient-stock", "poisoned"]
    assert hour.failed["insufficient-stock"][55:57] == [3, 2]
    assert hour.finished[55] == 4


def test_latency_is_from_acceptance_to_the_end(client: Client) -> None:
    ended(94, minute(5), took_ms=10)
    ended(4, minute(5), took_ms=50)
    ended(2, minute(5), took_ms=900)
    hour = dashboard.hour(NOW)
    assert hour.latency[55] == (0.01, 0.05, 0.9)
    assert hour.latency[54] is None


def test_waiting_for_a_payment_provider_is_no_latency_of_ours(client: Client) -> None:
    ended(1, minute(9), took_ms=240_000)
    with guards_asleep():
        Command.objects.update(moved_at=minute(9))
    ended(3, minute(5), took_ms=10)
    hour = dashboard.hour(NOW)
    assert (hour.latency[55], hour.finished[55]) == ((0.01, 0.01, 0.01), 4)


def test_a_busy_hour_is_estimated_and_says_so(client: Client) -> None:
    ended(6_000, minute(5), took_ms=0, every_ms=10)
    hour = dashboard.hour(NOW)
    assert hour.is_sampled
    assert hour.accepted[55] == pytest.approx(6_000, rel=0.02)
    assert hour.finished[55] == pytest.approx(6_000, rel=0.02)
    assert sum(hour.finished) == hour.finished[55]


def test_an_empty_system_has_empty_figures(database: None, reader: Desk) -> None:
    hour = dashboard.hour(NOW)
    assert hour.failed == {}
    assert set(hour.accepted) == {0}
    assert "No command failed in the last hour" in reader.text("")


def tiles(desk: Desk) -> dict[str, tuple[str, bool]]:
    """Value, and whether it wants care, by name."""
    return {each["name"]: (each["value"], each["care"]) for each in desk.get("figures/").json()["tiles"]}


def test_tiles_name_what_wants_care(shop: Shop, reader: Desk) -> None:
    presence.seen("commands@here")
    assert [name for name, (_value, care) in tiles(reader).items() if care] == []


def test_tiles_count_dead_letters_disabled_endpoints_and_late_deliveries(shop: Shop, reader: Desk) -> None:
    dead_letter(shop.pos)
    late = datetime.now(UTC) - timedelta(minutes=2)
    deliver(endpoint(), 3, next_attempt_at=late)
    Endpoint.objects.create(client=Client.objects.get(name="owner"), url="https://x/", secret=b"", is_active=False)
    shop.pos.submit("order.create", {})
    shown = tiles(reader)
    assert shown["Dead letters"] == ("1", True)
    assert shown["Endpoints disabled"] == ("1", True)
    assert shown["Deliveries late"] == ("3", True)
    assert shown["Backlog"][0] == "1"


def test_figures_are_made_once_for_all_who_ask_in_a_few_seconds(shop: Shop, reader: Desk) -> None:
    before = reader.get("figures/").json()
    shop.pos.submit("order.create", {})
    assert reader.get("figures/").json() == before


def test_every_tile_leads_to_a_page_that_is_there(reader: Desk) -> None:
    links = re.findall(r'class="tile[^>]*href="/admin/([^"]+)"', reader.get("").content.decode())
    assert len(links) >= 4
    for link in links:
        assert reader.get(link.replace("&amp;", "&")).status_code == 200


def test_dead_letters_are_counted(shop: Shop) -> None:
    dead_letter(shop.pos)
    assert dashboard.counts().dead == 1
