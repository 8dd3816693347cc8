"""Looks at PDF pages and SVG pictures of our own, as far as they are rectangles: enough to read a QR code off
them without a program that shows PDF.
"""

import base64
import re
import zlib
from collections.abc import Iterator

import zxingcpp
from PIL import Image, ImageDraw

Rectangle = tuple[float, float, float, float]
_NUMBER = r"-?[\d.]+"
_OPERATORS = re.compile(
    rf"(?P<re>{_NUMBER} {_NUMBER} {_NUMBER} {_NUMBER}) re\b|(?P<rg>{_NUMBER} {_NUMBER} {_NUMBER}) rg\b"
    r"|(?P<fill>\bf\*?(?=\s))|(?P<new>\bn(?=\s))"
)


def qr_texts(picture: Image.Image) -> list[str]:
    """What the QR codes in the picture say."""
    return [found.text for found in zxingcpp.read_barcodes(picture)]


def page_of(pdf: bytes, *, scale: float = 4) -> Image.Image:
    """The filled rectangles of the only page, in their colours, in the order in which they were painted."""
    [page] = pages_of(pdf, scale=scale)
    return page


def pages_of(pdf: bytes, *, scale: float = 4) -> list[Image.Image]:
    """The same of every page."""
    return [_painted(text, scale) for text in _streams(pdf) if " re" in text]


def _painted(stream: str, scale: float) -> Image.Image:
    picture = Image.new("RGB", (round(595 * scale), round(842 * scale)), "white")
    brush = ImageDraw.Draw(picture)
    colour, waiting = (0, 0, 0), list[Rectangle]()
    for found in _OPERATORS.finditer(stream):
        if found["re"]:
            left, bottom, width, height = map(float, found["re"].split())
            waiting.append((left, bottom, left + width, bottom + height))
        elif found["rg"]:
            red, green, blue = (round(255 * float(part)) for part in found["rg"].split())
            colour = (red, green, blue)
        elif found["new"]:
            waiting.clear()
        else:
            for left, bottom, right, top in waiting:
                brush.rectangle(
                    [scale * left, scale * (842 - top), scale * right, scale * (842 - bottom)], colour
                )
            waiting.clear()
    return picture


def svg_picture(svg: str, *, module: int = 8) -> Image.Image:
    """The dark runs of a QR code, from its path."""
    side = int(re.findall(r'viewBox="0 0 (\d+) ', svg)[0])
    picture = Image.new("L", (side * module, side * module), 255)
    brush = ImageDraw.Draw(picture)
    for column, row, length in re.findall(r"M(\d+) (\d+)h(\d+)v1", svg):
        left, top = int(column) * module, int(row) * module
        brush.rectangle([left, top, left + int(length) * module - 1, top + module - 1], 0)
    return picture


def _streams(pdf: bytes) -> Iterator[str]:
    """What is drawn; fonts and pictures have more in their dictionaries."""
    head = rb"<<\s*/Filter \[ /ASCII85Decode /FlateDecode \] /Length \d+\s*>>\s*stream\r?\n(.*?)endstream"
    for found in re.finditer(head, pdf, re.DOTALL):
        text = base64.a85decode(found[1].strip().removesuffix(b"~>"))
        yield zlib.decompress(text).decode("latin-1")
