"""The courier against real receivers, good and bad: everything arrives, signed, and nobody waits for somebody else."""

import datetime as dt
import functools
import ipaddress
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import settings as configured
from django.db import connection
from django.db.models.functions import Now
from pytest_django import Settings
from standardwebhooks import WebhookVerificationError
from structlog.testing import capture_logs

from store import addresses, awake, deliveries, sealing
from store.awake import Sign
from store.models import Delivery, DeliveryAttempt, Endpoint, Event
from tests.polling import until
from tests.receiver import Receiver
from tests.webhooks import DATA, deliver, endpoint, statuses, verified
from worker import courier as couriers
from worker import sending
from worker.courier import Courier
from worker.lines import ANSWER_BYTES_MAX
from worker.resolver import Resolver

PATIENCE_SECONDS = 0.6
"""How long a send may take where a test waits for the end of it, instead of 15 s."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver by plain http."""
    with Receiver().serving() as receiver:
        yield receiver


@pytest.fixture(autouse=True)
def allowed(database: None, settings: Settings) -> None:
    """This machine may be sent to."""
    settings.WEBHOOK_ALLOWED_NETWORKS = (ipaddress.ip_network("127.0.0.1/32"),)
    awake.hide(Sign.COURIER)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has 15 s."""
    monkeypatch.setattr(sending, "SECONDS_MAX", PATIENCE_SECONDS)


@pytest.fixture
def courier() -> Iterator[Courier]:
    """A courier of the test's own."""
    courier = Courier()
    yield courier
    courier.stop()


def ended(*made: Delivery) -> Callable[[], bool]:
    """Whether none of these is pending."""
    return lambda: "pending" not in statuses(made)


def tried(delivery: Delivery) -> Callable[[], DeliveryAttempt | None]:
    """The first attempt of a delivery, once there is one."""
    return lambda: DeliveryAttempt.objects.filter(delivery=delivery).order_by("at").first()


def attempt(courier: Courier, url: str, **columns: Any) -> DeliveryAttempt:
    """What came of a delivery sent there once."""
    [made] = deliver(endpoint(url, **columns))
    courier.wake()
    found: DeliveryAttempt = until(tried(made), "an attempt")
    return found


def test_a_delivery_arrives_as_the_contract_has_it(courier: Courier, receiver: Receiver) -> None:
    [made] = deliver(endpoint(receiver.url("/ok/hook?x=1")))
    courier.wake()
    until(ended(made), "delivered")
    [received] = receiver.received
    event = Event.objects.get()
    assert received.path == "/ok/hook?x=1"
    assert verified(received) == {
        "type": "order.paid",
        "timestamp": event.occurred_at.isoformat().replace("+00:00", "Z"),
        "sequence": None,
        "data": DATA | {"number": 0},
    }
    assert received.webhook_id == str(event.id)
    assert received.headers["content-type"] == "application/json"
    assert received.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert received.headers["user-agent"].startswith("Orderly")
    [attempt] = DeliveryAttempt.objects.all()
    assert (attempt.status, attempt.error, attempt.body) == (200, None, "ok")
    assert statuses([made]) == ["delivered"]


def test_a_rotated_secret_and_the_one_before_both_sign(courier: Courier, receiver: Receiver) -> None:
    new, old = b"n" * 32, b"o" * 32
    to = endpoint(
        receiver.url("/ok/"),
        secret=sealing.seal(new),
        previous_secret=sealing.seal(old),
        previous_secret_until=Now() + dt.timedelta(hours=1),
    )
    until(ended(*deliver_by(courier, to)), "delivered")
    [received] = receiver.received
    verified(received, new)
    verified(received, old)
    with pytest.raises(WebhookVerificationError):
        verified(received)


def deliver_by(courier: Courier, to: Endpoint, count: int = 1) -> list[Delivery]:
    made = deliver(to, count)
    courier.wake()
    return made


def test_each_attempt_has_the_same_id_and_bytes_and_a_signature_of_its_own(
    courier: Courier, receiver: Receiver
) -> None:
    [made] = deliver(endpoint(receiver.url("/flap/")))
    courier.wake()
    until(tried(made), "a first attempt")
    Delivery.objects.update(next_attempt_at=Now())
    courier.wake()
    until(ended(made), "delivered")
    first, second = receiver.received
    assert (first.webhook_id, first.body) == (second.webhook_id, second.body)
    verified(first)
    verified(second)
    assert Counter(DeliveryAttempt.objects.values_list("status", flat=True)) == {500: 1, 200: 1}


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/hang/", "No answer within 0.6 s."),
        ("/drip/", "No answer within 0.6 s."),
        ("/close/", "The connection was closed without an answer."),
        ("/garbage/", "The answer is not HTTP/1.1: "),
    ],
)
def test_no_answer_is_a_failure_told_in_words(courier: Courier, receiver: Receiver, path: str, error: str) -> None:
    told = attempt(courier, receiver.url(path))
    assert (told.status, told.body) == (None, None)
    assert (told.error or "").startswith(error)
    assert told.duration_ms < PATIENCE_SECONDS * 2_000


@pytest.mark.parametrize("status", [301, 400, 404, 500, 503])
def test_an_answer_that_is_no_success_is_a_failure_with_its_body(
    courier: Courier, receiver: Receiver, status: int
) -> None:
    told = attempt(courier, receiver.url(f"/{status}/"))
    assert (told.status, told.body) == (status, "no \N{REPLACEMENT CHARACTER} thanks")
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.attempts_made) == ("pending", 1)
    assert delivery.next_attempt_at is not None
    assert 3 < (delivery.next_attempt_at - told.at).total_seconds() < 7.5


def test_nobody_who_refuses_connections_is_waited_for(courier: Courier, receiver: Receiver) -> None:
    told = attempt(courier, "http://127.0.0.1:1/")
    assert told.error == "The connection failed: Connection refused."


def test_a_redirect_is_a_failure_and_is_not_followed(courier: Courier, receiver: Receiver) -> None:
    told = attempt(courier, receiver.url("/redirect/"))
    assert (told.status, told.error) == (307, "Redirects are not followed.")
    assert [each.path for each in receiver.received] == ["/redirect/"]


def test_an_answer_without_end_is_read_a_bit_and_its_status_counts(courier: Courier, receiver: Receiver) -> None:
    told = attempt(courier, receiver.url("/huge/"))
    assert (told.status, told.body) == (200, "x" * 1_024)
    assert Delivery.objects.get().status == "delivered"
    assert receiver.written < 100 * ANSWER_BYTES_MAX, "what the sockets hold, and no more"


@pytest.mark.usefixtures("hasty")
def test_a_status_that_has_come_counts_even_if_its_body_takes_for_ever(courier: Courier, receiver: Receiver) -> None:
    told = attempt(courier, receiver.url("/slow-body/"))
    assert (told.status, (told.body or "")[:5]) == (200, "hello")
    assert told.duration_ms < PATIENCE_SECONDS * 2_000


def test_a_chunked_answer_is_understood(courier: Courier, receiver: Receiver) -> None:
    assert attempt(courier, receiver.url("/chunked/")).body == "abc"


def test_410_disables_the_endpoint(courier: Courier, receiver: Receiver) -> None:
    to = endpoint(receiver.url("/410/"))
    made = deliver_by(courier, to, 30)
    until(ended(*made), "cancelled")
    assert set(statuses(made)) == {"cancelled"}
    assert not Endpoint.objects.get(id=to.id).is_active


@pytest.mark.parametrize(("path", "seconds"), [("/429-after-120/", 120), ("/503-after-999999/", 86_400)])
def test_a_receiver_that_asks_for_time_gets_it(courier: Courier, receiver: Receiver, path: str, seconds: int) -> None:
    made = deliver_by(courier, endpoint(receiver.url(path)), 20)
    told: DeliveryAttempt = until(DeliveryAttempt.objects.first, "an attempt")
    wait = told.delivery.next_attempt_at
    assert wait is not None
    assert abs((wait - told.at).total_seconds() - seconds) < 5
    until(ended(*deliver_by(courier, endpoint(receiver.url("/ok/")))), "others are served")
    assert len(receiver.ids(path)) <= couriers.ALLOWANCE_FIRST, "the endpoint is left alone as a whole"
    assert set(statuses(made)) == {"pending"}


def test_an_endpoint_that_wants_order_gets_it_while_it_flaps(courier: Courier, receiver: Receiver) -> None:
    to = endpoint(receiver.url("/flap/"), ordered=True)
    orders = [deliver(to, 6, order_id=order.event_id) for order in deliver(endpoint(receiver.url("/ok/")), 3)]
    everything = [each for made in orders for each in made]

    def hurried() -> bool:
        Delivery.objects.filter(status="pending", attempts_made__gt=0, leased_until=None).update(next_attempt_at=Now())
        courier.wake()
        return ended(*everything)()

    until(hurried, "all are delivered")
    for made in orders:
        ids = {str(each.event_id) for each in made}
        came = [each for each in receiver.ids("/flap") if each in ids]
        assert list(dict.fromkeys(came)) == [str(each.event_id) for each in made]


def test_where_it_must_not_go_nothing_is_sent(courier: Courier, receiver: Receiver, settings: Settings) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = ()
    for url, why in {
        receiver.url("/ok/"): "Not sent: The host has an address that is not public.",
        receiver.url("/ok/", "localhost"): "Not sent: The host has an address that is not public.",
        "http://8.8.8.8/": "Not sent: The URL must start with https://; plain http",
    }.items():
        assert (attempt(courier, url).error or "").startswith(why)
    assert receiver.connections == 0


def test_proxies_of_the_environment_are_nobodys_business(
    courier: Courier, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert attempt(courier, receiver.url("/ok/")).status == 200


def test_a_secret_that_cannot_be_read_is_a_failure_and_nothing_is_sent(courier: Courier, receiver: Receiver) -> None:
    told = attempt(courier, receiver.url("/ok/"), secret=b"sealed under another key")
    assert "SECRET_KEY has changed" in (told.error or "")
    assert receiver.received == []


def test_what_nobody_has_thought_of_is_logged_and_stops_nothing(
    courier: Courier, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> bytes:
        raise ZeroDivisionError

    body_of = sending.body_of
    monkeypatch.setattr(sending, "body_of", fail)
    with capture_logs() as logs:
        assert "log has the details" in (attempt(courier, receiver.url("/ok/")).error or "")
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["delivery.failed"]
    monkeypatch.setattr(sending, "body_of", body_of)
    assert attempt(courier, receiver.url("/ok/")).status == 200


def test_connections_are_used_again_and_never_for_another_endpoint(courier: Courier, receiver: Receiver) -> None:
    for number in range(2):
        made = deliver_by(courier, endpoint(receiver.url(f"/ok/{number}")), 100)
        until(ended(*made), "delivered")
    assert len(receiver.received) == 200
    assert 2 <= receiver.connections <= 2 * couriers.ALLOWANCE_MAX


def test_a_dead_endpoint_delays_none_of_twenty_healthy_ones(courier: Courier, receiver: Receiver) -> None:
    dead = endpoint(receiver.url("/hang/"))
    lost = deliver(dead, 1_000)
    healthy = [endpoint(receiver.url(f"/ok/{number}")) for number in range(20)]
    made = [each for to in healthy for each in deliver(to, 50)]
    courier.wake()
    until(ended(*made), "all of the healthy have theirs")
    assert Counter(receiver.ids("/ok")) == {str(each.event_id): 1 for each in made}
    assert set(statuses(made)) == {"delivered"}
    assert set(statuses(lost)) == {"pending"}


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("path", ["/hang/", "/drip/", "/slow-body/"])
def test_an_endpoint_that_is_slow_soon_holds_a_place_or_two(
    courier: Courier, receiver: Receiver, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(couriers, "QUICK_SECONDS", PATIENCE_SECONDS / 2)
    deliver_by(courier, endpoint(receiver.url(path)), 200)
    until(lambda: DeliveryAttempt.objects.count() > 3 * couriers.ALLOWANCE_FIRST, "some have been tried")
    starts = sorted(DeliveryAttempt.objects.values_list("at", flat=True))[2 * couriers.ALLOWANCE_FIRST :]
    patience = dt.timedelta(seconds=PATIENCE_SECONDS * 0.9)
    assert all(sum(start <= each < start + patience for each in starts) <= couriers.ALLOWANCE_MIN for start in starts)


@pytest.mark.usefixtures("hasty")
def test_a_courier_that_is_stopped_ends_what_is_in_flight_and_claims_no_more(
    courier: Courier, receiver: Receiver
) -> None:
    made = deliver_by(courier, endpoint(receiver.url("/hang/")), 50)
    until(lambda: receiver.received, "a send is in flight")
    courier.stop()
    assert DeliveryAttempt.objects.count() == len(receiver.received)
    assert set(statuses(made)) == {"pending"}
    courier.wake()
    until(ended(*deliver_by(courier, endpoint(receiver.url("/ok/")))), "it begins anew when it is woken")


def test_two_couriers_share_the_work_and_send_everything_once(courier: Courier, receiver: Receiver) -> None:
    other = Courier()
    made = [each for number in range(5) for each in deliver(endpoint(receiver.url(f"/ok/{number}")), 100)]
    try:
        courier.wake()
        other.wake()
        until(ended(*made), "delivered")
    finally:
        other.stop()
    assert Counter(receiver.ids()) == {str(each.event_id): 1 for each in made}


def has_received(receiver: Receiver, more_than: int) -> bool:
    return len(receiver.received) > more_than


def test_nothing_is_lost_while_postgresql_hangs_up(courier: Courier, receiver: Receiver) -> None:
    made = [each for number in range(10) for each in deliver(endpoint(receiver.url(f"/ok/{number}")), 100)]
    courier.wake()
    for number in range(3):
        until(functools.partial(has_received, receiver, 100 * (number + 1)), "some have arrived")
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
    until(ended(*made), "delivered")
    assert set(receiver.ids()) == {str(each.event_id) for each in made}


def test_a_try_that_cannot_be_recorded_stands_in_nobodys_way(
    courier: Courier, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = deliveries.record
    bad, good = deliver(endpoint(receiver.url("/ok/bad")))[0], deliver(endpoint(receiver.url("/ok/good")), 20)

    def refuse_one(tries: Any) -> None:
        assert all(each.claimed.id != bad.id for each in tries)
        record(tries)

    monkeypatch.setattr(deliveries, "record", refuse_one)
    with capture_logs() as logs:
        courier.wake()
        until(ended(*good), "the others are recorded")
        until(lambda: any(line["event"] == "delivery.unrecorded" for line in logs), "it is told of")
    assert statuses([bad]) == ["pending"]


def test_its_sign_is_shown_while_it_is_awake_and_down_when_it_waits(courier: Courier, receiver: Receiver) -> None:
    client = redis.Redis.from_url(configured.REDIS_URL)
    made = deliver_by(courier, endpoint(receiver.url("/ok/")), 50)
    until(lambda: awake.is_shown(Sign.COURIER), "the sign is shown")
    until(ended(*made), "delivered")
    until(lambda: not client.exists(Sign.COURIER.value), "the sign is taken down", seconds=1.5)
    client.close()


def test_a_name_server_that_hangs_holds_up_its_own_name_alone(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    asked: list[str] = []

    def look_up(host: str) -> list[str]:
        asked.append(host)
        if host == "hangs.example":
            released.wait(30)
        return ["127.0.0.1"]

    courier = Courier(resolver=Resolver(look_up))
    try:
        lost = deliver(endpoint(receiver.url("/ok/lost", "hangs.example")), 30)
        made = deliver(endpoint(receiver.url("/ok/found", "good.example")), 30)
        courier.wake()
        until(ended(*made), "the others are delivered")
        assert Counter(asked) == {"hangs.example": 1, "good.example": 1}
        until(lambda: DeliveryAttempt.objects.filter(delivery__in=lost).exists(), "the lost ones have been tried")
    finally:
        released.set()
        courier.stop()


# --- TLS ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for hooks.example and its key, in one file that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hooks.example")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hooks.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    kept = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = tmp_path_factory.mktemp("tls") / "hooks.pem"
    file.write_bytes(signed.public_bytes(pem) + kept)
    return file


@pytest.fixture
def secure(certificate: Path) -> Iterator[Receiver]:
    """A receiver by https."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Receiver(tls=context).serving() as receiver:
        yield receiver


@pytest.fixture
def trusting(certificate: Path) -> Iterator[Courier]:
    """A courier that trusts the certificate, and to which every name is this machine's."""
    context = couriers.trusted()
    context.load_verify_locations(certificate)
    courier = Courier(context, Resolver(lambda _host: ["127.0.0.1"]))
    yield courier
    courier.stop()


def test_the_checked_address_is_dialled_with_the_name_in_sni_and_host(trusting: Courier, secure: Receiver) -> None:
    assert attempt(trusting, secure.url("/ok/", "hooks.example")).status == 200
    assert secure.server_names == ["hooks.example"]
    assert secure.received[0].headers["host"] == f"hooks.example:{secure.port}"


def test_a_certificate_for_another_name_is_refused(trusting: Courier, secure: Receiver) -> None:
    told = attempt(trusting, secure.url("/ok/", "other.example"))
    assert (told.error or "").startswith("The certificate was refused: ")
    assert secure.received == []


def test_a_certificate_of_an_unknown_authority_is_refused(secure: Receiver) -> None:
    courier = Courier(resolver=Resolver(lambda _host: ["127.0.0.1"]))
    try:
        told = attempt(courier, secure.url("/ok/", "hooks.example"))
    finally:
        courier.stop()
    assert (told.error or "").startswith("The certificate was refused: ")
    assert secure.received == []


def test_two_names_at_one_address_share_no_connection(trusting: Courier, secure: Receiver) -> None:
    assert attempt(trusting, secure.url("/ok/", "hooks.example")).status == 200
    assert attempt(trusting, secure.url("/ok/", "other.example")).status is None
    assert secure.connections == 1


def test_an_address_is_looked_up_anew_and_refused_once_it_points_inward(
    receiver: Receiver, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: good at registration, bad at the send."""
    monkeypatch.setattr(addresses, "look_up", lambda _host: ["8.8.8.8"])
    settings.WEBHOOK_ALLOWED_NETWORKS = ()
    url = f"https://hooks.example:{receiver.port}/ok/"
    assert addresses.checked(url).address == "8.8.8.8"
    courier = Courier(resolver=Resolver(lambda _host: ["127.0.0.1"]))
    try:
        assert attempt(courier, url).error == "Not sent: The host has an address that is not public."
    finally:
        courier.stop()
    assert receiver.connections == 0
