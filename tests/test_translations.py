"""Every text that a person sees has its Japanese, and the compiled catalogues are those of the sources."""

import ast
import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path

import polib
import pytest
from django.utils.translation import gettext, override, pgettext
from django.utils.translation.template import templatize

from tests.test_house import ROOT, in_the_repository

# What gettext's functions are called here and in templates, and where their message and its context stand.
MESSAGE_AT = {"_": 0, "gettext": 0, "gettext_lazy": 0, "gettext_noop": 0, "ngettext": 0, "ngettext_lazy": 0}
MESSAGE_AFTER_CONTEXT = {"pgettext", "pgettext_lazy", "npgettext", "npgettext_lazy"}

CATALOGUES = in_the_repository("*.po")
Message = tuple[str | None, str]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def messages_of(catalogue: Iterable[polib.POEntry | polib.MOEntry]) -> dict[Message, object]:
    return {(entry.msgctxt, entry.msgid): entry.msgstr_plural or entry.msgstr for entry in catalogue}


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"%\(\w+\)[sd]|%[sd]|\{\w*\}", text))


def messages_in(source: str) -> Iterator[Message]:
    """(context, message) of each call of a gettext function with literal text."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        texts = [
            arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
        ]
        if name in MESSAGE_AT and texts:
            yield None, texts[0]
        elif name in MESSAGE_AFTER_CONTEXT and len(texts) > 1:
            yield texts[0], texts[1]


def messages_in_template(text: str) -> Iterator[Message]:
    """The same for {% translate %} and {% blocktranslate %}, which Django turns into such calls."""
    string = r"""u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
    for call in re.finditer(rf"\b(?:_|n?p?gettext)\({string}(?:,\s*{string})*", templatize(text)):
        yield from messages_in(call[0] + ")")


def messages_that_people_see() -> dict[Message, str]:
    found: dict[Message, str] = {}
    for path in in_the_repository("*.py"):
        if not path.is_relative_to(ROOT / "tests"):
            found |= dict.fromkeys(messages_in(path.read_text()), named(path))
    for path in in_the_repository("*/templates/*.html", "*/templates/*.txt"):
        found |= dict.fromkeys(messages_in_template(path.read_text()), named(path))
    return found


def japanese(context: str | None, text: str) -> str:
    """What Django shows: from our catalogues, its own, or those of the packages."""
    with override("ja"):
        return pgettext(context, text) if context else gettext(text)


def test_the_texts_of_templates_and_modules_are_found() -> None:
    template = (
        '{% load i18n %}<p>{% translate \'A code\' context "noun" %} {% translate "Don\'t" %}</p>'
        "{% blocktranslate count n=n trimmed %}\n {{ n }} code {% plural %} {{ n }} codes\n"
        "{% endblocktranslate %}"
    )
    assert set(messages_in_template(template)) == {("noun", "A code"), (None, "Don't"), (None, "%(n)s code")}
    module = "_('Points') + gettext_lazy('Codes' ' left') + pgettext('verb', 'Claim') + text('x') + _(name)"
    assert set(messages_in(module)) == {(None, "Points"), (None, "Codes left"), ("verb", "Claim")}


@pytest.mark.parametrize("source", CATALOGUES, ids=named)
def test_a_compiled_catalogue_is_that_of_its_source(source: Path) -> None:
    compiled = source.with_suffix(".mo")
    assert compiled.exists(), "make messages"
    expected = messages_of(polib.pofile(str(source)).translated_entries())
    assert messages_of(polib.mofile(str(compiled))) == expected, "make messages"


@pytest.mark.parametrize("source", CATALOGUES, ids=named)
def test_a_catalogue_is_complete(source: Path) -> None:
    catalogue = polib.pofile(str(source))
    left = catalogue.untranslated_entries() + catalogue.fuzzy_entries() + catalogue.obsolete_entries()
    assert [entry.msgid for entry in left] == []


@pytest.mark.parametrize("source", CATALOGUES, ids=named)
def test_a_translation_keeps_the_placeholders(source: Path) -> None:
    for entry in polib.pofile(str(source)):
        forms = [entry.msgstr_plural[index] for index in sorted(entry.msgstr_plural)] or [entry.msgstr]
        wanted = placeholders(entry.msgid_plural or entry.msgid)
        # "One code left" may go without its number; the form for many may not.
        assert all(placeholders(form) <= wanted for form in forms), entry.msgid
        assert placeholders(forms[-1]) == wanted, entry.msgid


def test_every_text_that_people_see_has_its_japanese() -> None:
    own = {
        message
        for path in CATALOGUES
        if path.parts[-3] == "ja"
        for message in messages_of(polib.pofile(str(path)))
    }
    shown = messages_that_people_see()
    missing = {
        message: place
        for message, place in shown.items()
        if message not in own and japanese(*message) == message[1]
    }
    assert missing == {}


SAME_IN_JAPANESE = {"%(class_name)s %(instance)s", "WebAuthn"}
# What these packages can say, but for the parts of theirs that are not installed here.
NOT_INSTALLED = ("import_export", "guardian", "contrib/forms", "contrib/location_field", "contrib/constance")


@pytest.mark.parametrize("package", ["unfold", "simple_history", "allauth.account", "allauth.mfa"])
def test_every_text_of_the_packages_behind_the_admin_has_its_japanese(package: str) -> None:
    folder = Path(str(import_module(package).__file__)).parent
    found: dict[Message, str] = {}
    for path in [*folder.rglob("*.py"), *folder.rglob("*.html"), *folder.rglob("*.txt")]:
        if any(part in path.as_posix() for part in (*NOT_INSTALLED, "/tests/", "/management/")):
            continue
        messages = messages_in if path.suffix == ".py" else messages_in_template
        found |= dict.fromkeys(messages(path.read_text()), path.name)
    missing = [text for context, text in found if text.strip() and japanese(context, text) == text]
    assert len(found) > 10
    assert sorted(set(missing) - SAME_IN_JAPANESE) == []
