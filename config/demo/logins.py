"""Who may sign in to the admin of the demo: people of each brand and of the operator, and their passwords."""

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from parties.models import Brand, Program, Role, StaffRole, User

OF_BRANDS = {
    "marketer": Role.MARKETER,
    "approver": Role.APPROVER,
    "finance": Role.FINANCE,
    "finance2": Role.FINANCE,
}
OF_OPERATOR = {
    "finance": Role.FINANCE,
    "finance2": Role.FINANCE,
    "auditor": Role.AUDITOR,
    "support": Role.SUPPORT,
}


class Login(NamedTuple):
    """A way into the admin."""

    email: str
    password: str
    what: str


class Passwords:
    """Random passwords of the demo's log-ins, and its API keys, in a file that only its owner can read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}

    def of(self, email: str) -> str:
        return self.remember(email, lambda: f"demo-{secrets.token_hex(6)}")

    def remember(self, name: str, make: Callable[[], str]) -> str:
        """What stands under that name, made at the first call."""
        if name not in self._known:
            self._known[name] = make()
            draft = self._path.with_suffix(".draft")
            draft.touch(mode=0o600)
            draft.write_text(json.dumps(self._known, indent=1))
            draft.rename(self._path)
        return self._known[name]


def staff_login(who: Brand | Program, name: str, role: Role, passwords: Passwords) -> Login:
    """One person of the brand, or of the program's operator."""
    brand = who if isinstance(who, Brand) else None
    email = f"{name}@{who.slug}.example"
    user, password = _user(email, passwords)
    StaffRole.objects.get_or_create(user=user, brand=brand, role=role)
    return Login(email, password, f"{role.value} · {who.name if brand else 'operator'}")


def superuser_login(program: Program, passwords: Passwords) -> Login:
    """Keeps people, companies and keys of partner systems, and holds no role: no part in acts with money."""
    email = f"admin@{program.slug}.example"
    user, password = _user(email, passwords)
    User.objects.filter(pk=user.pk, is_superuser=False).update(is_superuser=True)
    return Login(email, password, "superuser · people, companies, API keys")


def _user(email: str, passwords: Passwords) -> tuple[User, str]:
    """A person of the staff, whose password is the one that is told."""
    user = User.objects.filter(email=email).first() or User.objects.create_user(email, is_staff=True)
    password = passwords.of(email)
    if not user.has_usable_password() or not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])
    return user, password
