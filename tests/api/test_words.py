"""The words of a refusal are in the language of its own call, whoever was refused before."""

import pytest

from tests.api.shop import Shop

pytestmark = pytest.mark.django_db


def test_languages_take_turns() -> None:
    shop = Shop()
    body = {"member": shop.id, "points": 0, "store": "x" * 33}
    first, second, third = (
        shop.partner.post("spend", body, key="k1", **{"accept-language": language}).json()["errors"]
        for language in ("ja", "en", "ja")
    )
    assert [error["code"] for error in first] == ["min_value", "max_length"]
    assert first == third
    assert not {error["message"] for error in first} & {error["message"] for error in second}
