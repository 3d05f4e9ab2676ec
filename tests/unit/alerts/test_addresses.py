"""Where webhooks may lead: nowhere that this machine reaches and the public does not."""

import threading
from ipaddress import ip_address

import pytest

from alerts import addresses
from alerts.addresses import RefusedAddressError
from core.errors import TransientCloudError

PUBLIC = ("93.184.215.14", "2606:2800:21f:cb07::1")


def leads_to(*found):
    """A resolver with one answer."""
    return lambda _host, _port: list(found)


def endpoint(url, *found, allowed=()):
    return addresses.endpoint(url, allowed=allowed, resolver=leads_to(*(found or PUBLIC)))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",  # noqa: S104  # refused, not bound
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2002:0a00:0001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:db8::1",
        "3fff::1",
        "100::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_addresses_that_are_not_public_are_refused(address):
    assert not addresses.is_public(ip_address(address))
    with pytest.raises(RefusedAddressError, match="not public"):
        endpoint("https://hooks.example.com/", address)


@pytest.mark.parametrize(
    "address",
    [
        "93.184.215.14",
        "8.8.8.8",
        "100.128.0.1",
        "172.32.0.1",
        "2606:2800:21f:cb07::1",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "2002:808:808::1",
    ],
)
def test_public_addresses_are_taken(address):
    assert endpoint("https://hooks.example.com/", address).addresses == (address,)


def test_one_address_that_is_not_public_is_one_too_many():
    with pytest.raises(RefusedAddressError):
        endpoint("https://hooks.example.com/", *PUBLIC, "10.0.0.1")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://hooks.example.com/", "needs https"),
        ("ftp://hooks.example.com/", "needs a URL"),
        ("file:///etc/passwd", "needs a URL"),
        ("hooks.example.com", "needs a URL"),
        ("https:///path", "name of a host"),
        ("https://user:secret@hooks.example.com/", "no user"),
        ("https://hooks.example.com@127.0.0.1/", "no user"),
        ("https://@127.0.0.1/", "no user"),
        ("https://hooks.example.com:22/", "port"),
        ("https://hooks.example.com:0/", "port"),
        ("https://hooks.example.com:99999/", "needs a URL"),
        ("https://2130706433/", "four decimal"),
        ("https://0x7f000001/", "four decimal"),
        ("https://017700000001/", "four decimal"),
        ("https://127.1/", "four decimal"),
        ("https://0177.0.0.1/", "four decimal"),
        ("https://0x7f.0.0.0x1/", "four decimal"),
        ("https://127.0.0.1./", "not public"),
        ("https://[fe80::1%25eth0]/", "zone"),
        ("https://[::ffff:7f00:1]/", "not public"),
        ("https://①②⑦.⓪.⓪.①/", "ASCII"),
        ("https://hooks.example.com\\@127.0.0.1/", "backslashes"),
        ("https://hooks.example.com /", "spaces"),
        ("https://hooks.example.com/\r\nHost: evil", "spaces"),
    ],
)
def test_urls_that_are_refused_by_their_looks(url, why):
    with pytest.raises(RefusedAddressError, match=why):
        addresses.endpoint(url, allowed=(), resolver=lambda host, _port: [host])


def test_the_system_s_resolver_reads_no_number_past_the_check():
    """C's resolver takes 2130706433 for 127.0.0.1; should one get there, its answer is checked."""
    assert addresses.resolve("2130706433", 443) == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("allowed", "url", "is_taken"),
    [
        (["hooks.internal:8080"], "http://hooks.internal:8080/x", True),
        (["hooks.internal:8080"], "http://hooks.internal:8081/x", False),
        (["hooks.internal:8080"], "http://hooks.internal/x", False),
        (["hooks.internal"], "http://hooks.internal:81/x", True),
        (["HOOKS.internal "], "https://hooks.INTERNAL/x", True),
        (["hooks.internal"], "https://other.internal/x", False),
        (["hooks.internal"], "https://hooks.internal.example.com/x", False),
        (["hooks.internal"], "https://user:secret@hooks.internal/x", False),
        (["[::1]:8080"], "http://[::1]:8080/", True),
        (["127.0.0.1"], "http://127.0.0.1/", True),
        (["127.0.0.1"], "http://2130706433/", False),
    ],
)
def test_only_hosts_that_are_allowed_by_name_may_be_private(allowed, url, is_taken):
    if is_taken:
        assert endpoint(url, "10.0.0.1", allowed=allowed).addresses == ("10.0.0.1",)
    else:
        with pytest.raises(RefusedAddressError):
            endpoint(url, "10.0.0.1", allowed=allowed)


def test_a_name_without_an_address_may_have_one_later():
    with pytest.raises(TransientCloudError):
        addresses.resolve("nowhere.invalid", 443)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://hooks.example.com/", "hooks.example.com"),
        ("https://hooks.example.com:443/", "hooks.example.com"),
        ("https://hooks.example.com:8443/", "hooks.example.com:8443"),
        ("https://[2606:2800:21f:cb07::1]:8443/", "[2606:2800:21f:cb07::1]:8443"),
    ],
)
def test_the_receiver_is_asked_by_the_name_in_the_url(url, host):
    assert endpoint(url).place.netloc == host


# --- When a channel is added -----------------------------------------------------------------
def away(host, _port):
    raise TransientCloudError(f"The name {host} cannot be resolved.")


@pytest.mark.parametrize("resolver", [away, leads_to()], ids=["no answer", "no address"])
def test_a_name_without_an_address_may_be_added(resolver):
    addresses.check("https://hooks.example.com/", allowed=(), resolver=resolver)


def test_a_resolver_that_takes_long_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(addresses, "RESOLVED_WITHIN_S", 0.01)
    go_on = threading.Event()
    try:
        addresses.check("https://hooks.example.com/", allowed=(), resolver=lambda *_: go_on.wait(30) and [])
        assert not go_on.is_set()
    finally:
        go_on.set()


def test_a_name_that_leads_to_a_private_address_may_not_be_added():
    with pytest.raises(RefusedAddressError, match="not public"):
        addresses.check("https://hooks.example.com/", allowed=(), resolver=leads_to(*PUBLIC, "10.0.0.1"))


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3", "[::1]", "[::ffff:10.0.0.1]", "169.254.169.254."])
def test_a_private_address_may_not_be_added_though_the_resolver_is_away(host):
    with pytest.raises(RefusedAddressError, match="not public"):
        addresses.check(f"https://{host}/", allowed=(), resolver=away)


INTERNAL = [
    "localhost",
    "LOCALHOST.",
    "valkey",
    "app.localhost",
    "printer.local",
    "metadata.google.internal",
    "nas.lan",
    "nas.home",
    "nas.home.arpa",
    "wiki.corp",
    "api.default.svc",
    "api.default.svc.cluster.local",
]


@pytest.mark.parametrize("host", INTERNAL)
@pytest.mark.parametrize("resolver", [away, leads_to(*PUBLIC)], ids=["unresolved", "resolved"])
def test_names_of_internal_networks_may_be_added_only_where_they_are_allowed(host, resolver):
    with pytest.raises(RefusedAddressError, match="WEBHOOK_ALLOWED_HOSTS"):
        addresses.check(f"https://{host}/", allowed=(), resolver=resolver)
    addresses.check(f"http://{host}/", allowed=[host.lower().rstrip(".")], resolver=resolver)


@pytest.mark.parametrize(
    "host", ["local.example.com", "internal.example", "mylocal.dev", "8.8.8.8", "[2606:2800:21f:cb07::1]"]
)
def test_what_only_resembles_an_internal_name_may_be_added(host):
    addresses.check(f"https://{host}/", allowed=(), resolver=away)
