"""Answers as JSON."""

from datetime import datetime
from typing import Any

from rest_framework.renderers import JSONRenderer
from rest_framework.utils.encoders import JSONEncoder

from parties.moments import rfc3339


class _Encoder(JSONEncoder):
    def default(self, obj: Any) -> Any:
        return rfc3339(obj) if isinstance(obj, datetime) else super().default(obj)


class JsonRenderer(JSONRenderer):
    """Every moment in one form, however it was read: RFC 3339 with the offset of Japan."""

    encoder_class = _Encoder
