"""The attack simulation, in small; and it never runs where there is something to lose."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from ledger import audit
from tests import make

pytestmark = pytest.mark.django_db


def test_guesses_hit_nothing_the_breaker_trips_and_honest_people_go_on() -> None:
    said = StringIO()
    call_command("simulate_attack", seed=7, scale=0.05, stdout=said)
    _seed, crowd, blind, botnet, leak, strangers = said.getvalue().splitlines()
    assert "0 hits; no alarm; 0 locked" in crowd
    assert "refused 95, unknown 5; 0 hits; no alarm; 1 locked" in blind
    assert "proof asked" in botnet
    assert "0 hits; alarm after 0." in botnet
    assert "0 hits; alarm after" in leak
    assert "0 hits; no alarm; 0 locked" in strangers
    assert "unknown 100" in strangers
    assert not list(audit.differences())


def test_it_refuses_a_database_with_members() -> None:
    make.member()
    with pytest.raises(CommandError):
        call_command("simulate_attack")
