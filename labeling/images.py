"""Images as a browser can show them."""

from __future__ import annotations

import io

FOR_BROWSERS = {"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"}


def for_browser(data: bytes) -> tuple[bytes, str]:
    """An encoded image and its media type; a format that no browser knows becomes a PNG."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        kind = image.get_format_mimetype() or ""
        if kind in FOR_BROWSERS:
            return data, kind
        out = io.BytesIO()
        image.convert("RGBA" if "A" in image.getbands() else "RGB").save(out, "PNG")
    return out.getvalue(), "image/png"
