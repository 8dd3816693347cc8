"""What members wrote goes when they are erased and when it is old; what was found and done stays."""

from datetime import timedelta

import pytest

from campaigns import services as campaigns
from campaigns import tasks
from campaigns.dispute_models import Act, Dispute, DisputeEvidence, DisputeMessage, DisputeNotice
from tests import make
from tests.campaigns import promos, tickets
from tests.giftcodes.guarded import attempt
from tests.make import NOON

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def lines_of(dispute: Dispute) -> list[tuple[str, str]]:
    return list(DisputeMessage.objects.filter(dispute=dispute).order_by("pk").values_list("act", "text"))


def test_erasing_a_member_empties_their_words_and_keeps_the_evidence() -> None:
    batch, member, other = tickets.ordered_batch(promos.team()), make.member(), tickets.opened()
    attempt(make.code_of(batch), make.member())
    reference = tickets.refused(make.code_of(batch), member)
    dispute = tickets.opened(member, reference=reference, at=NOON + DAY / 24)
    tickets.answered(dispute, text="We look into it.")
    over = tickets.opened(member)
    tickets.resolved(over, text="Yours.")
    evidence = DisputeEvidence.objects.filter(dispute=dispute).values().get()

    assert campaigns.erase_dispute_texts(member=member, at=NOON + DAY) == 2
    assert lines_of(dispute) == [(Act.ASK, ""), (Act.ANSWER, "We look into it."), (Act.WITHDRAW, "")]
    assert lines_of(over) == [(Act.ASK, ""), (Act.RESOLVE, "Yours.")]
    assert lines_of(other) == [(Act.ASK, tickets.TEXT)]
    assert DisputeEvidence.objects.filter(dispute=dispute).values().get() == evidence
    dispute.refresh_from_db()
    assert (dispute.state, dispute.resolution) == ("resolved", "withdrawn")
    over.refresh_from_db()
    assert over.resolution == "for_member"
    assert set(DisputeNotice.objects.values_list("state", flat=True)) == {"given_up"}
    assert campaigns.erase_dispute_texts(member=member, at=NOON + 2 * DAY) == 0


def test_erasing_somebody_who_never_asked_is_harmless() -> None:
    assert campaigns.erase_dispute_texts(member=make.member(), at=NOON) == 0


def test_texts_of_both_sides_go_two_years_after_the_resolution() -> None:
    old, waiting, withdrawn = tickets.opened(), tickets.opened(), tickets.opened()
    tickets.resolved(old)
    tickets.withdrawn(withdrawn)
    at = NOON + 730 * DAY
    assert campaigns.prune_dispute_texts(at=at) == 0
    assert campaigns.prune_dispute_texts(at=at + timedelta(seconds=1)) == 3
    assert lines_of(old) == [(Act.ASK, ""), (Act.RESOLVE, "")]
    assert lines_of(withdrawn) == [(Act.ASK, ""), (Act.WITHDRAW, "")]
    assert lines_of(waiting) == [(Act.ASK, tickets.TEXT)]
    assert DisputeEvidence.objects.count() == 3
    assert campaigns.prune_dispute_texts(at=at + DAY) == 0


def test_the_task_prunes() -> None:
    dispute = tickets.opened(at=NOON - 900 * DAY)
    tickets.resolved(dispute, at=NOON - 900 * DAY)
    tasks.prune_dispute_texts()
    assert lines_of(dispute) == [(Act.ASK, ""), (Act.RESOLVE, "")]
