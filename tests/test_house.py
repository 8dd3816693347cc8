"""The rules of the house that a machine can hold: what may be in the repository, how it hangs together."""

import os
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

ROOT = Path(__file__).parent.parent
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
LONGEST_MODULE = 400  # lines

# Put together here, so that this file does not hold what it looks for.
REGISTRY_HOSTS = [
    f"{name}.{domain}"
    for name, domain in [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("unpkg", "com"),
        ("jsdelivr", "net"),
        ("crates", "io"),
        ("rubygems", "org"),
        ("deb.debian", "org"),
        ("archive.ubuntu", "com"),
    ]
]
PASSED_OVER_TESTS = [
    "mark." + "skip",
    "mark." + "xfail",
    "pytest." + "skip(",
    "pytest." + "xfail(",
    "importor" + "skip",
]
A_SECRET = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----|CODE_MASTER_KEYS\s*=\s*[\"']?\w+:[0-9a-fA-F]{64}")


def git(*arguments: str) -> str:
    # The checkout may belong to another user, as in a container: that is no reason not to read it.
    command = ["git", "-c", "safe.directory=*", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def in_the_repository(*patterns: str) -> list[Path]:
    """The files that are committed or would be, all or those that match one of git's patterns."""
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns)
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def holding(needles: list[str], files: list[Path]) -> list[str]:
    found = re.compile(b"|".join(re.escape(needle.encode()) for needle in needles), re.IGNORECASE)
    return [f"{path}: {hit[0].decode()}" for path in files if (hit := found.search(path.read_bytes()))]


@pytest.mark.django_db
def test_the_tests_run_on_the_database_that_was_asked_for() -> None:
    assert connection.vendor == os.environ["TOKUTEN_TEST_DB"]


def test_no_file_names_a_package_registry() -> None:
    assert holding(REGISTRY_HOSTS, in_the_repository()) == []


def test_a_file_that_names_one_would_be_found(tmp_path: Path) -> None:
    named = tmp_path / "lock"
    named.write_text(f"--index-url https://{REGISTRY_HOSTS[0].upper()}/simple")
    assert len(holding(REGISTRY_HOSTS, [named])) == 1


def test_no_secret_and_no_run_time_file_is_in_the_repository() -> None:
    kept = [str(path.relative_to(ROOT)) for path in in_the_repository()]
    assert [name for name in kept if name.startswith(("var/", ".venv/", ".boot/"))] == []
    assert [
        name for name in kept if name.endswith((".sqlite3", ".env", ".zip", ".age", ".pem", ".key"))
    ] == []
    assert [path.name for path in in_the_repository() if A_SECRET.search(path.read_bytes())] == []


def test_what_the_demo_writes_is_ignored() -> None:
    written = [
        "var/secrets.env",
        "var/tokuten.sqlite3",
        "var/deliveries/sealed.zip",
        "var/queue/messages/1.msg",
    ]
    assert git("check-ignore", *written).split() == written


def test_no_test_is_passed_over() -> None:
    assert holding(PASSED_OVER_TESTS, in_the_repository("tests/*.py")) == []


def test_imports_keep_the_contracts() -> None:
    # In a process of its own: it sets up logging anew, and silences what other tests listen to.
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    said = StringIO()
    try:
        call_command("makemigrations", check_changes=True, dry_run=True, stdout=said)
    except SystemExit:
        pytest.fail(said.getvalue())


def test_no_module_is_longer_than_a_reader_can_hold() -> None:
    modules = [path for path in in_the_repository("*.py") if "migrations" not in path.parts]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in modules}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_MODULE} == {}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_pins_every_package_by_hash_and_names_no_place(lock: Path) -> None:
    entries = requirements_of(lock)
    assert entries
    assert [name for name, (version, hashes) in entries.items() if not (version and hashes)] == []
    assert re.findall(r"\S*(?:://|file:|--find-links|--index)\S*", lock.read_text()) == []


def test_the_demo_runs_on_the_versions_that_are_tested() -> None:
    base, dev = (
        requirements_of(ROOT / "requirements/base.lock"),
        requirements_of(ROOT / "requirements/dev.lock"),
    )
    assert {name: entry for name, entry in base.items() if dev.get(name) != entry} == {}


def requirements_of(lock: Path) -> dict[str, tuple[str, list[str]]]:
    """Version and hashes of each requirement; one for some Pythons only goes by its name and marker."""
    text = re.sub(r"^#.*\n", "", lock.read_text(), flags=re.MULTILINE).replace("\\\n", "")
    entries = {}
    for line in text.splitlines():
        requirement, _, hashes = line.partition("--hash=")
        pinned, _, marker = requirement.strip().partition(" ; ")
        name, _, version = pinned.partition("==")
        entries[f"{name} {marker}".strip()] = (version, re.findall(r"sha256:[0-9a-f]{64}", hashes))
    return entries
