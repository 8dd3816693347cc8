"""The row that answers for an act: it stays as it is, holds nothing to read codes from, names nobody."""

import uuid

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from parties import api_acts
from parties import leaving as parties_leaving
from parties.act_models import ApiAct, CardShowing, Verb
from parties.api_acts import Act, Done
from parties.errors import ActKeyReused
from tests import make
from tests.api.partner import api_client

pytestmark = pytest.mark.django_db


def act(**changes: object) -> Act:
    said = {"body": {"code": "1234567890123456", "member": "ref:x"}}
    return Act(api_client(), str(uuid.uuid4()), Verb.CLAIM, said)._replace(**changes)  # type: ignore[arg-type]


def done_once(asked: Act) -> api_acts.Answer:
    return api_acts.do_once(asked, lambda: Done({"z": 1, "a": 2}, 201), at=timezone.now())


def test_the_answer_comes_back_to_the_letter() -> None:
    asked = act()
    first = done_once(asked)
    again = api_acts.do_once(asked, lambda: pytest.fail("done twice"), at=timezone.now())
    assert (again.body, again.status, again.is_replay) == (first.body, 201, True)
    assert [*again.body] == ["z", "a"]


def test_the_order_of_fields_is_no_difference_and_all_else_is_one() -> None:
    asked = act(said={"body": {"a": 1, "b": "ä"}, "hold": "x"})
    done_once(asked)
    assert done_once(asked._replace(said={"hold": "x", "body": {"b": "ä", "a": 1}})).is_replay
    for said in ({"body": {"a": 1, "b": "ä"}}, {"body": {"a": "1", "b": "ä"}, "hold": "x"}):
        with pytest.raises(ActKeyReused):
            done_once(asked._replace(said=said))
    with pytest.raises(ActKeyReused):
        done_once(asked._replace(verb=Verb.EARN))
    assert not done_once(asked._replace(client=api_client(name="Till"))).is_replay


def test_what_fails_leaves_no_row() -> None:
    asked = act()

    def fail() -> Done:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        api_acts.do_once(asked, fail, at=timezone.now())
    assert not ApiAct.objects.exists()
    assert not done_once(asked).is_replay


def test_what_was_said_is_in_no_traceback_and_no_row() -> None:
    asked = act()
    done_once(asked)
    assert "1234567890123456" not in repr(asked) + str(ApiAct.objects.values().get())


@pytest.mark.postgresql
@pytest.mark.parametrize("how", ["update", "delete"])
def test_a_row_is_never_edited_or_deleted(how: str) -> None:
    done_once(act())
    rows = ApiAct.objects.all()
    with pytest.raises(DatabaseError), transaction.atomic():
        rows.update(status=500) if how == "update" else rows.delete()
    assert ApiAct.objects.get().status == 201


def test_where_a_card_was_shown_is_forgotten_with_the_person() -> None:
    member, other = make.member(), make.member()
    for whose in (member, other):
        CardShowing.objects.create(brand=make.brand(), member=whose, shown_at=make.NOON, until=timezone.now())
    parties_leaving.erase_person(member_id=member.pk, at=timezone.now())
    assert CardShowing.objects.get().member == other
