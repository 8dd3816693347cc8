"""What people are told about invitations that can't go on."""

from django.utils.translation import gettext as _

from parties.errors import InvitationRefused


def words_of(refusal: InvitationRefused) -> str:
    """For people, and what they can do."""
    words = {
        "letters": _(
            "Please write the address in plain letters: others can look the same and lead elsewhere."
        ),
        "own": _(
            "Nobody invites or confirms themselves, also not under another address of the same mailbox."
        ),
        "mailbox": _(
            "This mailbox belongs to somebody who works here already. Invite the address they sign in with."
        ),
        "inactive": _("The log-in of this address was closed. A superuser has to open it again first."),
        "held": _("This person holds the role already."),
        "open": _("The same invitation is open already. Withdraw it first if you want to send another one."),
        "asker": _("You asked for this invitation: another person who keeps the roles has to confirm it."),
        "related": _(
            "One of you two came here by the other’s invitation, so you can’t decide on this together. "
            "Please let a third person, for example the operator, confirm it."
        ),
        "asker_left": _("Whoever asked for it does not keep the roles here any more. Please ask anew."),
        "keepers_left": _(
            "One of the two people who invited you does not keep the roles here any more. "
            "Please ask to be invited anew."
        ),
        "not_waiting": _("This invitation has been decided or withdrawn meanwhile."),
        "not_again": _("No further mail is sent for this invitation. Withdraw it and ask for a new one."),
        "sign_in": _("Please sign in with this address first, then open the link again."),
        "gone": _("This link does not work any more: it was used, replaced or withdrawn, or it has expired."),
    }
    return words[refusal.reason]
