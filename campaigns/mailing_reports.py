"""Delivery reports of mail servers (RFC 3464), read without trust: anybody can write to the address.

Nothing of a report is believed but the signed number of the recipient, which only whoever has the mail can
know, and the class of its status.
"""

import re
from collections.abc import Iterable, Iterator
from email import policy
from email.message import Message
from email.parser import BytesParser
from typing import NamedTuple

MAX_BYTES = 1_000_000
_MAX_PARTS, _MAX_NUMBERS = 50, 10
_NUMBER = re.compile(r"(?:\+|mailing-)(\d{1,18}\.[0-9a-f]{20})(?=[-@])", re.IGNORECASE)
_STATUS = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})")
_TO_US = ("To", "Delivered-To", "X-Original-To", "Envelope-To")


class Report(NamedTuple):
    """What a mail says of another one: signed numbers that may be those of its recipient, and the status,
    "" if it is no report of a failure.
    """

    numbers: tuple[str, ...]
    status: str

    @property
    def is_for_good(self) -> bool:
        """Whether the mail will never arrive (class 5), and not only later (4)."""
        return self.status.startswith("5")


def read_report(data: bytes) -> Report:
    """The report in a mail; one without numbers if it is none, too large, or nested without end."""
    if len(data) > MAX_BYTES:
        return Report((), "")
    try:
        return _read(BytesParser(policy=policy.compat32).parsebytes(data))
    except RecursionError:  # else whoever writes one keeps all reports behind it from being read
        return Report((), "")


def _read(mail: Message) -> Report:
    parts = [part for _place, part in zip(range(_MAX_PARTS), mail.walk(), strict=False)]
    status = next(_statuses(parts), "")
    texts = [str(value) for name in _TO_US for value in mail.get_all(name, [])]
    texts += [str(part.get("Message-ID", "")) for part in parts[1:]]
    texts += [_text(part) for part in parts if part.get_content_type() == "text/rfc822-headers"]
    found = dict.fromkeys(number for text in texts for number in _NUMBER.findall(text[:10_000]))
    return Report(tuple(found)[:_MAX_NUMBERS], status)


def _statuses(parts: Iterable[Message]) -> Iterator[str]:
    """Of the recipients that failed; a report names them in blocks of fields."""
    for part in parts:
        if part.get_content_type() != "message/delivery-status" or not part.is_multipart():
            continue
        for block in part.get_payload():
            if isinstance(block, Message) and str(block.get("Action", "")).strip().lower() == "failed":
                found = _STATUS.match(str(block.get("Status", "")))
                if found:
                    yield found[1]


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    return payload.decode("ascii", "replace") if isinstance(payload, bytes) else ""
