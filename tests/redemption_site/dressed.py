"""A campaign as a brand would dress it: picture, logo, Markdown in both languages."""

from typing import Any

from campaigns.heroes import clean_hero
from campaigns.models import Campaign
from config.demo.hero import draw_hero
from config.demo.logo import draw_logo
from tests.redemption_site import visits

TEXT_JA = """焼きたてのパンと**「500ポイント」**をどうぞ。
レシートのコードを*入力*してください。

## 使いみち

- 全店で使えます
  1. 1ポイントから
- [店舗一覧](https://shops.example/)

> 「毎朝通っています」

---

### お問い合わせ

<points@bakery.example>"""
TEXT_EN = """**500 points** with your fresh bread.

### What for

- Every shop of [Aozora Bakery](https://shops.example/)
- *From one point on*

Call [us](tel:0312345678)."""


def campaign(**fields: Any) -> Campaign:
    """Give back the campaign, with its files in storage."""
    wide, narrow = clean_hero(draw_hero())
    words = {"text_ja": TEXT_JA, "text_en": TEXT_EN, "hero_alt_ja": "並んだパン", "hero_alt_en": "Loaves"}
    files = {"hero_wide": wide, "hero_narrow": narrow, "logo": draw_logo()}
    return visits.campaign(**words | files | fields)
