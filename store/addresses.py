"""Where a webhook may go: one check for registration, ping and every send.

The host is resolved once, every one of its addresses is judged, and the one that was judged is the one to dial. Not
public is whatever Python's `ipaddress` does not call global, and what it does but leads elsewhere all the same: ways
into IPv4 (mapped, compatible, translated, 6to4, Teredo), multicast, and prefixes without a public meaning. Addresses
in WEBHOOK_ALLOWED_NETWORKS may be dialled, and only those by plain http.
"""

import functools
import ipaddress
import re
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import SplitResult, quote, urlsplit

import idna
from django.conf import settings

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

URL_LENGTH_MAX = 2_000
HOST_LENGTH_MAX = 253
_PORTS = {"http": 80, "https": 443}

# Blanks and control characters, which parsers drop or read as ends of lines; the backslash, which some read as a slash.
_FORBIDDEN = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff\\]")
_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
_BRACKETED = re.compile(r"\[[^]]*](:[0-9]*)?")
# A name whose last label is a number is an IPv4 address in one of its old forms (WHATWG URL, "ends in a number").
_NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")

# What Python 3.13 calls global, or might, and what is no public destination. 168.63.129.16 is Azure's own inside.
_PUBLIC_V6 = IPv6Network("2000::/3")
_NOT_PUBLIC: tuple[IPNetwork, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("224.0.0.0/4", "192.88.99.0/24", "192.0.0.0/24", "168.63.129.16/32"),
        *("2001::/23", "2002::/16", "3fff::/20"),
    )
)
# Where the last 32 bits are an IPv4 address; NAT64 (RFC 6052, RFC 8215), mapped, compatible, and SIIT's form.
_ENDS_IN_V4 = tuple(map(IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "::ffff:0:0/96", "::ffff:0:0:0/96", "::/96")))


class Refused(Exception):  # noqa: N818 - an expected no
    """Nothing may be sent there; `detail` says why, in a sentence that names no address inside."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a URL says, before anybody is asked: `host` in ASCII, an address in its usual form and without brackets."""

    url: str
    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """What the header Host says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination(Place):
    """A place that may be sent to, and the one address to dial."""

    address: str


def checked(url: str) -> Destination:
    """Resolve and judge; raises Refused. Asks the resolver, which may take seconds."""
    place = parse(url)
    return judged(place, literal(place.host) or look_up(place.host))


@functools.lru_cache(maxsize=1_024)
def parse(url: str) -> Place:
    """Read a URL strictly, as it will be dialled; raises Refused."""
    if len(url) > URL_LENGTH_MAX:
        raise Refused(f"The URL has more than {URL_LENGTH_MAX:,} characters.")
    if _FORBIDDEN.search(url):
        raise Refused("The URL has a blank, a control character or a backslash in it.")
    if "#" in url:
        raise Refused("The URL has a fragment; nobody would receive it.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Refused("The URL cannot be read, or its port is not 1 to 65535.") from None
    if parts.scheme not in _PORTS:
        raise Refused("The URL must start with https://.")
    if "@" in parts.netloc:
        raise Refused("The URL has a user name in it; webhooks are signed instead.")
    if port == 0:
        raise Refused("The URL's port is not 1 to 65535.")
    return Place(
        url=url, scheme=parts.scheme, host=_host(parts), port=port or _PORTS[parts.scheme], target=_target(parts)
    )


def literal(host: str) -> list[str]:
    """The host itself if it is an address, which needs no resolver."""
    return [host] if _is_address(host) else []


def look_up(host: str) -> list[str]:
    """Every address of the host, the best to dial first; none when it has none, or nobody knows."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(sockaddr[0]) for _family, _type, _proto, _name, sockaddr in found))


def judged(place: Place, addresses: Sequence[str]) -> Destination:
    """The place with the first of its addresses, if it may be dialled at any of them; raises Refused."""
    if not addresses:
        raise Refused("The host has no address.")
    networks: Iterable[IPNetwork] = settings.WEBHOOK_ALLOWED_NETWORKS
    for address in map(ipaddress.ip_address, addresses):
        if _is_allowed(address, networks):
            continue
        if not is_public(address):
            raise Refused("The host has an address that is not public.")
        if place.scheme == "http":
            raise Refused("The URL must start with https://; plain http goes only where the deployment allows it.")
    return Destination(
        url=place.url, scheme=place.scheme, host=place.host, port=place.port, target=place.target, address=addresses[0]
    )


def is_public(address: IPAddress) -> bool:
    """Whether the address belongs to somebody on the internet, and is no way around to another one."""
    if isinstance(address, IPv6Address) and (address not in _PUBLIC_V6 or address.scope_id):
        return False
    return address.is_global and not any(address in network for network in _NOT_PUBLIC)


def _is_allowed(address: IPAddress, networks: Iterable[IPNetwork]) -> bool:
    """Whether the deployment allows it. To allow a way into IPv4 is not to allow what is private behind it."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return _is_allowed(address.ipv4_mapped, networks)
    inside = any(address in network for network in networks)
    return inside and all(is_public(behind) or _is_allowed(behind, networks) for behind in _behind(address))


def _behind(address: IPAddress) -> list[IPv4Address]:
    """The IPv4 addresses that an IPv6 address leads to."""
    if isinstance(address, IPv4Address) or address.is_loopback or address.is_unspecified:
        return []
    if address.teredo:
        return list(address.teredo)
    if address.sixtofour:
        return [address.sixtofour]
    return [IPv4Address(int(address) & 0xFFFF_FFFF)] if any(address in network for network in _ENDS_IN_V4) else []


def _host(parts: SplitResult) -> str:
    name = parts.hostname or ""
    if parts.netloc.startswith("["):
        if "%" in name or not _is_address(name) or not _BRACKETED.fullmatch(parts.netloc):
            raise Refused("The URL's host is no IPv6 address.")
        return IPv6Address(name).compressed
    host = _ascii(name).removesuffix(".")
    if len(host) > HOST_LENGTH_MAX or not _HOST.fullmatch(host):
        raise Refused("The URL's host is no name that can be looked up.")
    if not _NUMERIC.fullmatch(host):
        return host
    try:
        return str(IPv4Address(socket.inet_aton(host)))
    except OSError:
        raise Refused("The URL's host looks like an IPv4 address and is none.") from None


def _ascii(name: str) -> str:
    """A name in any script as the resolver wants it (IDNA 2008, with the mappings of UTS 46)."""
    if name.isascii():
        return name
    try:
        return idna.encode(name, uts46=True).decode()
    except idna.IDNAError:
        raise Refused("The URL's host is no valid international name.") from None


def _target(parts: SplitResult) -> str:
    """Path and query, what is not ASCII in them percent-encoded."""
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return target if target.isascii() else "".join(char if char.isascii() else quote(char) for char in target)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
