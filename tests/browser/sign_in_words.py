"""What the ways to sign in beside the mailbox are called on the pages, in both languages."""

from tests.browser.steps import WORDS, Person, sign_in_code

MORE = {
    "with passkey": {"en": "Sign in with a passkey", "ja": "パスキーでログイン"},
    "passkey and receive": {
        "en": "Use a passkey and receive the points",
        "ja": "パスキーでログインして受け取る",
    },
    "add it": {"en": "Add the passkey", "ja": "パスキーを追加する"},
    "name": {"en": "Name of the passkey", "ja": "パスキーの名前"},
    "save": {"en": "Save the name", "ja": "名前を保存する"},
    "remove": {"en": "Remove the passkey", "ja": "パスキーを削除する"},
    "once more": {"en": "Sign in once more", "ja": "もう一度ログインする"},
    "sign in": {"en": "Sign in", "ja": "ログイン"},
    "with provider": {"en": "Sign in with Example ID", "ja": "Example IDでログイン"},
    "connect": {"en": "Connect Example ID", "ja": "Example IDを連携する"},
    "failed": {"en": "No passkey was used.", "ja": "パスキーは使用されませんでした。"},
    "refused": {"en": "That passkey can't be used here", "ja": "このパスキーは使用できません"},
    "is it yours": {"en": "Is this your account?", "ja": "ご本人のアカウントですか？"},
}


class Visitor(Person):
    """Somebody who signs in in other ways as well."""

    def word(self, name: str) -> str:
        return (WORDS | MORE)[name][self.lang]

    def sign_out(self) -> None:
        self.page.goto("/account/")  # on a phone the header has no room for it
        self.page.locator("main form button").click()
        self.page.wait_for_url(lambda address: not address.endswith("/account/"))

    def sign_in_by_mail(self, email: str = "hanako@example.com") -> None:
        self.page.goto("/sign-in/")
        self.fill("email", email)
        self.press("send")
        self.page.wait_for_url("**/sign-in/code/**")
        self.fill("sign-in code", sign_in_code())
        self.press("sign in")
        self.page.wait_for_url("**/wallet/")
