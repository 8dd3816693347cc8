"""What was taken from others is what they published, with its licence beside it."""

import hashlib
from pathlib import Path

from django.contrib.staticfiles import finders

FOLDER = Path(str(finders.find("redemption_site/jsqr")))
# The same digest as of dist/jsQR.js in the package jsqr 1.4.0.
JSQR_SHA256 = "bc40c8a15196236b2314db0856f72ca0b49980cd5413b8c852a7349f5fee0859"


def test_the_reader_of_qr_codes_is_the_published_one() -> None:
    lines = (FOLDER / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in (line.split() for line in lines)}
    found = {name: hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() for name in sums}
    assert found == sums
    assert sums["jsQR-1.4.0.js"] == JSQR_SHA256
    assert {path.name for path in FOLDER.iterdir()} == {*sums, "SHA256SUMS"}


def test_its_licence_is_beside_it() -> None:
    assert "Apache License" in (FOLDER / "LICENSE.txt").read_text()
