"""Every page of the admin in its language: no English left on a Japanese one, no Japanese on an English one.
What people typed (names, reasons) is theirs: it is taken out before words are looked for.
"""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from django.apps import apps
from django.db.models import CharField, Model, TextField
from django.test import Client
from django.urls import reverse

from config import navigation
from parties.models import Role, User
from tests import make
from tests.campaigns import promos
from tests.campaigns.test_every_admin_address import _address, addresses, models
from tests.campaigns.test_scopes import rows_of
from tests.config.test_headers import views
from tests.factors import let_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]

_SILENT = {"script", "style", "code", "template", "svg"}
_SPOKEN = {"aria-label", "title", "placeholder", "alt", "data-title", "data-label"}
_ICON = "material-symbols"  # whose text is the name of a picture
_LATIN = re.compile(r"[A-Za-z]{3,}")
_KANA = re.compile(r"[぀-ヿ㐀-鿿]")
# Names of things that are called so in Japanese too, and the key with which search is left.
_NAMES = """
    Tokuten English CSV XLSX PDF PNG SVG JPEG WebP GIF UTF Shift JIS API URL SHA HMAC AES zip age CIDR PIN
    JAN EAN JSON OpenID LINE Luhn Damm Verhoeff Webhook Webhooks webhook Excel SNS esc businesslawyers Gone
    Connect Google Microsoft Authenticator Password practices
"""
# What machines call things: addresses, ids, words with "_" or ":" in them, fields of a text.
_MACHINES = re.compile(
    r"https?://[^\s)]+|\{\{\w+\}\}|\b[\w.-]+@[\w.-]+\b|\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
    r"|\b[0-9a-f]{8}\b|\b[0-9a-f]{4}…[0-9a-f]{4}\b|\b\w+_\w+\b|\b\w+[:.][\w-]*|:\w+",
    re.IGNORECASE,
)
# What laws call things stands beside its English; names of sources and of languages are their own.
_TERMS = """
    総付景品 一般懸賞 共同懸賞 オープン懸賞 値引き 前払式支払手段 取引付随性 取引価額 売上予定総額
    カード合わせ 「広告」 「プロモーション」 保護者の同意 資金決済法 民法 消費者庁 景品に関する
    ・ポイント 条 日本語
"""
NAMES, TERMS = set(_NAMES.split()), _TERMS.split()


class _Words(HTMLParser):
    """What a page says: its text, and what assistive technology reads of attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._silent: list[str] = []
        self._language = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        named = dict(attrs)
        language = named.get("lang") or ""
        if tag == "html":
            self._language = language
        is_foreign = language not in {"", self._language}  # and says so: the text of a mail, a name
        if is_foreign or tag in _SILENT or (tag == "span" and _ICON in (named.get("class") or "")):
            self._silent.append(tag)
        self.said += [value for name, value in attrs if name in _SPOKEN and value]
        if tag == "input" and named.get("type") in {"submit", "button"}:
            self.said.append(named.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        if self._silent and self._silent[-1] == tag:
            self._silent.pop()

    def handle_data(self, data: str) -> None:
        if not self._silent and data.strip():
            self.said.append(" ".join(data.split()))


def typed_by_people() -> list[str]:
    """All texts in the database, longest first."""
    found: set[str] = set()
    for model in apps.get_models():
        names = [
            field.name
            for field in model._meta.concrete_fields
            if isinstance(field, CharField | TextField) and not field.choices
        ]
        for row in model._default_manager.values_list(*names) if names else ():
            found |= {" ".join(str(value).split()) for value in row if value}
    return sorted((text for text in found if len(text) > 2), key=len, reverse=True)


def said_on(html: str, typed: list[str]) -> Iterator[str]:
    page = _Words()
    page.feed(html)
    for text in page.said:
        left = text
        for own in typed:
            if own.casefold() in left.casefold():
                whole = rf"(?<![A-Za-z]){re.escape(own)}(?![A-Za-z])"
                left = re.sub(whole, " ", left, flags=re.IGNORECASE)  # titles of pages begin with a capital
        yield left


def foreign_in(said: str, language: str) -> set[str]:
    """Words of the other language."""
    if language == "ja":
        return set(_LATIN.findall(_MACHINES.sub(" ", said))) - NAMES
    for term in TERMS:
        said = said.replace(term, " ")
    return set(_KANA.findall(said))


def test_control_a_word_left_in_the_other_language_is_found() -> None:
    page = (
        '<html lang="ja"><p title="Cancel">保存</p><span class="material-symbols-outlined">home</span>'
        'Hanako 123 <b>戻る</b><i lang="en">in English</i><i lang="ja">次へ</i>'
    )
    said = list(said_on(page, ["Hanako"]))
    assert [text for text in said if foreign_in(text, "ja")] == ["Cancel"]
    assert [text for text in said if foreign_in(text, "en")] == ["保存", "戻る", "次へ"]


def pages(rows: dict[type[Model], Model]) -> list[str]:
    """Lists, forms to add something, and every address below a row."""
    found = {_address(address, rows) for address in addresses()}
    for model in models().values():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        found |= {reverse(f"{name}_changelist"), reverse(f"{name}_add")}
    found |= {
        "/" + address for address, _view in views() if address.startswith("admin/") and "<" not in address
    }
    return sorted(found - {"/admin/logout/", "/admin/jsi18n/", "/admin/autocomplete/"})


def people(team: promos.Team) -> list[User]:
    """Who holds all roles, in the brand and of the operator, meets every button; superusers the rest."""
    everybody = make.staff(Role.MARKETER, None)
    for role in Role:
        for brand in {None, team.brand}:
            everybody.staff_roles.get_or_create(brand=brand, role=role)
    return [everybody, make.user(is_staff=True, is_superuser=True)]


@pytest.mark.parametrize("language", ["ja", "en"])
def test_each_page_speaks_one_language(language: str) -> None:
    team = promos.team()
    rows = rows_of(team)
    staff = people(team)
    left = pages(rows)
    typed = typed_by_people()
    wrong: dict[str, str] = {}
    for person in staff:
        client = let_in(Client(headers={"accept-language": language}), person)
        with pytest.MonkeyPatch.context() as without_sidebar:
            for address in list(left):
                answer = client.get(address)
                if answer.status_code != 200 or "html" not in answer["Content-Type"]:
                    continue
                left.remove(address)
                for said in said_on(answer.content.decode(), typed):
                    if foreign_in(said, language):
                        wrong.setdefault(said, address)
                # It was read on the first page of the person, and is the same on the others.
                without_sidebar.setattr(navigation, "sidebar", lambda _request: [])
    assert wrong == {}
    assert len(pages(rows)) - len(left) > 150
