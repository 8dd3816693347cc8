"""A start with a missing or weak setting ends with a sentence that says what to set; the demo makes its own
secrets.
"""

import secrets
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from django.core.exceptions import ImproperlyConfigured

from config.secrets import (
    check_secret_key,
    keep_demo_secrets,
    make_secrets,
    read_master_keys,
    read_number_keys,
    read_seal_keys,
    read_signing_keys,
)
from config.webhooks import read_test_hosts
from tests.config.starts import Start


def test_production_starts_with_everything_set(start: Start, tmp_path: Path) -> None:
    assert start(tmp_path).stdout.split() == ["False", "True"]


@pytest.mark.parametrize("scheme", ["smtp", "smtps", "smtp+tls", "smtp+ssl"])
def test_production_sends_its_mail_through_a_server(start: Start, tmp_path: Path, scheme: str) -> None:
    url = f"{scheme}://user:password@mail.example.com:587"
    assert start(tmp_path, EMAIL_URL=url).stdout.split() == ["False", "True"]


def test_production_is_what_is_meant_when_nothing_is_said(start: Start, tmp_path: Path) -> None:
    assert "SECRET_KEY" in start(tmp_path, TOKUTEN_ENV=None, SECRET_KEY=None).stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", None),
        ("SECRET_KEY", "short"),
        ("SECRET_KEY", "x" * 80),
        ("CODE_MASTER_KEYS", None),
        ("CODE_MASTER_KEYS", "k1:00"),
        ("CODE_MASTER_KEYS", "k1:" + "00" * 32),
        ("CODE_MASTER_KEYS", "0123456789abcdef" * 4),
        ("LEDGER_SEAL_KEYS", None),
        ("LEDGER_SEAL_KEYS", "s1:00"),
        ("LEDGER_SEAL_KEYS", "s1:" + "00" * 32),
        ("LEDGER_SEAL_KEYS", "0123456789abcdef" * 4),
        ("MEMBERSHIP_NUMBER_KEYS", None),
        ("MEMBERSHIP_NUMBER_KEYS", "n1:" + "00" * 32),
        ("SEALS_DIR", None),
        ("CLAIM_JOURNAL_DIR", None),
        ("SITE_URL", None),
        ("SITE_URL", "http://points.example.com"),
        ("ALLOWED_HOSTS", None),
        ("DATABASE_URL", None),
        ("DATABASE_URL", "sqlite:///x.sqlite3"),
        ("REDIS_URL", None),
        ("CELERY_BROKER_URL", None),
        ("EMAIL_URL", None),
        ("EMAIL_URL", "consolemail://"),
        ("EMAIL_URL", "filemail:///var/mail"),
        ("EMAIL_URL", "memorymail://"),
        ("EMAIL_URL", "dummymail://"),
        ("EMAIL_URL", "mail.example.com"),
        ("DEFAULT_FROM_EMAIL", None),
        ("IDP_OIDC_PRIVATE_KEY", "x"),
        ("WEBHOOK_TEST_HOSTS", "127.0.0.1:9000"),
        ("TOKUTEN_ENV", "staging"),
    ],
)
def test_production_does_not_start_with_a_missing_or_weak_setting(
    start: Start, tmp_path: Path, name: str, value: str | None
) -> None:
    outcome = start(tmp_path, **{name: value})

    assert outcome.returncode != 0
    sentence = outcome.stderr.strip().splitlines()[-1]
    assert sentence.startswith("django.core.exceptions.ImproperlyConfigured: ")
    assert name in sentence
    assert value is None or len(value) < 20 or value not in outcome.stderr  # a secret is not repeated


def test_the_demo_makes_its_secrets_once_for_its_owner_alone(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:  # several first starts at once
        made = list(pool.map(lambda _: keep_demo_secrets(tmp_path), range(8)))

    assert all(one == made[0] for one in made)
    assert keep_demo_secrets(tmp_path) == made[0]
    assert check_secret_key(made[0]["SECRET_KEY"])
    assert len(read_master_keys(made[0]["CODE_MASTER_KEYS"])["k1"]) == 32
    assert len(read_seal_keys(made[0]["LEDGER_SEAL_KEYS"])["s1"]) == 32
    assert len(read_signing_keys(made[0]["IDP_OIDC_PRIVATE_KEY"])) == 1
    assert stat.S_IMODE((tmp_path / "secrets.env").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secrets.env"]


def test_the_demo_adds_a_secret_that_its_older_file_lacks(tmp_path: Path) -> None:
    older = {"SECRET_KEY": "x" * 60, "CODE_MASTER_KEYS": "k1:older", "IDP_OIDC_PRIVATE_KEY": "older"}
    (tmp_path / "secrets.env").write_text("".join(f"{name}={value}\n" for name, value in older.items()))

    with ThreadPoolExecutor(8) as pool:  # several starts at once after the upgrade
        kept = list(pool.map(lambda _: keep_demo_secrets(tmp_path), range(8)))

    assert all(one == kept[0] for one in kept)
    assert keep_demo_secrets(tmp_path) == kept[0]
    added = {name: kept[0][name] for name in ("LEDGER_SEAL_KEYS", "MEMBERSHIP_NUMBER_KEYS")}
    assert kept[0] == older | added
    assert read_seal_keys(kept[0]["LEDGER_SEAL_KEYS"])
    assert read_number_keys(kept[0]["MEMBERSHIP_NUMBER_KEYS"])
    assert stat.S_IMODE((tmp_path / "secrets.env").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secrets.env"]


def test_master_keys_are_read_newest_first_and_each_id_once() -> None:
    one, two = secrets.token_hex(32), secrets.token_hex(32)

    assert list(read_master_keys(f"k2:{two}, k1:{one}")) == ["k2", "k1"]
    with pytest.raises(ImproperlyConfigured, match="64 random hex digits"):
        read_master_keys(f"k1:{one},k1:{two}")


def test_the_first_seal_key_makes_new_seals_and_older_ones_are_kept() -> None:
    one, two = secrets.token_hex(32), secrets.token_hex(32)

    assert list(read_seal_keys(f"s2:{two},s1:{one}")) == ["s2", "s1"]
    with pytest.raises(ImproperlyConfigured, match="LEDGER_SEAL_KEYS"):
        read_seal_keys(f"s1:{one},s1:{two}")


def test_made_secrets_differ_each_time() -> None:
    assert make_secrets() != make_secrets()


def _pem(key: RSAPrivateKey | EllipticCurvePrivateKey, password: bytes = b"") -> str:
    lock = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock).decode()


def test_signing_keys_keep_their_order_however_their_lines_are_written() -> None:
    first, second = (_pem(rsa.generate_private_key(65_537, 2048)) for _ in range(2))
    assert read_signing_keys("") == []
    assert read_signing_keys(first) == [first]
    assert read_signing_keys(f"{first}{second}") == [first, second]
    assert read_signing_keys(f"{second.strip()}\n\n{first}".replace("\n", "\\n")) == [second, first]


def test_a_weak_or_broken_signing_key_is_refused_without_being_repeated() -> None:
    good = _pem(rsa.generate_private_key(65_537, 2048))
    weak = [
        _pem(rsa.generate_private_key(65_537, 1024)),  # noqa: S505  # that it is weak is the point
        _pem(rsa.generate_private_key(65_537, 2048), password=b"secret"),
        _pem(ec.generate_private_key(ec.SECP256R1())),
        good[:400],
        good.replace("PRIVATE", "PUBLIC"),
        f"{good}{good}",
        f"{good} and more",
        f"more {good}",
    ]
    for value in weak:
        with pytest.raises(ImproperlyConfigured, match="IDP_OIDC_PRIVATE_KEY is weak or broken") as refusal:
            read_signing_keys(value)
        assert value.splitlines()[1:2] == [] or value.splitlines()[1] not in str(refusal.value)


SENDER = {
    "NOTICE_SENDER_NAME": "Points Inc.",
    "NOTICE_SENDER_ADDRESS": "1-2-3 Chiyoda, Tokyo",
    "SUPPORT_EMAIL": "help@example.com",
}


def test_notices_that_say_who_sends_them_can_be_sent(start: Start, tmp_path: Path) -> None:
    assert start(tmp_path, NOTICE_DAYS="30,7", **SENDER).stdout.split() == ["False", "True"]


@pytest.mark.parametrize("missing", SENDER)
def test_a_notice_has_to_say_who_sends_it(start: Start, tmp_path: Path, missing: str) -> None:
    refused = start(tmp_path, NOTICE_DAYS="30,7", **SENDER | {missing: ""})
    assert "set NOTICE_SENDER_NAME, NOTICE_SENDER_ADDRESS and SUPPORT_EMAIL" in refused.stderr


@pytest.mark.parametrize("days", ["7,30", "7,7", "2", "91", "-1"])
def test_days_of_notices_are_few_and_in_order(start: Start, tmp_path: Path, days: str) -> None:
    assert "NOTICE_DAYS must be days from 90 to 3" in start(tmp_path, NOTICE_DAYS=days, **SENDER).stderr


@pytest.mark.parametrize("host", ["127.0.0.1", ":9000", "127.0.0.1:", "127.0.0.1:http", ""])
def test_a_receiver_for_tests_is_a_host_and_a_port(host: str) -> None:
    assert read_test_hosts(["127.0.0.1:9000"], is_production=False) == {"127.0.0.1:9000"}
    assert read_test_hosts([], is_production=True) == set()
    with pytest.raises(ImproperlyConfigured, match="WEBHOOK_TEST_HOSTS"):
        read_test_hosts([host], is_production=False)
