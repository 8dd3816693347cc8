"""What a campaign's page can do without, but better has."""

from enum import StrEnum

from campaigns.colours import is_pale
from campaigns.models import Campaign


class Gap(StrEnum):
    """Something that is missing; the words for it are in `wording`."""

    TITLE_EN = "title_en"
    TEXT_JA = "text_ja"
    TEXT_EN = "text_en"
    HERO = "hero"
    HERO_ALT_EN = "hero_alt_en"
    LOGO = "logo"
    PALE = "pale"


def gaps_of(campaign: Campaign) -> list[Gap]:
    """What the page lacks, in the order of the form. Nothing of it keeps a page from being published."""
    is_described = campaign.is_hero_decorative or campaign.hero_alt_en or not campaign.hero_wide
    lacks = {
        Gap.TITLE_EN: not campaign.title_en,
        Gap.TEXT_JA: not campaign.text_ja,
        Gap.TEXT_EN: bool(campaign.text_ja) and not campaign.text_en,
        Gap.PALE: is_pale(campaign.colour),
        Gap.LOGO: not campaign.logo,
        Gap.HERO: not campaign.hero_wide,
        Gap.HERO_ALT_EN: not is_described,
    }
    return [gap for gap, is_missing in lacks.items() if is_missing]
