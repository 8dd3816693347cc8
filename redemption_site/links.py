"""The code of a claim link: `…/c/<slug>/#c=<code>`. static/redemption_site/code.js reads it alike. Pure."""

import re
from urllib.parse import unquote

_CODE_IN_LINK = re.compile(r"#c=([^&\s]*)")


def without_link(typed: str) -> str:
    """The code within, if a whole claim link was typed or pasted; else what was typed, as it stands."""
    found = _CODE_IN_LINK.search(typed)
    if found is None:
        return typed
    try:
        return unquote(found[1], errors="strict")
    except UnicodeDecodeError:
        return found[1]
