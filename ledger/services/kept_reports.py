"""The reports of the accounting as pages ask for them: large ledgers answer with what was counted last."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import QuerySet

from ledger import reports
from ledger.models import Account, AccountKind
from ledger.reports import AccountLine, Estimate, KindLine, Liability, LiabilityStep, Realised, Step
from ledger.services.sheets import Counted
from parties.models import Brand, Program

DAYS_SHOWN, MONTHS_SHOWN = 60, 24
MOST_ACCOUNTS = 500


def _liability(
    program_id: int, brand_ids: Sequence[int] | None, step: str, *, at: datetime
) -> tuple[Liability, list[LiabilityStep]]:
    """What is owed to members, and how that came, by day or by month."""
    program, brands = _of(program_id, brand_ids)
    steps = DAYS_SHOWN if step == Step.DAY else MONTHS_SHOWN
    series = reports.liability_series(program, at=at, step=Step(step), steps=steps, brands=brands)
    return reports.liability(program, at=at, brands=brands), series


def _breakage(
    program_id: int, brand_ids: Sequence[int] | None, *, at: datetime
) -> tuple[list[Realised], list[Estimate]]:
    """What has expired, and what is expected to."""
    program, brands = _of(program_id, brand_ids)
    realised = reports.realised_breakage(program, at=at, brands=brands)
    return realised, reports.expected_breakage(program, at=at, brands=brands)


def _trial(
    program_id: int, brand_ids: Sequence[int] | None, *, at: datetime
) -> tuple[list[KindLine], list[AccountLine]]:
    """By kind (of a whole program alone), and the first accounts but wallets, which are far too many for a
    page: they are one line above. One more than MOST_ACCOUNTS, if there are so many.
    """
    program, brands = _of(program_id, brand_ids)
    own = Account.objects.filter(program=program, opened_at__lte=at).exclude(kind=AccountKind.WALLET)
    accounts = own if brands is None else own.filter(brand__in=brands)
    lines = reports.account_lines(accounts.order_by("brand__name", "kind", "pk")[: MOST_ACCOUNTS + 1], at=at)
    return ([] if brands is not None else reports.trial_balance(program, at=at)), lines


LIABILITY = Counted("liability", tuple[Liability, list[LiabilityStep]], _liability)
BREAKAGE = Counted("breakage", tuple[list[Realised], list[Estimate]], _breakage)
TRIAL = Counted("trial", tuple[list[KindLine], list[AccountLine]], _trial)
KEPT_REPORTS = (LIABILITY, BREAKAGE, TRIAL)


def _of(program_id: int, brand_ids: Sequence[int] | None) -> tuple[Program, QuerySet[Brand] | None]:
    program = Program.objects.get(pk=program_id)
    return program, None if brand_ids is None else Brand.objects.filter(pk__in=brand_ids)
