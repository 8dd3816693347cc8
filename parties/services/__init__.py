"""What changes people and companies outside the admin."""

from parties.services.cards import make_card, renew_card

__all__ = ["make_card", "renew_card"]
