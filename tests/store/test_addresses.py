"""Where webhooks may go: every way to write an address that is not public, and every address that is not."""

import ipaddress
import socket
from typing import Any

import pytest
from pytest_django import Settings

from store import addresses
from store.addresses import Refused, checked, parse

PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001:82a::200e", "192.31.196.1"]
NOT_PUBLIC = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.0.9"),
    *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.9", "192.0.0.192", "192.0.2.1"),
    *("192.88.99.1", "192.168.0.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250"),
    *("240.0.0.1", "255.255.255.255", "168.63.129.16"),
    *("::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:8.8.8.8"),
    *("64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:808:808::1", "2001:10::1"),
    *("2001:20::1", "2001:db8::1", "2002:7f00:1::1", "2002:808:808::1", "3fff::1", "5f00::1", "fc00::1"),
    *("fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "ff0e::1", "4000::1"),
]
BY_NUMBER = {
    "0x7f.1": "127.0.0.1",
    "127.1": "127.0.0.1",
    "2130706433": "127.0.0.1",
    "0x7f000001": "127.0.0.1",
    "0177.0.0.1": "127.0.0.1",
    "017700000001": "127.0.0.1",
    "127.0.0.1.": "127.0.0.1",
    "0": "0.0.0.0",
    "10.1": "10.0.0.1",
    "192.168.257": "192.168.1.1",
    "0xA9FEA9FE": "169.254.169.254",
    "169.254.43518": "169.254.169.254",
    "\uff11\uff12\uff17.\uff10.\uff10.\uff11": "127.0.0.1",
    "127。0。0。1": "127.0.0.1",
    "①②⑦.⓪.⓪.①": "127.0.0.1",
    "134744072": "8.8.8.8",
    "0x08.8.010.8": "8.8.8.8",
}
BAD_URLS = [
    *("", "example.com", "//example.com", "ftp://example.com", "file:///etc/passwd", "gopher://example.com"),
    *("https://", "https:///path", "https://:443/", "https://.", "https://..", "https://a..b", "https://-a.example"),
    *("https://user@example.com", "https://user:secret@example.com", "https://@example.com", "https://:@example.com"),
    *("https://example.com#part", "https://example.com/#", "https://8.8.8.8\\@127.0.0.1/", "https://example.com\\.x"),
    *("https://example.com:0", "https://example.com:65536", "https://example.com:-1", "https://example.com:8x"),
    *("https://example.com:80:80", "https://exa mple.com", " https://example.com", "https://example.com/a b"),
    *("https://example.com/\r\nX: y", "https://example.com/\t", "https://exam\nple.com", "https://example.com/\x00"),
    *("https://example.com/\x7f", "https://example.com/\x85", "https://example.com/\u2028", "https://example.com/\ud800"),
    *("https://exa%6dple.com", "https://127.0.0.1%00.example.com", "https://example.com%2f@x"),
    *("https://[::1", "https://::1/", "https://[fe80::1%25eth0]/", "https://[fe80::1%eth0]/", "https://[v1.x]/"),
    *("https://[127.0.0.1]/", "https://[example.com]/", "https://[::1]x/", "https://256.1.1.1", "https://1.2.3.4.5"),
    *("https://08.8.8.8", "https://example.0x", "https://1.2.3.999999", "https://example.123"),
    *(f"https://{'a' * 64}.example", f"https://{'a.' * 127}example", f"https://example.com/{'a' * 2_000}"),
    *("https://xn--a.example\u00ad\u2024", "https://ex\u2100mple.com", "https://\u200d.example", "https://a_\u00e9*.x"),
]  # fmt: skip


def answering(monkeypatch: pytest.MonkeyPatch, *found: str) -> list[str]:
    """Let the resolver find these addresses; the hosts that it was asked for."""
    asked: list[str] = []

    def getaddrinfo(host: str, *_args: object, **_kwargs: object) -> list[Any]:
        asked.append(host)
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_dialled_as_it_is(address: str) -> None:
    destination = checked(f"https://{bracketed(address)}:8443/hook?x=1")
    assert (destination.address, destination.host, destination.port) == (address, address, 8443)
    assert (destination.target, destination.authority) == ("/hook?x=1", f"{bracketed(address)}:8443")


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_refused_written_down_or_resolved(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Refused, match="not public"):
        checked(f"https://{bracketed(address)}/")
    answering(monkeypatch, address)
    with pytest.raises(Refused, match="not public") as refused:
        checked("https://example.com/")
    assert address not in refused.value.detail


@pytest.mark.parametrize("address", [*PUBLIC, *NOT_PUBLIC])
def test_nothing_that_python_does_not_call_global_is_public(address: str) -> None:
    parsed = ipaddress.ip_address(address)
    assert addresses.is_public(parsed) <= parsed.is_global


@pytest.mark.parametrize(("written", "means"), BY_NUMBER.items())
def test_an_address_written_in_an_odd_way_is_judged_by_what_it_means(
    written: str, means: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = answering(monkeypatch, "8.8.4.4")
    url = f"https://{written}/"
    assert parse(url).host == means
    if means in PUBLIC:
        assert checked(url).address == means
    else:
        with pytest.raises(Refused, match="not public"):
            checked(url)
    assert asked == []


@pytest.mark.parametrize("url", BAD_URLS)
def test_a_url_that_is_not_read_alike_by_everybody_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, "8.8.8.8")
    with pytest.raises(Refused):
        checked(url)
    assert asked == []


@pytest.mark.parametrize("found", [["8.8.8.8", "127.0.0.1"], ["10.0.0.1", "8.8.8.8"], ["2606:4700::1", "fe80::1%eth0"]])
def test_one_address_that_is_not_public_spoils_all(found: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, *found)
    with pytest.raises(Refused, match="not public"):
        checked("https://example.com/")


def test_a_name_is_resolved_once_and_the_first_address_is_the_one_to_dial(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, "2606:4700::1", "8.8.8.8", "8.8.8.8")
    destination = checked("https://Example.COM./Päth?q=ü")
    assert asked == ["example.com"]
    assert (destination.address, destination.host, destination.port) == ("2606:4700::1", "example.com", 443)
    assert (destination.target, destination.authority) == ("/P%C3%A4th?q=%C3%BC", "example.com")


def test_an_international_name_is_looked_up_in_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, "8.8.8.8")
    assert checked("https://Bücher.example/").authority == "xn--bcher-kva.example"
    assert asked == ["xn--bcher-kva.example"]


def test_a_name_without_an_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch)
    with pytest.raises(Refused, match="no address"):
        checked("https://example.com/")


def test_plain_http_is_refused_however_public_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, "8.8.8.8")
    with pytest.raises(Refused, match="https"):
        checked("http://example.com/")


def networks(*texts: str) -> tuple[addresses.IPNetwork, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


@pytest.mark.parametrize(
    ("allowed", "host", "good"),
    [
        ("127.0.0.1/32", "127.0.0.1", True),
        ("127.0.0.1/32", "0x7f.1", True),
        ("127.0.0.1/32", "127.0.0.2", False),
        ("127.0.0.1/32", "[::ffff:127.0.0.1]", True),
        ("127.0.0.1/32", "[::ffff:127.0.0.2]", False),
        ("127.0.0.1/32", "[::1]", False),
        ("127.0.0.1/32", "8.8.8.8", False),
        ("::1/128", "[::1]", True),
        ("::1/128", "127.0.0.1", False),
        ("10.0.0.0/8", "10.9.8.7", True),
        ("fd00::/8", "[fd00:ec2::254]", True),
        ("64:ff9b::/96", "[64:ff9b::808:808]", True),
        ("64:ff9b::/96", "[64:ff9b::7f00:1]", False),
        ("64:ff9b::/96", "[64:ff9b::a00:1]", False),
        ("2002::/16", "[2002:7f00:1::1]", False),
        ("0.0.0.0/0", "8.8.8.8", True),
    ],
)
def test_what_the_deployment_allows_may_be_plain_http_and_nothing_behind_it_comes_along(
    settings: Settings, allowed: str, host: str, good: bool
) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = networks(allowed)
    if good:
        checked(f"http://{host}/")
    else:
        with pytest.raises(Refused):
            checked(f"http://{host}/")


def test_an_allowed_address_beside_a_public_one_does_not_make_http_good(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = networks("127.0.0.1/32")
    answering(monkeypatch, "127.0.0.1", "8.8.8.8")
    assert checked("https://example.com/").address == "127.0.0.1"
    with pytest.raises(Refused, match="https"):
        checked("http://example.com/")


def test_localhost_is_resolved_for_real_and_refused() -> None:
    with pytest.raises(Refused, match="not public"):
        checked("https://localhost/")
