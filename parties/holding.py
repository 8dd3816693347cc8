"""Holding a person of staff, where what they do by themselves is counted."""

from parties.models import User


def hold_user(user: User) -> None:
    """Hold the person's row to the end of the caller's transaction: of their acts at once, each counts those
    before it. Their other work doesn't wait for it.
    """
    list(User.objects.select_for_update(no_key=True).filter(pk=user.pk).values_list("pk"))
