"""What a person does on the pages, by what they see: labels and buttons in their language."""

import re
from contextlib import nullcontext

from django.core import mail
from playwright.sync_api import Page

WORDS = {
    "code": {"en": "16-digit code", "ja": "16桁のコード"},
    "receive": {"en": "Receive the points", "ja": "ポイントを受け取る"},
    "email": {"en": "E-mail address", "ja": "メールアドレス"},
    "send": {"en": "Send me a sign-in code", "ja": "認証コードを送信する"},
    "sign-in code": {"en": "Sign-in code", "ja": "認証コード"},
    "sign in and receive": {"en": "Sign in and receive the points", "ja": "ログインして受け取る"},
    "received": {"en": "The points are in your wallet", "ja": "ポイントを受け取りました"},
    "wallet": {"en": "Go to your wallet", "ja": "ウォレットを見る"},
    "history": {"en": "History", "ja": "履歴"},
}


class Person:
    """Somebody in front of a page."""

    def __init__(self, page: Page, lang: str) -> None:
        self.page = page
        self.lang = lang

    def word(self, name: str) -> str:
        return WORDS[name][self.lang]

    def fill(self, label: str, text: str) -> None:
        self.page.get_by_label(self.word(label), exact=True).fill(text)

    def press(self, button: str, *, stays: bool = False) -> None:
        """Press it, and see the page that it leads to, unless the script keeps the person where they are."""
        found = self.page.get_by_role("button", name=self.word(button), exact=True)
        # A click comes back before the next page is there, and a look at that moment would see neither.
        with nullcontext() if stays else self.page.expect_navigation():
            found.click()

    def enter_code(self, code: str, *, stays: bool = False) -> None:
        self.fill("code", code)
        self.press("receive", stays=stays)

    def sign_in(self, email: str = "hanako@example.com") -> None:
        self.fill("email", email)
        self.press("send")
        self.page.wait_for_url("**/sign-in/code/**")
        self.fill("sign-in code", sign_in_code())
        self.press("sign in and receive")


def sign_in_code() -> str:
    found = re.search(r"\d{4}-\d{4}", str(mail.outbox[-1].body))
    assert found
    return found[0]
