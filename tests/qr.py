"""QR codes as pictures, and as what a camera sees."""

from pathlib import Path

from PIL import Image
from reportlab.graphics.barcode.qrencoder import QRCode, QRErrorCorrectLevel


def qr_picture(text: str, *, module: int = 8, is_inverted: bool = False) -> Image.Image:
    """The QR code of a text, `module` pixels a module, with the four white modules around it that readers
    want.
    """
    code = QRCode(None, QRErrorCorrectLevel.M)
    code.addData(text)
    code.make()
    size = code.getModuleCount()
    ink, paper = (255, 0) if is_inverted else (0, 255)
    picture = Image.new("L", (size + 8, size + 8), paper)
    for row in range(size):
        for column in range(size):
            if code.isDark(row, column):
                picture.putpixel((column + 4, row + 4), ink)
    return picture.resize((module * (size + 8), module * (size + 8)), Image.Resampling.NEAREST)


def film(picture: Image.Image, path: Path, *, width: int = 640, height: int = 480, frames: int = 4) -> Path:
    """A YUV4MPEG2 film that shows the picture, slightly turned, on a grey table: what Chromium takes for a
    camera.
    """
    turned = picture.convert("L").rotate(7, expand=True, fillcolor=200, resample=Image.Resampling.BICUBIC)
    turned.thumbnail((width - 40, height - 40))
    table = Image.new("L", (width, height), 200)
    table.paste(turned, ((width - turned.width) // 2, (height - turned.height) // 2))
    colourless = bytes([128]) * (width * height // 4) * 2
    whole = path.with_suffix(".part")  # a camera that is running never sees half a film
    with whole.open("wb") as file:
        file.write(b"YUV4MPEG2 W%d H%d F10:1 Ip A1:1 C420\n" % (width, height))
        for _ in range(frames):
            file.write(b"FRAME\n" + table.tobytes() + colourless)
    return whole.replace(path)
