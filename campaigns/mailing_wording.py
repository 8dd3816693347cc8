"""The words of mailings, for people: what stands against one, and what is wrong with its list."""

from django.utils.translation import gettext as _

from campaigns.errors import MailingRefused
from campaigns.files.tables import TableRefused, column_letters
from campaigns.mailing_files import LIMITS, MAX_FIELD_NAME, Mistake
from campaigns.mailing_models import MAX_RECIPIENTS


def words_of_mailing(refusal: MailingRefused) -> str:
    """What stands against it, and what to do."""
    return {
        "state": _("Somebody else was faster, or the mailing is at another step now. Open the page again."),
        "no_link": _("The text needs {{link}}: there the recipient gets the points."),
        "link_in_subject": _("The link belongs into the text. In the subject it would be seen by others."),
        "braces": _("Something looks like a field and is none. A field is written like this: {{name}}."),
        "a_code": _("There is something like a code in it. Each recipient gets their own by {{link}}."),
        "english": _("An English mail needs both, subject and text. Leave both empty if there is none."),
        "no_english": _("Some rows ask for English. Write the English subject and text too, please."),
        "fields": _("The list has no column for: %(fields)s.") % {"fields": refusal.detail},
        "no_rows": _("There is nobody to be mailed in the list. Upload one first."),
        "consent": _("State that all recipients agreed to such mail, and write how they did."),
        "no_order": _(
            "No order of this campaign issues gifts now. An order with “gifts issued through the API”"
            " has to be approved first, and its period must have begun."
        ),
        "gift_points": _("A row has more points than a gift of the order may have (%(most)s).")
        % {"most": refusal.detail},
        "budget": _("What is left of the campaign's orders is not enough for this. Order more gifts first."),
        "changed": _("This is not what you were shown. Nothing was sent: open the page again."),
        "reason": _("Say why, in 1 to 200 characters: whoever looks at it later wants to know."),
        "no_address": _("There is no e-mail address with your own account, to which a test could go."),
        "many": _("You have done this often enough for now. Try again later, or ask a colleague."),
        "mail": _("The mail could not be sent: the mail server can't be reached. Try again later."),
        "no_gift": _("No gift was issued for this recipient yet."),
        "claimed": _("The code was claimed already: the points are in a wallet. Nothing was replaced."),
        "ended": _("The code was withdrawn or has expired. Nothing was replaced."),
        "under_way": _("A mail to this recipient is under way. Nothing was replaced: open the page again."),
        "deleted": _("The address was deleted, as it was promised. Nothing was replaced."),
        "opted_out": _("This recipient wants no more mail of the brand. Nothing was replaced."),
        "bounced": _("Mail to this address came back. Allow the address again first. Nothing was replaced."),
        "day": _("The points that may be given by mail in one day are used up. Try again tomorrow."),
        "lifted": _("This address may be mailed already."),
    }[refusal.rule]


def words_of_note(note: str) -> str:
    """Why a row waits or was not mailed; what a mail server numbered its answer by, as it is."""
    known = {
        "budget_exhausted": _("waits: what is left of the orders is used up"),
        "not_issuing": _("waits: no order issues gifts now, or mailings are switched off for the brand"),
        "daily_points_exceeded": _("waits: the points that may be given in one day are used up"),
        "limits_not_known": _("waits: the limits can't be counted now"),
        "twin_in_flight": _("waits: it is being tried just now"),
        "keys": _("waits: the keys are not available"),
        "died": _("the worker was cut off in the middle"),
        "deleted": _("the address was deleted"),
        "points": _("more points than a gift may have"),
        "too_late": _("given up: it could not be sent for half a year"),
        "stopped": _("not sent: the mailing was stopped"),
        "claimed": _("the code was claimed already"),
        "voided": _("the code was withdrawn"),
        "expired": _("the code has expired"),
    }
    if note in known:
        return known[note]
    return _("answer of the mail server: %(note)s") % {"note": note}


def words_of_table(refusal: TableRefused) -> str:
    """Why the file can't be read."""
    what = {
        "empty": _("The file is empty."),
        "size": _("The file is larger than %(most)s MB.") % {"most": LIMITS.size // 1_000_000},
        "kind": _("This is no CSV or XLSX file. Save an old Excel file (XLS) as XLSX."),
        "encoding": _("The characters can't be read. Save the file as UTF-8 or Shift_JIS."),
        "broken": _("The file is damaged, or no table."),
        "unpacked": _("The file is too large when it is unpacked."),
        "rows": _("A list has at most %(most)s recipients.") % {"most": f"{MAX_RECIPIENTS:,}"},
        "columns": _("There is something in a column without a name, or there are too many columns."),
        "letters": _("This cell holds more than %(most)s characters.") % {"most": LIMITS.letters},
    }[refusal.code]
    return _placed(what, refusal.row, column_letters(refusal.column))


def words_of_mistake(mistake: Mistake) -> str:
    """What is wrong with a cell, and in which row and column."""
    what = {
        "no_address_column": _("No column is called “e-mail” or “メールアドレス”."),
        "no_field_column": _("The text uses {{%(field)s}}, and no column is called so.")
        % {"field": mistake.detail},
        "field_name": _("This column can't be called so (at most %(most)s characters, without braces).")
        % {"most": MAX_FIELD_NAME},
        "field_twice": _("Two columns are called so."),
        "no_rows": _("There is no row below the names of the columns."),
        "address": _("This is no e-mail address."),
        "points": _("This is no number of points. Leave it empty for what the order says."),
        "language": _("The language is “ja” or “en”, or empty."),
        "no_field": _("The text uses this field, and it is empty here."),
        "a_code": _("This looks like a code. Codes never stand in a list."),
        "other_values": _("Row %(other)s has the same address and says something else.")
        % {"other": mistake.detail},
    }[mistake.code]
    return _placed(what, mistake.row, mistake.column)


def _placed(what: str, row: int, column: str) -> str:
    if row and column:
        return _("Row %(row)s, column %(column)s: %(what)s") % {"row": row, "column": column, "what": what}
    return _("Row %(row)s: %(what)s") % {"row": row, "what": what} if row else what
