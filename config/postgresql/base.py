"""A connection is asked whether it still works only if there is a reason to."""

import select

import psycopg
from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """Health checks (CONN_HEALTH_CHECKS) without a round trip per request.

    A server that stops, restarts or ends a session closes its end, which makes the socket readable; between
    two transactions nothing else does, but for rare notices. So only a readable socket is worth a question.
    """

    def is_usable(self) -> bool:
        if self.connection is None:
            return False
        poll = select.poll()
        try:
            poll.register(self.connection.fileno(), select.POLLIN)
        except psycopg.Error:  # it knows that it is lost
            return False
        return not poll.poll(0) or super().is_usable()
