"""The words about deliveries: what each kind is good for, and why one can't be made."""

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from giftcodes.delivery_models import DeliveryKind
from giftcodes.errors import FurtherDeliveryRefused
from giftcodes.files.kinds import MOST_CODES
from giftcodes.files.rereads import Verdict


def words_of_kind(kind: DeliveryKind) -> str:
    """What it is for, and how many codes it can have."""
    told = {
        DeliveryKind.CSV: _(
            "The same rows as the order's own file; for systems of printers and mail houses."
        ),
        DeliveryKind.XLSX: _("Codes and serial numbers are text, so no digit gets lost."),
        DeliveryKind.ADDRESSES: _("One claim address a line; for e-mail systems."),
        DeliveryKind.QR_PNG: _("One picture per code, in a folder per channel, named by serial number."),
        DeliveryKind.QR_SVG: _("The same as drawings that stay sharp in any size; for designers."),
        DeliveryKind.LABELS: _("66 × 33.9 mm, with cut marks, logo, lot and serial number."),
        DeliveryKind.CARDS: _("91 × 55 mm, with cut marks, logo, lot and serial number."),
    }
    most = number_format(MOST_CODES[kind], use_l10n=True, force_grouping=True)
    return _("%(what)s Up to %(most)s codes.") % {"what": told[kind], "most": most}


def words_of_refusal(refusal: FurtherDeliveryRefused) -> str:
    """What stands against it, and what to do."""
    told = {
        "state": _("The codes of this order are not made yet, or their order has ended."),
        "gifts": _("Gifts of the API come out one by one: there is no file of them."),
        "kind": _("There is no such kind of delivery."),
        "codes": _("These are more codes than this kind can have. Choose one channel, or another kind."),
        "channel": _("The order has no such channel."),
        "age_key": _("This is not a public age key: it begins with “age1” and has 62 characters."),
        "reason": _("Say why, in 1 to 200 characters: whoever looks at it later wants to know."),
        "own": _("You asked for this yourself. Another person has to decide it: please ask a colleague."),
        "decided": _("The delivery has been decided already."),
        "open": _("Only a delivery that was made can be made again."),
        "changed": _("The delivery no longer says what was asked for. Nothing was done; tell the operator."),
        "recipient": _("Only its recipient can ask for it again. Ask for a delivery of your own instead."),
        "receipt": _("Download the file first, then confirm that it has arrived."),
    }
    return (told | _of_files())[refusal.rule]


def _of_files() -> dict[str, str]:
    """Of files that somebody wants to compare."""
    return {
        "not_taken": _("Only who has a file of these codes and what opens it can compare one with them."),
        "size": _("The file is larger than 64 MB. Split it, by channel for example."),
        "rows": _("The file has more than 1,000,000 rows. Split it, by channel for example."),
        "bomb": _("The workbook is too large when it is unpacked. Save it as CSV, or split it."),
        "format": _("The file can't be read: send a CSV, an Excel workbook (XLSX) or a list of addresses."),
        "often": _(
            "You have compared 30 files within an hour. Please try again later; nothing was compared."
        ),
        "many": _("Compare one channel at a time: these are more than 1,000,000 codes."),
    }


def words_of_verdict(verdict: Verdict) -> str:
    """What is wrong with a row."""
    return {
        Verdict.DAMAGED: _("damaged: no code, or a wrong check digit"),
        Verdict.FOREIGN: _("not one of these codes"),
        Verdict.MISMATCH: _("code and serial number don't belong together"),
        Verdict.DOUBLE: _("the same code as in an earlier row"),
    }[verdict]
