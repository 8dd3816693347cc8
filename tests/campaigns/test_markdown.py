"""Texts of a page: what their marks mean, and that nothing but text and honest links comes out of them."""

import re
import time

import pytest
from django.core.exceptions import ValidationError
from django.template.defaultfilters import linebreaks_filter
from hypothesis import given
from hypothesis import strategies as st

from campaigns.forms import PageTextField
from campaigns.markdown import as_html, as_plain, depth_of
from parties.forms import marked_text

HOME = "points.example.com"
REL = 'rel="noopener noreferrer nofollow"'


def link(address: str, text: str, host: str = "") -> str:
    """A paragraph that is a link, with the host that it leads to where that is another one."""
    leaving = f'<span class="leaving"> ({host})</span>' if host else ""
    return f'<p><a href="{address}" {REL}>{text}{leaving}</a></p>'


def shown(typed: str) -> str:
    """From the form's field to the page, in one line."""
    return as_html(PageTextField(required=False).clean(typed), home=HOME).replace("\n", "")


@pytest.mark.parametrize(
    ("typed", "html"),
    [
        ("**太字**と*強調*", "<p><strong>太字</strong>と<em>強調</em></p>"),
        ("これは**「特典」**です", "<p>これは<strong>「特典」</strong>です</p>"),
        ("a ** b ** c, 2 * 3 * 4", "<p>a ** b ** c, 2 * 3 * 4</p>"),
        ("snake_case_name", "<p>snake_case_name</p>"),
        ("一行\n二行\n\n段落", "<p>一行<br>二行</p><p>段落</p>"),
        ("- a\n  - b\n- c", "<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>"),
        ("3. 三\n4. 四", '<ol start="3"><li>三</li><li>四</li></ol>'),
        ("> 引用", "<blockquote><p>引用</p></blockquote>"),
        ("# A\n### B\n#### C\n# D", "<h2>A</h2><h3>B</h3><h4>C</h4><h2>D</h2>"),
        ("### only", "<h2>only</h2>"),
        ("a\n---\nb", "<p>a</p><hr><p>b</p>"),
        ("a\n===\nb", "<p>a<br>===<br>b</p>"),
        ("a  \nb\\\nc", "<p>a<br>b<br>c</p>"),
        ("    indented", "<p>indented</p>"),
        ("`code` ```x```", "<p>`code` ```x```</p>"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "<p>| a | b |<br>|---|---|<br>| 1 | 2 |</p>"),
    ],
)
def test_marks_mean_what_commonmark_says_and_no_more_than_is_offered(typed: str, html: str) -> None:
    assert shown(typed) == html


@pytest.mark.parametrize(
    ("typed", "html"),
    [
        (f"[here](https://{HOME}/wallet/)", link(f"https://{HOME}/wallet/", "here")),
        ("[shops](https://shops.example/)", link("https://shops.example/", "shops", "shops.example")),
        (
            "[https://bank.example](https://evil.example/)",
            link("https://evil.example/", "https://bank.example", "evil.example"),
        ),
        (
            "[日本](https://日本.example/)",
            link("https://xn--wgv71a.example/", "日本", "xn--wgv71a.example"),
        ),
        ("[call](tel:0312345678)", link("tel:0312345678", "call")),
        ("[write](mailto:a@b.example)", link("mailto:a@b.example", "write")),
        ("<a@b.example>", link("mailto:a@b.example", "a@b.example")),
        ("https://plain.example stays text", "<p>https://plain.example stays text</p>"),
    ],
)
def test_a_link_says_where_it_leads(typed: str, html: str) -> None:
    assert shown(typed) == html


@pytest.mark.parametrize(
    ("typed", "html"),
    [
        # Addresses that are no https, mailto or tel stay what they are: text.
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        ("[x](JaVaScRiPt:alert(1))", "<p>[x](JaVaScRiPt:alert(1))</p>"),
        ("[x](<javascript:alert(1)>)", "<p>[x](&lt;javascript:alert(1)&gt;)</p>"),
        ("[x](java\tscript:alert(1))", "<p>[x](java script:alert(1))</p>"),
        ("[x](\x01javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        ("[x](java\u200bscript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        ("[x](&#106;avascript:alert(1))", "<p>[x](&amp;#106;avascript:alert(1))</p>"),
        ("[x](javascript&colon;alert(1))", "<p>[x](javascript&amp;colon;alert(1))</p>"),
        ("[x](javascript%3Aalert(1))", "<p>[x](javascript%3Aalert(1))</p>"),
        ("[x](\\javascript:alert(1))", "<p>[x](\\javascript:alert(1))</p>"),
        ("<javascript:alert(1)>", "<p>&lt;javascript:alert(1)&gt;</p>"),
        ("[x](vbscript:x)", "<p>[x](vbscript:x)</p>"),
        ("[x](data:text/html;base64,PHN2Zz4=)", "<p>[x](data:text/html;base64,PHN2Zz4=)</p>"),
        ("[x](file:///etc/passwd)", "<p>[x](file:///etc/passwd)</p>"),
        ("[x](http://plain.example)", "<p>[x](http://plain.example)</p>"),
        ("[x](//evil.example)", "<p>[x](//evil.example)</p>"),
        ("[x](/sign-out/)", "<p>[x](/sign-out/)</p>"),
        ("[x](https:)", "<p>[x](https:)</p>"),
        ("[x](https://)", "<p>[x](https://)</p>"),
        ("[x](https://[bad/)", "<p>[x](https://[bad/)</p>"),
        (
            "[x](https://points.example.com@evil.example/)",
            "<p>[x](https://points.example.com@evil.example/)</p>",
        ),
        # Reference links are not known.
        ("[x]\n\n[x]: javascript:alert(1)", "<p>[x]</p><p>[x]: javascript:alert(1)</p>"),
        ("[a][x]\n\n[x]: https://a.example", "<p>[a][x]</p><p>[x]: https://a.example</p>"),
        # HTML is text.
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        ("<img src=x onerror=alert(1)>", "<p>&lt;img src=x onerror=alert(1)&gt;</p>"),
        ("<svg/onload=alert(1)>", "<p>&lt;svg/onload=alert(1)&gt;</p>"),
        ("<style>*{display:none}</style>", "<p>&lt;style&gt;*{display:none}&lt;/style&gt;</p>"),
        ("<!-- --><b onclick=x>y</b>", "<p>&lt;!-- --&gt;&lt;b onclick=x&gt;y&lt;/b&gt;</p>"),
        ('<a href="javascript:x">y</a>', '<p>&lt;a href="javascript:x"&gt;y&lt;/a&gt;</p>'),
        ("<math><mi//xlink:href='data:x'>", "<p>&lt;math&gt;&lt;mi//xlink:href='data:x'&gt;</p>"),
        ("&lt;script&gt; &amp; &copy;", "<p>&amp;lt;script&amp;gt; &amp;amp; &amp;copy;</p>"),
        # No picture, so no request to another host.
        (
            "![x](https://spy.example/x.png)",
            link("https://spy.example/x.png", "x", "spy.example").replace("<p>", "<p>!"),
        ),
        # Nothing but the address gets into the link.
        (
            '[x](https://a.example "onmouseover=alert(1)")',
            link("https://a.example", "x", "a.example"),
        ),
        (
            '[x](https://a.example/"onclick="alert(1))',
            link("https://a.example/%22onclick=%22alert(1)", "x", "a.example"),
        ),
        # What can't be seen is dropped: it would make a text read as another one.
        ("[安全\u202e](https://a.example)", link("https://a.example", "安全", "a.example")),
        ("a\u2066b\u200bc\ufeffd\x00e", "<p>abcde</p>"),
    ],
)
def test_nothing_gets_through_but_text_and_links(typed: str, html: str) -> None:
    found = shown(typed)
    assert found == html
    assert not re.search("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]", found)
    assert not re.search(r"<(?!/?(?:p|a|br|span|strong|em)\b)", found)


TAGS = {"p", "br", "strong", "em", "a", "ul", "ol", "li", "h2", "h3", "h4", "blockquote", "hr", "span"}
NASTY = st.text(st.sampled_from("<>[]()!*_#-\\`&;:\"'= \njavascripthttps/.@%x1あ\t"), max_size=120)


@given(NASTY)
def test_whatever_is_typed_only_known_tags_come_out_and_only_with_known_attributes(typed: str) -> None:
    html = as_html(marked_text(typed), home=HOME)
    for tag, attributes in re.findall(r"<(\w+)([^>]*)>", html):
        assert tag in TAGS
        assert re.fullmatch(
            rf'(?: href="(?:https|mailto|tel):[^"<>]*" {REL}| class="leaving"| start="\d+")?', attributes
        )


@given(
    st.lists(st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=20), min_size=1, max_size=6)
)
def test_a_plain_text_looks_as_it_did(words: list[str]) -> None:
    text = marked_text("".join(word + ("\n\n" if len(word) % 3 else "\n") for word in words))
    assert as_html(text, home=HOME).replace("\n", "") == linebreaks_filter(text, autoescape=True).replace(
        "\n", ""
    )


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("- a\r\n  - b\r\n", "- a\n  - b"),
        ("- a\n\t- b", "- a\n    - b"),
        ("a  \nb   \n", "a  \nb"),
        ("\n\n a\n\n\n\nb", " a\n\nb"),
        ("\u202e- a\u200b  b\u3000c", "- a b c"),
        ("\u3000段落", "段落"),
        ("   \n \u200b \n", ""),
    ],
)
def test_the_field_keeps_blanks_that_mean_something(typed: str, kept: str) -> None:
    cleaned = PageTextField(required=False).clean(typed)
    assert cleaned.rstrip(" ") == kept.rstrip(" ") if typed.endswith("\n") else cleaned == kept


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("## 使いみち\n\n- **1円**から\n- [店](https://a.example)で", "使いみち 1円から 店で"),
        ("一行\n二行", "一行 二行"),
        ("<b>x</b> & y", "<b>x</b> & y"),
        ("", ""),
    ],
)
def test_a_preview_of_a_link_shows_the_text_without_its_marks(text: str, plain: str) -> None:
    assert as_plain(text) == plain


@pytest.mark.parametrize(
    ("text", "depth"), [("a", 0), ("> a", 1), ("- a\n  - b\n    1. c", 3), ("> - a\n>   > b", 3)]
)
def test_depth_counts_lists_and_quotes(text: str, depth: int) -> None:
    assert depth_of(text) == depth


def test_what_stands_too_deep_is_refused_and_four_deep_is_not() -> None:
    assert PageTextField().clean(">>>> a") == ">>>> a"
    with pytest.raises(ValidationError) as refusal:
        PageTextField().clean(">>>>> a")
    assert refusal.value.code == "deep"


BOMBS = [
    ">",
    "- ",
    "[",
    "*a ",
    "*a**",
    "<",
    "[a](",
    "\\*",
    "_a_*b*",
    "1. ",
    "a\n\n",
    "![a](",
    "](",
    "**「a」**",
]


@pytest.mark.parametrize("piece", BOMBS)
def test_no_text_of_the_longest_length_costs_much(piece: str) -> None:
    text = (piece * 2_000)[:2_000]
    begun = time.process_time()
    assert len(as_html(text, home=HOME)) < 20_000
    assert time.process_time() - begun < 1
