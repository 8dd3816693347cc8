"""What the documentation says of the sandbox is what happens with a fresh test key."""

import html
import json
import re
import shlex
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.test import Client
from tokuten_partner.transport import Transport

from campaigns.sandbox import FixedCode
from giftcodes import codec
from giftcodes.gift_models import Gift
from parties.api import staged
from tests.api.sandboxes import Sandbox
from tests.api.test_client import ToTheSite

pytestmark = pytest.mark.django_db
LANGUAGES = pytest.mark.parametrize("language", ["en", "ja"])
_ROW = re.compile(r"<tr><td>(.*?)</td>(?:<td>.*?</td>)?<td>(.*?)</td></tr>")


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch, db: None) -> Sandbox:
    monkeypatch.setattr(staged, "pause", lambda _seconds: None)
    return Sandbox()


def page(name: str, language: str) -> str:
    answer = Client(headers={"accept-language": language}).get(f"/api/docs/{name}/")
    assert answer.status_code == 200
    assert f'<html lang="{language}">' in answer.content.decode()
    return answer.content.decode()


def curls_in(text: str) -> list[str]:
    """The calls of the page, each on one line."""
    shown = "\n".join(
        html.unescape(block) for block in re.findall(r"<pre[^>]*><code>(.*?)</code>", text, re.DOTALL)
    )
    return [line for line in shown.replace("\\\n", " ").splitlines() if line.startswith("curl ")]


def sent(box: Sandbox, curl: str) -> Any:
    """The answer to that call, as it stands, with the key in the environment."""
    _curl, url, *options = shlex.split(curl.replace("$KEY", box.partner.text))
    given = list(zip(options[::2], options[1::2], strict=True))
    headers = dict(value.split(": ", 1) for option, value in given if option == "-H")
    body = next((value for option, value in given if option == "-d"), None)
    path = url.removeprefix(settings.SITE_URL)
    if body is None:
        return box.partner.http.get(path, headers=headers)
    return box.partner.http.post(path, body, content_type=headers.pop("Content-Type"), headers=headers)


@LANGUAGES
@pytest.mark.parametrize(("name", "calls"), [("start", 3), ("sandbox", 1)])
def test_every_call_on_the_page_works_as_it_stands(
    box: Sandbox, name: str, calls: int, language: str
) -> None:
    found = curls_in(page(name, language))
    assert len(found) == calls
    for curl in found:
        answer = sent(box, curl)
        assert answer.status_code in (200, 201), (curl, answer.content)


@LANGUAGES
def test_the_table_says_what_is_answered_to_each_fixed_code(box: Sandbox, language: str) -> None:
    rows = dict(_ROW.findall(page("sandbox", language)))
    for fixed in FixedCode:
        says = rows.pop(f"<code>{codec.group(fixed.value)}</code>")
        answer = box.claim(codec.group(fixed.value), member=f"ref:{fixed.name}")
        status, *code = [answer.status_code, *([answer.json()["code"]] if answer.status_code > 201 else [])]
        assert f"{status} {code[0]}" in says if code else f"<code>{status}</code>" in says, (fixed.name, says)


@LANGUAGES
def test_the_table_says_what_is_answered_to_each_fixed_name(box: Sandbox, language: str) -> None:
    rows = [
        (what, says)
        for what, says in _ROW.findall(page("sandbox", language))
        if "&quot;" in what or '"' in what
    ]
    assert len(rows) == 5
    for what, says in rows:
        field = json.loads("{" + html.unescape(re.sub("<.*?>", "", what)) + "}")
        answer = box.post("gifts", **{"campaign": "sandbox"} | field)
        code = answer.json().get("code") if answer.status_code > 201 else ""
        assert f"<code>{answer.status_code} {code}".rstrip() in says, (field, says)


def test_the_python_client_gets_the_gift_whose_answer_was_lost(box: Sandbox) -> None:
    waited: list[float] = []
    headers = {"Authorization": f"Bearer {box.partner.text}"}
    http = httpx.Client(transport=ToTheSite(), base_url="http://testserver/api/v1/", headers=headers)
    asked = {"campaign": "sandbox", "recipient_ref": "sandbox:500-but-issued"}
    gift = Transport(http, tries=2, sleep=waited.append).post("gifts", asked, key="k1")
    assert len(waited) == 1
    assert str(Gift.objects.get(recipient_ref=asked["recipient_ref"]).public_id) == gift["id"]
