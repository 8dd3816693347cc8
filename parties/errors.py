"""Refusals of this app."""


class PartiesError(Exception):
    """Root of what this app refuses. `code` is stable, for machines; words are chosen at the edge."""

    code = "parties_error"


class NotReachable(PartiesError):
    """The row does not exist or is not this person's to reach. Both look the same from outside."""

    code = "not_found"


class LeavingRefused(PartiesError):
    """The person works here, or did: their acts with money name them, so their log-in can't be erased."""

    code = "leaving_refused"
