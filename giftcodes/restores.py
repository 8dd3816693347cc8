"""Whether the database is the one that the claim journal was written from, or was restored to before it.

Looked at in plain SQL: it is asked at the start of every process, before the models are there.
"""

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.db import connection

from giftcodes import journal
from giftcodes.errors import JournalError
from giftcodes.journal import Kind, Line
from ledger.errors import SealKeyMissing

LOOK_BACK = 500  # lines; the last one alone decides, the others say how much is missing


def disagreement(folder: Path) -> str | None:
    """What keeps this database and the journal in that folder apart, as a sentence that says what to do; None
    if nothing does, or the database has no tables yet.

    Reads the end of the journal, and some rows by their primary keys.
    """
    tables = connection.introspection.table_names()
    if "giftcodes_claim" not in tables:
        return None
    try:
        end = journal.tail(folder, limit=LOOK_BACK)
    except (JournalError, SealKeyMissing) as error:
        return (
            f"The claim journal in {folder} can't be trusted ({error}): keep all closed, and bring back an "
            "unchanged copy of the folder."
        )
    except OSError as error:
        return f"The claim journal in {folder} can't be read ({error}): bring the folder back."
    lost = _missing(end)
    if not end and (sentence := empty_beside_claims(folder)):
        return sentence
    if lost or (end and not stands(end[-1])):
        return (
            f"The database is older than the claim journal ({lost} of its last {len(end)} lines are claims "
            "that the database lacks or has otherwise): keep all closed, run manage.py replay_claims."
        )
    return _gifts_disagree(folder) if "giftcodes_gift" in tables else None


def gifts_folder(folder: Path) -> Path:
    """Where the journal of gifts is, beside that of the claims."""
    return folder / "gifts"


def _gifts_disagree(folder: Path) -> str | None:
    try:
        end = journal.tail(gifts_folder(folder), limit=LOOK_BACK)
    except (JournalError, SealKeyMissing, OSError) as error:
        return (
            f"The journal of gifts in {gifts_folder(folder)} can't be trusted ({error}): keep all closed, and"
            " bring back an unchanged copy of the folder."
        )
    if not end:
        if not _rows("SELECT 1 FROM giftcodes_gift LIMIT 1"):
            return None
        return (
            f"There are gifts, but no journal of them in {gifts_folder(folder)}: bring the folder back, or"
            " begin a new journal with manage.py ship_claims --begin."
        )
    lost = _missing_gifts(end)
    if lost or not gift_stands(end[-1]):
        return (
            f"The database is older than the journal of gifts ({lost} of its last {len(end)} lines are gifts"
            " that the database lacks): keep all closed, run manage.py replay_claims."
        )
    return None


def gift_stands(line: Line) -> bool:
    """Whether the request of the line, of the journal of gifts, is still the one that it was."""
    entry = line.entry
    if entry.posting == 0:
        return True
    rows = _rows("SELECT key_digest FROM giftcodes_giftrequest WHERE id = %s", [entry.posting])
    digest = entry.key_digest if entry.kind == Kind.GIFT else entry.transfer
    return rows == [(digest,)] and not _missing_gifts([line])


def _missing_gifts(end: list[Line]) -> int:
    """How many gifts behind the last restore the database lacks, or has under another number."""
    since = max((place for place, line in enumerate(end) if line.entry.kind == Kind.RESTORED), default=-1)
    said = {line.entry.claim: line.entry.gift for line in end[since + 1 :] if line.entry.kind == Kind.GIFT}
    if not said:
        return 0
    places = ", ".join(["%s"] * len(said))
    numbers = "SELECT id, public_id FROM giftcodes_gift"
    rows = _rows(f"{numbers} WHERE id IN ({places})", list(said))
    found = {gift_id: uuid.UUID(str(public_id)).hex for gift_id, public_id in rows}
    return sum(found.get(gift_id) != public_id for gift_id, public_id in said.items())


def empty_beside_claims(folder: Path) -> str | None:
    """The sentence for claims without a journal, None if there are none yet."""
    if not _rows("SELECT 1 FROM giftcodes_claim LIMIT 1"):
        return None
    return (
        f"There are claims, but no claim journal in {folder}: bring the folder back, or begin a new journal "
        "with manage.py ship_claims --begin."
    )


def stands(line: Line) -> bool:
    """Whether the posting of the line is still the one that it was, and its claim the same member's."""
    entry = line.entry
    if entry.posting == 0:
        return True
    rows = _rows(
        "SELECT t.id, t.key FROM ledger_posting p JOIN ledger_transfer t ON t.id = p.transfer_id"
        " WHERE p.id = %s",
        [entry.posting],
    )
    if entry.kind == Kind.CLAIM:
        return [key for _, key in rows] == [f"claim:{entry.claim}"] and not _missing([line])
    return [uuid.UUID(str(transfer_id)).hex for transfer_id, _ in rows] == [entry.transfer]


def _missing(end: list[Line]) -> int:
    """How many claims behind the last restore the database lacks, or has for another member."""
    since = max((place for place, line in enumerate(end) if line.entry.kind == Kind.RESTORED), default=-1)
    said = {line.entry.claim: line.entry.member for line in end[since + 1 :] if line.entry.kind == Kind.CLAIM}
    if not said:
        return 0
    places = ", ".join(["%s"] * len(said))
    owners = "SELECT c.id, m.public_id FROM giftcodes_claim c JOIN parties_member m ON m.id = c.member_id"
    rows = _rows(f"{owners} WHERE c.id IN ({places})", list(said))
    found = {claim_id: uuid.UUID(str(member)).hex for claim_id, member in rows}
    return sum(found.get(claim_id) != member for claim_id, member in said.items())


def _rows(sql: str, values: Sequence[int] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
