"""Second factors of staff: made, shown, taken away. One-time codes of an authenticator app (RFC 6238, six
digits, 30 seconds), recovery codes for the day on which the telephone is gone; passkeys are judged by
`redemption_site.passkeys`, which knows WebAuthn.
"""

from datetime import datetime, timedelta

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.utils.crypto import constant_time_compare

from parties import factor_sealing
from parties.errors import FactorRefused, FactorsExhausted, LastFactor
from parties.models import User
from parties.staff_models import FactorGuard

MOST_TRIES = 10
WINDOW = timedelta(minutes=15)
STEP_SECONDS = 30
_STEPS_APART = 1  # of the telephone's clock, either way
_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def factors_of(user: User) -> "QuerySet[Authenticator]":
    """What the person can show at each sign-in, oldest first; recovery codes are no factor of their own."""
    found: QuerySet[Authenticator] = Authenticator.objects.filter(user_id=user.pk, type__in=_FACTORS)
    return found.order_by("pk")


def new_secret() -> str:
    """A secret for an authenticator app: 160 bits in base 32."""
    return str(totp.generate_totp_secret())


def add_app(*, user: User, secret: str, code: str, at: datetime) -> Authenticator:
    """Keep the secret of an authenticator app that gives `code` at `at`. FactorRefused if it does not, or if
    there is an app already; FactorsExhausted after ten tries in a quarter of an hour.
    """
    take_try(user=user, at=at)
    step = _step_of(secret, code, at)
    if step is None:
        raise FactorRefused
    try:
        with transaction.atomic():
            app: Authenticator = totp.TOTP.activate(user, secret).instance
            _win_step(user, step)
    except IntegrityError as taken:
        raise FactorRefused from taken
    forget_tries(user=user)
    return app


def check_code(*, user: User, code: str, at: datetime) -> Authenticator:
    """The factor that gave this code: an app's, each code once, or one of the recovery codes, each once.

    FactorRefused for any other; FactorsExhausted after ten tries in a quarter of an hour.
    """
    take_try(user=user, at=at)
    digits = "".join(code.split()).replace("-", "")
    found = _check_app(user, digits, at) or _check_recovery(user, digits)
    if found is None:
        raise FactorRefused
    forget_tries(user=user)
    return found


def _check_app(user: User, code: str, at: datetime) -> Authenticator | None:
    app: Authenticator | None = factors_of(user).filter(type=Authenticator.Type.TOTP).first()
    if app is None:
        return None
    step = _step_of(factor_sealing.unseal(app.data["secret"]), code, at)
    return app if step is not None and _win_step(user, step) else None


def _check_recovery(user: User, code: str) -> Authenticator | None:
    kept = Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.RECOVERY_CODES).first()
    is_right = kept is not None and code.isascii() and RecoveryCodes(kept).validate_code(code)
    return kept if is_right else None


def _step_of(secret: str, code: str, at: datetime) -> int | None:
    """The step of time that the code belongs to, if it is one of the three around `at`."""
    now, found = int(at.timestamp()) // STEP_SECONDS, None
    for step in range(now - _STEPS_APART, now + _STEPS_APART + 1):
        expected = totp.format_hotp_value(totp.hotp_value(secret, step))
        if constant_time_compare(expected, code):
            found = step
    return found


def _win_step(user: User, step: int) -> bool:
    """Whether no code of this step, or of a later one, was taken before: of two at once one is."""
    taken = FactorGuard.objects.filter(pk=user.pk, newest_step__lt=step).update(newest_step=step)
    return taken == 1


def take_try(*, user: User, at: datetime) -> None:
    """Count a try before it is judged, so that many at once get no more than there are. FactorsExhausted
    after ten in a quarter of an hour; the next one counts from one again.
    """
    FactorGuard.objects.get_or_create(user=user, defaults={"since": at})
    guards = FactorGuard.objects.filter(pk=user.pk)
    guards.filter(since__lte=at - WINDOW).update(since=at, tries=0)
    if not guards.filter(tries__lt=MOST_TRIES).update(tries=F("tries") + 1):
        raise FactorsExhausted


def forget_tries(*, user: User) -> None:
    """After a right one."""
    FactorGuard.objects.filter(pk=user.pk).update(tries=0)


@transaction.atomic
def renew_recovery_codes(*, user: User) -> list[str]:
    """Ten new recovery codes; the old ones are void. The row stays: a session may have been opened by it."""
    kept = RecoveryCodes.activate(user)
    kept.instance.data = {"seed": factor_sealing.seal(RecoveryCodes.generate_seed()), "used_mask": 0}
    kept.instance.save(update_fields=["data"])
    codes: list[str] = kept.generate_codes()
    return codes


def recovery_codes_left(user: User) -> int:
    """How many recovery codes have not been used."""
    kept = Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.RECOVERY_CODES).first()
    return len(RecoveryCodes(kept).get_unused_codes()) if kept else 0


@transaction.atomic
def remove_factor(*, user: User, factor_id: int) -> None:
    """Take away one of several factors; sessions that it opened end. LastFactor if it is the only one."""
    User.objects.select_for_update(no_key=True).get(pk=user.pk)  # two removals at once would take both
    factors = factors_of(user)
    if not factors.exclude(pk=factor_id).exists():
        raise LastFactor
    factors.filter(pk=factor_id).delete()


@transaction.atomic
def reset_factors(*, user: User) -> int:
    """Take away all factors of somebody who lost them, recovery codes too; their sessions end with them, and
    the next sign-in sets up a new one. How many there were.
    """
    gone, _rows = Authenticator.objects.filter(user_id=user.pk).delete()
    return int(gone)
