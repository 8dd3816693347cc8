"""Tables as lists of recipients, texts with fields, numbers in mails: nothing here touches a database."""

from datetime import timedelta
from typing import Any

import pytest

from campaigns import mailing_sealing as sealing
from campaigns.errors import MailingRefused
from campaigns.files.tables import read_table
from campaigns.mailing_files import recipients_in
from campaigns.mailing_sealing import Person
from campaigns.mailing_texts import mail_for
from campaigns.services.mailings import refuse_unfit
from giftcodes.masking import mask_codes
from tests.campaigns.mailings import lists
from tests.make import NOON

pytestmark = pytest.mark.sqlite

# With the right check digit, or it would be any number.
CODE = next(code for code in (f"1234-5678-9012-345{last}" for last in range(10)) if mask_codes(code).codes)


def read(text: str, *used: str) -> Any:
    return recipients_in(read_table(text.encode()), used=used)


def test_rows_are_read_as_offices_write_them() -> None:
    found = read('ｅ-ｍａｉｌ,お名前,ポイント数,言語,店 舗\na@example.jp,花子,"１,０００",日本語,渋谷\n')
    (row,) = found.rows
    assert (row.person.address, row.points, row.language) == ("a@example.jp", 1_000, "ja")
    assert row.person.fields == {"name": "花子", "店舗": "渋谷"}
    assert found.columns == ("name", "店舗")


def test_the_same_row_twice_is_left_out_and_the_same_address_with_other_values_is_a_mistake() -> None:
    assert read("email,name\na@example.jp,A\nA@EXAMPLE.jp,A\n").twice == 1
    (mistake,) = read("email,name\na@example.jp,A\nA@example.jp,B\n").mistakes
    assert (mistake.code, mistake.row, mistake.detail) == ("other_values", 3, "2")


MISTAKES = {
    "no_address_column": ("name\nA\n", ()),
    "no_field_column": ("email\na@example.jp\n", ("店舗",)),
    "no_field": ("email,店舗\na@example.jp,\n", ("店舗",)),
    "field_twice": ("email,x,X\na@example.jp,1,2\n", ()),
    "field_name": ("email,link\na@example.jp,1\n", ()),
    "no_rows": ("email\n", ()),
    "address": ("email\na@b\n", ()),
    "points": ("email,points\na@example.jp,-5\n", ()),
    "language": ("email,language\na@example.jp,fr\n", ()),
    "a_code": ("email,name\na@example.jp,CODE\n", ()),
}


@pytest.mark.parametrize("code", MISTAKES)
def test_each_mistake_of_a_list_has_its_name_and_takes_the_whole_list_with_it(code: str) -> None:
    text, used = MISTAKES[code]
    found = read(text.replace("CODE", CODE), *used)
    assert (found.mistakes[0].code, found.rows) == (code, ())


TEXTS = {
    "no_link": {"body_ja": "hello"},
    "link_in_subject": {"subject_ja": "{{link}}"},
    "braces": {"body_ja": "{{link}} {{name"},
    "a_code": {"body_ja": "{{link}} CODE"},
    "english": {"subject_en": ""},
    "fields": {"body_ja": "{{link}} {{shop}}"},
}


@pytest.mark.parametrize("rule", TEXTS)
def test_texts_that_cannot_be_mailed_are_refused(rule: str) -> None:
    refuse_unfit(lists.WORDING, ["name"])
    changes = {field: text.replace("CODE", CODE) for field, text in TEXTS[rule].items()}
    with pytest.raises(MailingRefused) as refusal:
        refuse_unfit(lists.WORDING._replace(**changes), ["name"])
    assert refusal.value.rule == rule


def test_what_stands_in_a_list_adds_no_line_and_no_field_to_a_mail() -> None:
    mail = mail_for(
        lists.WORDING,
        language="ja",
        fields={"name": "A\nBcc: b@example.jp {{link}}"},
        points=1_500,
        claim_until=NOON + timedelta(days=1),
        link="https://x/#c=1",
        opt_out="https://x/stop",
    )
    assert "\n" not in mail.subject
    assert mail.body.startswith("A Bcc: b@example.jp {{link}} 様\n1,500 ポイント")
    assert mail.body.count("https://x/#c=1") == 1


def test_an_address_is_sealed_and_known_again_by_its_brand_alone() -> None:
    person = Person("hana@example.jp", {"name": "花子"})
    assert sealing.unseal(sealing.seal(person)) == person
    assert sealing.seal(person) != sealing.seal(person)
    assert sealing.digests_of(1, " Hana@Example.JP ") == sealing.digests_of(1, "hana@example.jp")
    assert sealing.digests_of(1, "hana@example.jp") != sealing.digests_of(2, "hana@example.jp")


def test_a_number_in_a_mail_cannot_be_made_by_others() -> None:
    number = sealing.number_of(12)
    assert sealing.recipient_numbered(number.upper()) == 12
    assert sealing.recipient_numbered(f"13.{number.partition('.')[2]}") is None
