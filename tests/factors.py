"""Second factors of staff in tests: an authenticator app for each person, and sessions that it opened."""

from datetime import UTC, datetime

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.conf import settings
from django.test import Client

from ledger.statements import database_time
from parties import factor_sealing, second_factor
from parties.models import User

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"  # of every app here


def app_of(user: User) -> Authenticator:
    """The person's authenticator app; they get one if they have none."""
    known = Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).first()
    return known or Authenticator.objects.create(
        user=user, type=Authenticator.Type.TOTP, data={"secret": factor_sealing.seal(SECRET)}
    )


def code_at(at: datetime | None = None, *, secret: str = SECRET) -> str:
    """What the app shows at that moment, or now."""
    step = int((at or datetime.now(UTC)).timestamp()) // 30
    shown: str = totp.format_hotp_value(totp.hotp_value(secret, step))
    return shown


def just_now(at: datetime) -> dict[str, datetime]:
    """Moments for a service: the act is at that moment, and the factor was shown then."""
    return {"verified_at": at, "at": at}


def let_in(client: Client, user: User, *, verified_at: datetime | None = None) -> Client:
    """A session of the admin as its sign-in leaves it: the factor was shown at that moment, or just now."""
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    session = client.session
    second_factor.mark(session, authenticator_id=app_of(user).pk, at=verified_at or database_time())
    session.save()
    return client


def session_of(user: User) -> str:
    """The same for a browser: the value of its session cookie."""
    return str(let_in(Client(), user).cookies[settings.SESSION_COOKIE_NAME].value)
