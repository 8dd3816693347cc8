"""Texts of a campaign's page: CommonMark without HTML, pictures, code or tables, as HTML that is safe to
show. Pure.

Two walls. markdown-it is told to know no HTML and to link to https, mailto and tel alone; nh3 then drops
whatever is not on a list of its own. A line break stays one, as in the plain texts that were typed before.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import urlsplit

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_inline.state_inline import Delimiter, StateInline
from markdown_it.token import Token

MOST_DEPTH = 4  # lists and quotes within one another
_FIRST_HEADING, _LAST_HEADING = 2, 4  # h1 is the page's title
_NESTING = ("blockquote", "bullet_list", "ordered_list")
_UNWANTED = [
    *("html_block", "html_inline", "image", "reference", "entity"),
    *("code", "fence", "backticks"),
    "lheading",  # a row of hyphens under a line is a line to most people, not a heading
]
_TAGS = {"p", "br", "strong", "em", "a", "ul", "ol", "li", "h2", "h3", "h4", "blockquote", "hr", "span"}
_HOST = re.compile(r"[a-z0-9.-]+")  # as markdown-it hands it over: punycode
_SCHEMES = {"https", "mailto", "tel"}


def _emphasis(state: StateInline, silent: bool) -> bool:
    """Stars as CommonMark reads them, and beside a Japanese character also where it wants a blank, which
    Japanese does not write: `**「特典」**です`.
    """
    marker = state.src[state.pos]
    if silent or marker not in "*_":
        return False
    run = state.scanDelims(state.pos, marker == "*")
    before = state.src[state.pos - 1] if state.pos else " "
    after = (state.src[: state.posMax] + " ")[state.pos + run.length]
    is_japanese = marker == "*" and (_is_wide(before) or _is_wide(after))
    for _ in range(run.length):
        state.push("text", "", 0).content = marker
        delimiter = Delimiter(
            marker=ord(marker),
            length=run.length,
            token=len(state.tokens) - 1,
            end=-1,
            open=run.can_open or (is_japanese and not after.isspace()),
            close=run.can_close or (is_japanese and not before.isspace()),
        )
        state.delimiters.append(delimiter)
    state.pos += run.length
    return True


def _is_wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in ("W", "F")


class _Reader(MarkdownIt):
    def __init__(self) -> None:
        super().__init__("commonmark", {"html": False, "breaks": True, "linkify": False})
        self.disable(_UNWANTED)
        self.inline.ruler.at("emphasis", _emphasis)

    def validateLink(self, url: str) -> bool:  # noqa: N802  # its name in markdown-it
        """Whether a link may lead there. A user name before the host only serves to disguise the host."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        if parts.scheme == "https":
            return _HOST.fullmatch(parts.hostname or "") is not None and "@" not in parts.netloc
        return parts.scheme in _SCHEMES and bool(parts.path)


_READER = _Reader()
_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags={"script", "style"},
    attributes={"*": set(), "a": {"href"}, "ol": {"start"}},
    allowed_classes={"span": {"leaving"}},
    url_schemes=_SCHEMES,
    url_relative="deny",
    link_rel="noopener noreferrer nofollow",
)


@lru_cache(maxsize=256)
def as_html(text: str, *, home: str) -> str:
    """The text as HTML. Links to another host than `home` name that host behind their text."""
    tokens = _READER.parse(text)
    _lower_headings(tokens)
    for token in tokens:
        if token.children:
            token.children = list(_naming_hosts(token.children, home))
    return _CLEANER.clean(_READER.renderer.render(tokens, _READER.options, {}))


@lru_cache(maxsize=256)
def as_plain(text: str) -> str:
    """The text without its marks, in one line: for previews of links."""
    paragraphs = [
        "".join(
            " " if child.type in ("softbreak", "hardbreak") else child.content
            for child in token.children or []
        )
        for token in _READER.parse(text)
    ]
    return " ".join(" ".join(paragraphs).split())


def depth_of(text: str) -> int:
    """How deep lists and quotes stand in one another."""
    deepest = depth = 0
    for token in _READER.parse(text):
        if token.type.removesuffix("_open").removesuffix("_close") in _NESTING:
            depth += token.nesting
            deepest = max(deepest, depth)
    return deepest


def _lower_headings(tokens: list[Token]) -> None:
    """Headings begin below the page's own and leave out no level: screen readers jump by them."""
    level = _FIRST_HEADING - 1
    for token in tokens:
        if token.type == "heading_open":
            level = min(int(token.tag[1]) + 1, level + 1, _LAST_HEADING)
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{level}"


def _naming_hosts(children: list[Token], home: str) -> Iterator[Token]:
    host = ""
    for token in children:
        if token.type == "link_open":
            host = urlsplit(str(token.attrs.get("href", ""))).hostname or ""
        if token.type == "link_close" and host not in ("", home):
            yield Token("leaving_open", "span", 1, attrs={"class": "leaving"})
            yield Token("text", "", 0, content=f" ({host})")
            yield Token("leaving_close", "span", -1)
        yield token
