"""Who else may say who somebody is: one OpenID Connect provider. Knows no framework: the settings make it."""

from typing import NamedTuple

LINE_ISSUER = "https://access.line.me"


class Provider(NamedTuple):
    """A provider as the settings name it. `id` is part of addresses and of rows: it never changes.

    `is_email_trusted`: an address that this provider calls verified counts like one that we proved ourselves.
    `signs_with_secret`: LINE signs what it says to web sites with the secret that it shares with them.
    """

    id: str
    name: str
    issuer: str
    client_id: str
    client_secret: str
    is_email_trusted: bool = False
    signs_with_secret: bool = False

    def __repr__(self) -> str:  # the secret must not reach a log or a traceback
        return f"Provider({self.id})"


def line(channel_id: str, channel_secret: str, *, issuer: str = LINE_ISSUER) -> Provider:
    """LINE Login 2.1, which is OpenID Connect. Its addresses are not verified, so none is asked for."""
    return Provider("line", "LINE", issuer, channel_id, channel_secret, signs_with_secret=True)
