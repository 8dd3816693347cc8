"""Where webhooks may go: every way to write an address that only this server can reach."""

import pytest

from parties.webhooks.addresses import AddressRefused, Target, check_found, is_public, read_address

GOOD = [
    "https://hooks.example.com/",
    "https://hooks.example.com",
    "https://HOOKS.example.com/a/b?c=d&e=%20f",
    "https://hooks.example.com:8443/in",
    "https://xn--fsqu00a.xn--0zwm56d/hooks",
    "https://127.0.0.1.nip.example/",  # a name like others: what it leads to is judged when it is looked up
]
BAD = {
    "http://hooks.example.com/": "scheme",
    "ftp://hooks.example.com/": "scheme",
    "file:///etc/passwd": "scheme",
    "gopher://hooks.example.com/": "scheme",
    "//hooks.example.com/": "scheme",
    "hooks.example.com": "scheme",
    "": "letters",
    "https://": "host",
    "https:///path": "host",
    "https://hooks.example.com:80/": "port",
    "https://hooks.example.com:22/": "port",
    "https://hooks.example.com:6379/": "port",
    "https://hooks.example.com:0/": "port",
    "https://hooks.example.com:99999/": "form",
    "https://hooks.example.com:https/": "form",
    "https://user@hooks.example.com/": "letters",
    "https://user:word@hooks.example.com/": "letters",
    "https://hooks.example.com@127.0.0.1/": "letters",
    "https://hooks.example.com\\@127.0.0.1/": "letters",
    "https://hooks.example.com#@127.0.0.1/": "letters",
    "https://hooks.example.com/\r\nHost: x": "letters",
    "https://hooks.example.com/a b": "letters",
    "https://hooks.example.com./": "host",
    "https://hooks..example.com/": "host",
    "https://-hooks.example.com/": "host",
    "https://localhost/": "host",
    "https://intranet/": "host",
    "https://redis.internal/": "host",
    "https://printer.local/": "host",
    "https://a.localhost/": "host",
    "https://127.0.0.1/": "host",
    "https://127.1/": "host",
    "https://2130706433/": "host",
    "https://0x7f000001/": "host",
    "https://0x7f.0.0.1/": "host",
    "https://127.0.0.0x1/": "host",
    "https://0177.0.0.1/": "host",
    "https://017700000001/": "host",
    "https://10.0.0.1/": "host",
    "https://169.254.169.254/latest/meta-data/": "host",
    "https://8.8.8.8/": "host",
    "https://[::1]/": "letters",
    "https://[::ffff:127.0.0.1]/": "letters",
    "https://[::ffff:7f00:1]/": "letters",
    "https://[fe80::1%25eth0]/": "letters",
    "https://[64:ff9b::7f00:1]/": "letters",
    "https://１２７.０.０.１/": "letters",
    "https://ⓛocalhost/": "letters",
    "https://hooks。example。com/": "letters",
    "https://hooks.example.com/" + "a" * 480: "letters",
    "https://" + "a" * 64 + ".example.com/": "host",
    "https://" + "a." * 130 + "com/": "host",
    "https://127.0.0.1%2f.example.com/": "host",
}
PUBLIC = ["8.8.8.8", "1.1.1.1", "203.0.112.1", "2606:4700::1111", "2a00:1450:4009::1", "64:ff9b::808:808"]
CLOSED = [
    *("127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3"),  # noqa: S104  # refused
    *("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.255.255"),
    *("169.254.169.254", "192.0.0.1", "192.0.0.8", "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1"),
    *("192.88.99.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd12:3456::1", "ff02::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::8.8.8.8"),
    *("2002:7f00:1::", "2002:808:808::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808"),
    *("2001::1", "2001:0:7f00:1::", "2001:db8::1", "2001:10::1", "3fff::1", "5f00::1", "100::1", "4000::1"),
    *("", "localhost", "127.1", "0x7f.1", "8.8.8.8/32", "2606:4700::1111%eth0"),
]


@pytest.mark.parametrize("text", GOOD)
def test_an_address_of_the_internet_is_taken(text: str) -> None:
    target = read_address(text)
    assert (target.scheme, target.is_test) == ("https", False)
    assert target.path.startswith("/")
    assert target.host == target.host.lower()


@pytest.mark.parametrize(("text", "reason"), BAD.items())
def test_any_other_is_refused(text: str, reason: str) -> None:
    with pytest.raises(AddressRefused) as refusal:
        read_address(text)
    assert refusal.value.reason == reason


def test_an_address_is_read_to_the_letter() -> None:
    assert read_address("https://Hooks.Example.com:8443/In?a=B") == Target(
        "https", "hooks.example.com", 8443, "/In?a=B", is_test=False
    )
    assert read_address("https://Hooks.Example.com:8443").place == "hooks.example.com:8443"
    assert read_address("https://hooks.example.com:443").place == "hooks.example.com"


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", CLOSED)
def test_any_other_is_closed(address: str) -> None:
    assert not is_public(address)


def test_one_closed_address_among_others_closes_the_name() -> None:
    target = read_address("https://hooks.example.com/")
    check_found(["8.8.8.8", "2606:4700::1111"], target)
    for found in (["8.8.8.8", "127.0.0.1"], ["fd00::1", "8.8.8.8"], []):
        with pytest.raises(AddressRefused):
            check_found(found, target)


def test_a_test_host_is_one_host_at_one_port() -> None:
    tests = {"127.0.0.1:9000"}
    assert read_address("http://127.0.0.1:9000/in", tests=tests).is_test
    check_found(["127.0.0.1"], read_address("https://127.0.0.1:9000/in", tests=tests))
    for text in (
        "http://127.0.0.1:9001/",
        "http://127.0.0.2:9000/",
        "ftp://127.0.0.1:9000/",
        "http://127.1:9000/",
    ):
        with pytest.raises(AddressRefused):
            read_address(text, tests=tests)
