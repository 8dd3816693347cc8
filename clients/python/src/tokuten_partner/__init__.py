"""A small typed client of the Tokuten partner API: see `Tokuten`. What it answers is in `types`."""

from tokuten_partner.client import Tokuten
from tokuten_partner.errors import FieldError, NotReached, Problem

__all__ = ["FieldError", "NotReached", "Problem", "Tokuten"]
