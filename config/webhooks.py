"""Receivers of webhooks on this machine, for tests and the demo, from the environment."""

from collections.abc import Sequence

from django.core.exceptions import ImproperlyConfigured


def read_test_hosts(hosts: Sequence[str], *, is_production: bool) -> frozenset[str]:
    """The "host:port" that webhooks may go to by http, and on this machine; ImproperlyConfigured in
    production, where nobody may be sent there, and for what is no host and port.
    """
    if hosts and is_production:
        raise ImproperlyConfigured(
            "WEBHOOK_TEST_HOSTS lets webhooks into this machine's own network: leave it out in production."
        )
    for host in hosts:
        name, _, port = host.rpartition(":")
        if not name or not port.isdecimal():
            raise ImproperlyConfigured(
                "WEBHOOK_TEST_HOSTS must be host:port[,host:port...], for example 127.0.0.1:9000"
            )
    return frozenset(hosts)
