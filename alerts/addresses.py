"""Which addresses a webhook may have: nothing that this machine reaches and the public does not (SSRF).

Names are resolved for each delivery, which then connects to the very addresses that were looked at: a name
that leads elsewhere a moment later leads nowhere. So when a channel is added, a resolver that is away is no
reason to refuse a name.

Source: IANA special-purpose address registries; RFC 6761, 6762 and 8375; ICANN's resolution 2018.02.04.12
(home, corp) and its reservation of `internal`; OWASP's SSRF prevention cheat sheet.
"""

import re
import socket
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from threading import Thread
from urllib.parse import SplitResult, urlsplit

from core.errors import InvalidInputError, TransientCloudError

Address = IPv4Address | IPv6Address
Resolver = Callable[[str, int], Sequence[str]]

RESOLVED_WITHIN_S = 3.0
"""How long whoever adds a channel waits for the addresses of a name."""

_PORTS = {"http": 80, "https": 443}
_FIRST_FREE_PORT = 1024
_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
# What the resolver of C reads as an IPv4 address: its last part is a number, whatever the base.
_NUMBER = re.compile(r"(\d+|0x[0-9a-f]*)")
# Not told apart by every Python, or not by the word "global".
_REFUSED_4 = (
    IPv4Network("100.64.0.0/10"),  # carrier-grade NAT; Alibaba's metadata are in it, too
    IPv4Network("168.63.129.16/32"),  # what Azure's machines ask
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),  # relays of 6to4
    IPv4Network("198.18.0.0/15"),
)
_REFUSED_6 = (
    IPv6Network("::/96"),
    IPv6Network("64:ff9b:1::/48"),  # NAT64 of a site
    IPv6Network("100::/64"),
    IPv6Network("2001::/23"),  # Teredo and others
    IPv6Network("2001:db8::/32"),
    IPv6Network("3fff::/20"),
    IPv6Network("5f00::/16"),
    IPv6Network("fc00::/7"),
    IPv6Network("fec0::/10"),
)
# What names end with that mean something within a network only.
_INTERNAL = (
    "corp",
    "home",
    "home.arpa",
    "internal",
    "intranet",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "private",
    "svc",
)
_NAT64 = IPv6Network("64:ff9b::/96")


class RefusedAddressError(InvalidInputError):
    """Nothing is sent to this address, today and tomorrow."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an URL leads."""

    scheme: str
    host: str
    port: int

    @property
    def netloc(self) -> str:
        """The value of the header Host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def is_address(self) -> bool:
        """Whether the host is written as an address; parsed, it is one that everybody reads alike."""
        return ":" in self.host or _is_dotted(self.host)

    @property
    def is_internal(self) -> bool:
        """Whether the host's name, by its looks, means something within a network only."""
        is_bare = "." not in self.host
        return not self.is_address and (is_bare or self.host.endswith(tuple(f".{end}" for end in _INTERNAL)))

    def is_among(self, allowed: Collection[str]) -> bool:
        """Say whether it is one of these hosts; `host` stands for all ports, `host:port` for one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        names = {host, self.host, f"{host}:{self.port}"}
        return not names.isdisjoint(each.strip().lower() for each in allowed)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an URL leads, with the addresses that may be connected to."""

    place: Place
    addresses: tuple[str, ...]


def check(url: str, *, allowed: Collection[str], resolver: Resolver | None = None) -> None:
    """Accept an URL that may be delivered to, though its name may have no address at the moment.

    Raises: RefusedAddressError.
    """
    place = parse(url, allowed=allowed)
    if place.is_among(allowed):
        return
    if place.is_internal:
        raise RefusedAddressError(
            f"{place.host} is a name within a network; only WEBHOOK_ALLOWED_HOSTS can allow it."
        )
    try:
        found = [place.host] if place.is_address else _resolved_in_time(resolver or resolve, place)
    except TransientCloudError:
        return
    _refuse_private(place, found)


def _resolved_in_time(resolver: Resolver, place: Place) -> Sequence[str]:
    """Return what the resolver finds. Raises: TransientCloudError, also where that takes long."""
    answer: Future[Sequence[str]] = Future()
    # The system's resolver cannot be interrupted, and is not to hold up the end of the process.
    Thread(target=_resolve_into, args=(answer, resolver, place), daemon=True).start()
    try:
        return answer.result(timeout=RESOLVED_WITHIN_S)
    except TimeoutError as error:
        raise TransientCloudError(f"The name {place.host} takes long to be resolved.") from error


def _resolve_into(answer: Future[Sequence[str]], resolver: Resolver, place: Place) -> None:
    try:
        answer.set_result(resolver(place.host, place.port))
    except Exception as error:  # noqa: BLE001 - raised again where the answer is waited for
        answer.set_exception(error)


def _refuse_private(place: Place, found: Sequence[str]) -> None:
    if not all(is_public(ip_address(each)) for each in found):
        raise RefusedAddressError(f"{place.host} leads to an address that is not public.")


def endpoint(url: str, *, allowed: Collection[str], resolver: Resolver | None = None) -> Endpoint:
    """Return where the URL leads; `allowed` hosts may be private, and be spoken to without TLS.

    Raises: RefusedAddressError, or TransientCloudError for a name that has no address now.
    """
    place = parse(url, allowed=allowed)
    found = (resolver or resolve)(place.host, place.port)
    if not found:
        raise TransientCloudError(f"{place.host} has no address.")
    if not place.is_among(allowed):
        _refuse_private(place, found)
    return Endpoint(place, tuple(found))


def parse(url: str, *, allowed: Collection[str]) -> Place:
    """Return where the URL leads, as far as it can be told from its text. Raises: RefusedAddressError."""
    try:
        parts = urlsplit(url)
        port = _PORTS[parts.scheme] if parts.port is None else parts.port
        place = Place(parts.scheme, (parts.hostname or "").rstrip("."), port)
    except (ValueError, KeyError) as error:
        raise RefusedAddressError("A webhook needs a URL: https://host/path") from error
    _refuse_odd(url, parts, place)
    if place.is_among(allowed):
        return place
    if place.scheme != "https":
        raise RefusedAddressError("A webhook needs https.")
    if place.port != _PORTS["https"] and place.port < _FIRST_FREE_PORT:
        raise RefusedAddressError(f"A webhook's port is 443 or at least {_FIRST_FREE_PORT}.")
    return place


def _refuse_odd(url: str, parts: SplitResult, place: Place) -> None:
    """Refuse what programs do not agree on how to read. Raises: RefusedAddressError."""
    if not url.isascii() or re.search(r"[\s\\\x00-\x20\x7f]", url):
        raise RefusedAddressError("A URL has no spaces, backslashes and letters beyond ASCII.")
    if parts.username is not None or parts.password is not None:
        raise RefusedAddressError("A webhook's URL holds no user and no password.")
    if ":" in place.host:
        return _refuse_zone(place.host)
    if not _NAME.fullmatch(place.host):
        raise RefusedAddressError("A webhook's URL needs the name of a host.")
    if _NUMBER.fullmatch(place.host.rpartition(".")[2]) and not _is_dotted(place.host):
        raise RefusedAddressError("An IPv4 address is written as four decimal numbers.")
    return None


def _refuse_zone(host: str) -> None:
    if "%" in host:
        raise RefusedAddressError("An IPv6 address with a zone leads nowhere public.")
    ip_address(host)  # urlsplit has looked at what is in brackets


def _is_dotted(host: str) -> bool:
    try:
        IPv4Address(host)
    except ValueError:
        return False
    return True


def is_public(address: Address) -> bool:
    """Say whether everybody reaches the same machine there; an address within an address counts, too."""
    if isinstance(address, IPv6Address):
        inner = _within(address)
        return is_public(inner) if inner is not None else _is_global(address, _REFUSED_6)
    return _is_global(address, _REFUSED_4)


def _within(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that packets to this one end up at, by mapping, 6to4 or NAT64."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _is_global(address: Address, refused: Sequence[IPv4Network | IPv6Network]) -> bool:
    special = address.is_multicast or address.is_reserved or address.is_link_local or address.is_unspecified
    return address.is_global and not special and not any(address in network for network in refused)


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host, each once; the system's order. Raises: TransientCloudError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise TransientCloudError(f"The name {host} cannot be resolved.") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))
