"""Charts as files: drawn by Vega itself, which comes with its own engine and needs no browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import altair as alt

WIDTH, SCALE = 760, 2.0
FONT = "Noto Sans, Noto Sans CJK KR, sans-serif"


def svg(chart: alt.TopLevelMixin) -> bytes:
    """A chart as SVG that stands alone."""
    import vl_convert

    return str(vl_convert.vegalite_to_svg(_spec(chart))).encode()


def png(chart: alt.TopLevelMixin) -> bytes:
    """A chart as PNG, twice as large as on screen, for slides."""
    import vl_convert

    return bytes(vl_convert.vegalite_to_png(_spec(chart), scale=SCALE))


def _spec(chart: alt.TopLevelMixin) -> dict[str, Any]:
    """On white, as wide as a page, in a font that has Korean letters."""
    spec: dict[str, Any] = chart.to_dict()
    spec.setdefault("width", WIDTH)
    spec["background"] = "white"
    spec["config"] = {**spec.get("config", {}), "font": FONT}
    return spec


PICTURES: dict[str, Callable[[alt.TopLevelMixin], bytes]] = {"svg": svg, "png": png}
