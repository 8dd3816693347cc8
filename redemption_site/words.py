"""A campaign's own words in a language: Japanese where it has no English."""

from campaigns.models import Campaign


def words_in(campaign: Campaign, part: str, lang: str) -> str:
    """Its "title", "text" or "hero_alt" for a reader of `lang`."""
    return str(getattr(campaign, f"{part}_{language_of(campaign, part, lang)}"))


def language_of(campaign: Campaign, part: str, lang: str) -> str:
    """The language that `words_in` gives them in."""
    return "en" if lang == "en" and getattr(campaign, f"{part}_en") else "ja"
