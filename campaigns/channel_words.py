"""The words for what is wrong with an uploaded table of channels: where, and what to do."""

from django.utils.translation import gettext as _

from campaigns.channel_files import LIMITS, MAX_NAME_LETTERS, Mistake
from campaigns.files.tables import TableRefused, column_letters
from campaigns.rules import MAX_CHANNELS
from campaigns.wording import number
from giftcodes.models import MAX_CODES_PER_BATCH


def words_of_mistake(mistake: Mistake) -> str:
    """What is wrong with a cell, and in which row and column."""
    what = {
        "no_name_column": _("No column is called “channel” or “チャネル”."),
        "no_quantity_column": _("No column is called “codes” or “コード数”."),
        "no_rows": _("There is no row below the names of the columns."),
        "no_name": _("The channel has no name."),
        "long_name": _("A name has at most %(most)s characters.") % {"most": MAX_NAME_LETTERS},
        "no_number": _("This is no whole number."),
        "number_range": _("A channel has 1 to %(most)s codes.") % {"most": number(MAX_CODES_PER_BATCH)},
        "same_name": _("Row %(other)s has the same name.") % {"other": mistake.other},
    }[mistake.code]
    return _placed(what, mistake.row, mistake.column)


def words_of_table(refusal: TableRefused) -> str:
    """Why the file can't be read."""
    what = {
        "empty": _("The file is empty."),
        "size": _("The file is larger than %(most)s MB.") % {"most": LIMITS.size // 1_000_000},
        "kind": _("This is no CSV or XLSX file. Save an old Excel file (XLS) as XLSX."),
        "encoding": _("The characters can't be read. Save the file as CSV in UTF-8, or as XLSX."),
        "broken": _("The file is damaged. Save it again as CSV or XLSX."),
        "unpacked": _("The file unpacks to too much. Save only the table in it."),
        "rows": _("There are more than %(most)s rows.") % {"most": MAX_CHANNELS},
        "columns": _("There is something to the right of the named columns."),
        "letters": _("There is too much text in one cell."),
    }[refusal.code]
    return _placed(what, refusal.row, column_letters(refusal.column))


def _placed(what: str, row: int, column: str) -> str:
    if row and column:
        return _("Row %(row)s, column %(column)s: %(what)s") % {"row": row, "column": column, "what": what}
    return _("Row %(row)s: %(what)s") % {"row": row, "what": what} if row else what
