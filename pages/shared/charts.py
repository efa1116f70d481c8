"""Charts: every estimate with its interval."""

from __future__ import annotations

import altair as alt
import pandas as pd

WHISKER, HALO = "#46535a", "#ffffff"  # together legible on light, on dark and on every bar
SO_FAR, AHEAD = "#0f828d", "#c98a3d"  # legible on light and on dark
GUIDE, ACCENT = "#7c898f", "#0f828d"  # legible on light and on dark
TICKS = alt.Axis(tickMinStep=1, format="d")
WHOLE = alt.Scale(domain=[0, 1])
ARMS = ["what you labelled", "random items only"]


def learning_curve(curve: pd.DataFrame) -> alt.LayerChart:
    """Score by number of labels with 95 % intervals; one line an arm.

    `curve` has arm, n_labels, value, low, high, n; values are shares.
    """
    base = alt.Chart(curve).encode(
        x=_labels(),
        color=alt.Color("arm:N", title=None, sort=ARMS, legend=alt.Legend(orient="top")),
        tooltip=[
            alt.Tooltip("arm:N", title="arm"),
            alt.Tooltip("round:Q", title="round"),
            alt.Tooltip("n_labels:Q", title="labels"),
            alt.Tooltip("value:Q", format=".1%", title="score"),
            alt.Tooltip("low:Q", format=".1%", title="at least"),
            alt.Tooltip("high:Q", format=".1%", title="at most"),
            alt.Tooltip("n:Q", title="gold labels"),
        ],
    )
    scale = alt.Scale(zero=False, nice=True)
    value = alt.Y("value:Q", title="score on gold", scale=scale, axis=alt.Axis(format="%"))
    whiskers = base.mark_rule(opacity=0.5, strokeWidth=2).encode(
        y=alt.Y("low:Q", title="score on gold"), y2="high:Q"
    )
    dashed = alt.StrokeDash("arm:N", sort=ARMS, legend=None)
    line = base.mark_line(point=alt.OverlayMarkDef(size=60)).encode(y=value, strokeDash=dashed)
    return (whiskers + line).properties(height=320)


def _labels() -> alt.X:
    return alt.X(
        "n_labels:Q",
        title="labels in the training data",
        axis=alt.Axis(tickMinStep=1, tickCount=8, format="d"),
        scale=alt.Scale(padding=12, zero=False),
    )


VERDICTS = {
    "real gain": "#0f828d", "real loss": "#c0392b", "within placebo": "#8a9499",
    "not decided": "#c98a3d", "preview": "#7d8fb3",
}  # fmt: skip


def waterfall(bars: pd.DataFrame, *, start: float | None = None) -> alt.LayerChart:
    """One bar a change in points with its interval and placebo band, oldest on top.

    `bars` has change_id, title, delta, low, high, verdict, and band where it is known; shares. With
    `start`, the score before the first, every bar begins where the last one ended.
    """
    points = _placed(bars, start)
    order = points["name"].tolist()
    base = alt.Chart(points).encode(
        y=alt.Y("name:N", sort=order, title=None, axis=alt.Axis(labelLimit=320))
    )
    words = [word for word in VERDICTS if word in set(points["words"])]
    color = alt.Color(
        "words:N",
        title=None,
        sort=words,
        legend=alt.Legend(orient="top"),
        scale=alt.Scale(domain=words, range=[VERDICTS[word] for word in words]),
    )
    title = "points on gold" if start is None else "score on gold, in %"
    scale = alt.Scale(zero=start is None, nice=True)
    band = base.mark_bar(size=26, color=GUIDE, opacity=0.22).encode(x="least:Q", x2="most:Q")
    bar = base.mark_bar(size=16).encode(
        x=alt.X("from:Q", title=title, scale=scale), x2="to:Q", color=color, tooltip=_bar_told()
    )
    halo = base.mark_rule(strokeWidth=5, color=HALO, opacity=0.6).encode(x="low:Q", x2="high:Q")
    whisker = base.mark_rule(strokeWidth=2, color=WHISKER).encode(x="low:Q", x2="high:Q")
    return (band + bar + halo + whisker).properties(height=alt.Step(34))


def _placed(bars: pd.DataFrame, start: float | None) -> pd.DataFrame:
    """Where each bar, its interval and its band begin and end, in points."""
    delta = 100 * bars["delta"].astype(float)
    ends = delta.cumsum() + (0.0 if start is None else 100 * start)
    begins = ends - delta if start is not None else 0 * delta
    band = 100 * (bars["band"] if "band" in bars else pd.Series(0.0, bars.index)).astype(float)
    band = band.fillna(0.0)
    first = bars["verdict"].str.split(":").str[0]
    word = first.where(first != "real", delta.map(lambda d: "real gain" if d > 0 else "real loss"))
    outer = (0.0, 100.0) if start is not None else (None, None)  # no score is beyond them
    return pd.DataFrame(
        {
            "name": [f"{row.change_id} · {row.title}"[:60] for row in bars.itertuples()],
            "title": bars["title"],
            "verdict": bars["verdict"],
            "words": word,
            "points": delta,
            "lower": 100 * bars["low"],
            "upper": 100 * bars["high"],
            "band": band,
            "from": begins,
            "to": begins + delta,
            "low": (begins + 100 * bars["low"]).clip(*outer),
            "high": (begins + 100 * bars["high"]).clip(*outer),
            "least": (begins - band).clip(*outer),
            "most": (begins + band).clip(*outer),
        }
    )


def _bar_told() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("title:N"),
        alt.Tooltip("points:Q", format="+.1f"),
        alt.Tooltip("lower:Q", format="+.1f", title="at least"),
        alt.Tooltip("upper:Q", format="+.1f", title="at most"),
        alt.Tooltip("band:Q", format=".1f", title="random changes do up to"),
        alt.Tooltip("verdict:N"),
    ]


EFFECT_NAMES = {
    "data": "data",
    "model": "model",
    "difference": "data less model",
    "interaction": "beyond their sum",
    "total": "both together",
}


def effects(measured: pd.DataFrame) -> alt.LayerChart:
    """What moved the score, in points with 95 % intervals, against a line at no effect.

    `measured` has effect, points, low, high.
    """
    rows = measured.assign(name=measured["effect"].map(EFFECT_NAMES))
    base = alt.Chart(rows).encode(
        y=alt.Y("name:N", sort=list(EFFECT_NAMES.values()), title=None),
        tooltip=[
            alt.Tooltip("name:N", title="effect"),
            alt.Tooltip("points:Q", format="+.1f"),
            alt.Tooltip("low:Q", format="+.1f", title="at least"),
            alt.Tooltip("high:Q", format="+.1f", title="at most"),
        ],
    )
    zero = alt.Chart(pd.DataFrame({"points": [0.0]})).mark_rule(strokeDash=[4, 4], color=GUIDE)
    whiskers = base.mark_rule(strokeWidth=2, color=GUIDE).encode(
        x=alt.X("low:Q", title="points on gold", axis=alt.Axis(tickCount=8)), x2="high:Q"
    )
    dots = base.mark_circle(size=110, opacity=1, color=ACCENT).encode(x="points:Q")
    return (zero.encode(x="points:Q") + whiskers + dots).properties(height=alt.Step(30))


def review(rulings: pd.DataFrame, *, stops: int, says: str) -> alt.LayerChart:
    """The share of errors among the reviewed labels as a review goes on, with its 95 % interval.

    `rulings` has nth, found, precision, low, high; a line stands at the row `stops` and `says` why.
    """
    base = alt.Chart(rulings).encode(x=alt.X("nth:Q", title="labels reviewed", axis=TICKS))
    share = alt.Y("precision:Q", title="of them wrong", axis=alt.Axis(format="%"), scale=WHOLE)
    shown = [
        alt.Tooltip("nth:Q", title="reviewed"),
        alt.Tooltip("found:Q", title="wrong"),
        alt.Tooltip("precision:Q", format=".0%", title="share"),
        alt.Tooltip("low:Q", format=".0%", title="at least"),
        alt.Tooltip("high:Q", format=".0%", title="at most"),
    ]
    band = base.mark_area(opacity=0.2, color=SO_FAR).encode(
        y=alt.Y("low:Q", scale=WHOLE), y2="high:Q"
    )
    line = base.mark_line(color=SO_FAR).encode(y=share, tooltip=shown)
    end = alt.Chart(pd.DataFrame({"nth": [stops], "says": [says]}))
    rule = end.mark_rule(strokeDash=[4, 4], strokeWidth=2, color=AHEAD).encode(x="nth:Q")
    words = end.mark_text(align="right", dx=-6, dy=-45, color=AHEAD).encode(
        x="nth:Q", text="says:N"
    )
    return (band + line + rule + words).properties(height=200)


def found_over_time(told: pd.DataFrame, *, by: str) -> alt.Chart:
    """What each run of the checks found, stacked by severity or family, oldest on the left.

    `told` has audit_id, at, round_no, import, severity, family, found.
    """
    rounds = told["round_no"].map(lambda no: "" if pd.isna(no) else f", round {no:.0f}")
    names = told["audit_id"].astype(str) + rounds
    order = ["critical", "warning", "info"] if by == "severity" else sorted(told[by].unique())
    scale = alt.Scale(domain=order, range=["#c0392b", "#c98a3d", "#2f6fb3"])
    color = alt.Color(
        f"{by}:N",
        title=None,
        sort=order,
        legend=alt.Legend(orient="top"),
        **({"scale": scale} if by == "severity" else {}),
    )
    return (
        alt.Chart(told.assign(run=names))
        .mark_bar()
        .encode(
            x=alt.X(
                "run:N",
                sort=list(dict.fromkeys(names)),
                title="run of the checks",
                axis=alt.Axis(labelAngle=0, labelOverlap=True),
            ),
            y=alt.Y("sum(found):Q", title="found", axis=alt.Axis(tickMinStep=1)),
            color=color,
            tooltip=[
                alt.Tooltip("at:N", title="at"),
                alt.Tooltip("import:Q", title="imports before it"),
                alt.Tooltip(f"{by}:N"),
                alt.Tooltip("sum(found):Q", title="found"),
            ],
        )
        .properties(height=280)
    )


def forecast(curve: pd.DataFrame, bands: pd.DataFrame) -> alt.LayerChart:
    """The score by number of labels, continued by its forecast with bands of 80 and 95 %.

    `curve` has n_labels, score; `bands` n_labels, predicted, low_80, high_80, low_95, high_95, the
    last score first; all shares.
    """
    x, scale = _labels(), alt.Scale(zero=False, nice=True)

    def y(name: str) -> alt.Y:
        return alt.Y(f"{name}:Q", title="score on gold", scale=scale, axis=alt.Axis(format=".1~%"))

    behind = alt.Chart(bands).encode(x=x)
    areas = [
        behind.mark_area(opacity=0.22, color=AHEAD).encode(y=y(f"low_{n}"), y2=f"high_{n}")
        for n in (95, 80)
    ]
    ahead = _dotted(behind, AHEAD, dash=[6, 4]).encode(y=y("predicted"), tooltip=_told(bands))
    so_far = _dotted(alt.Chart(curve).encode(x=x), SO_FAR, dash=[1, 0])
    so_far = so_far.encode(y=y("score"), tooltip=_told(curve))
    return alt.layer(*areas, ahead, so_far).properties(height=300)


def _dotted(chart: alt.Chart, color: str, *, dash: list[int]) -> alt.Chart:
    dots = alt.OverlayMarkDef(size=60, color=color)
    return chart.mark_line(color=color, strokeDash=dash, point=dots)


def _told(frame: pd.DataFrame) -> list[alt.Tooltip]:
    """A tooltip of labels and shares, one line a column."""
    labels = alt.Tooltip("n_labels:Q", title="labels")
    shares = [name for name in frame.columns if name != "n_labels"]
    return [
        labels,
        *(alt.Tooltip(f"{n}:Q", format=".1%", title=n.replace("_", " ")) for n in shares),
    ]


def calibration(points: pd.DataFrame) -> alt.LayerChart:
    """What share of forecasts came true inside each interval, against what the interval promised.

    `points` has level, n, share, low, high; shares. The line is where both are the same.
    """
    percent = alt.Axis(format="%")
    scale = alt.Scale(domain=[0, 1])
    x = alt.X("level:Q", title="promised", scale=scale, axis=percent)
    base = alt.Chart(points).encode(x=x)
    line = (
        alt.Chart(pd.DataFrame({"level": [0.0, 1.0], "share": [0.0, 1.0]}))
        .mark_line(strokeDash=[4, 4], color="#8a9499")
        .encode(x=x, y=alt.Y("share:Q"))
    )
    whiskers = base.mark_rule(opacity=0.6, strokeWidth=2, color=SO_FAR).encode(
        y=alt.Y("low:Q", title="came true", scale=scale, axis=percent), y2="high:Q"
    )
    dots = base.mark_point(filled=True, size=70, color=SO_FAR, opacity=1).encode(
        y="share:Q",
        tooltip=[
            alt.Tooltip("level:Q", format=".0%", title="promised"),
            alt.Tooltip("share:Q", format=".0%", title="came true"),
            alt.Tooltip("n:Q", title="forecasts"),
        ],
    )
    return alt.layer(line, whiskers, dots).properties(height=260, width=360)


def strategies(points: pd.DataFrame, *, scored_on: str) -> alt.LayerChart:
    """A mean curve for each strategy with its band over seeds; values are shares.

    `points` has strategy, n_labels, value, low, high, seeds. Without bounds there is no band.
    """
    names = list(dict.fromkeys(points["strategy"]))
    title = f"score on {scored_on}"
    legend = alt.Legend(orient="top", symbolType="circle", symbolOpacity=1, symbolStrokeWidth=0)
    base = alt.Chart(points).encode(
        x=alt.X(
            "n_labels:Q",
            title="labels in the training data",
            axis=alt.Axis(tickMinStep=1, tickCount=8, format="d"),
            scale=alt.Scale(padding=12, zero=False),
        ),
        color=alt.Color("strategy:N", title=None, sort=names, legend=legend),
        tooltip=[
            alt.Tooltip("strategy:N"),
            alt.Tooltip("n_labels:Q", title="labels"),
            alt.Tooltip("value:Q", format=".1%", title="mean score"),
            alt.Tooltip("low:Q", format=".1%", title="at least"),
            alt.Tooltip("high:Q", format=".1%", title="at most"),
            alt.Tooltip("seeds:Q"),
        ],
    )
    scale = alt.Scale(zero=False, nice=True)
    value = alt.Y("value:Q", title=title, scale=scale, axis=alt.Axis(format="%"))
    band = base.mark_area(opacity=0.15).encode(y=alt.Y("low:Q", title=title), y2="high:Q")
    dashed = alt.StrokeDash("strategy:N", sort=names, legend=None)
    line = base.mark_line(point=alt.OverlayMarkDef(size=40)).encode(y=value, strokeDash=dashed)
    return (band + line).properties(height=340)


def reliability(bins: pd.DataFrame) -> alt.LayerChart:
    """How often the model is right by how sure it is, with 95 % intervals; shares.

    `bins` has n, said, right, low, high, one row a bin. On the diagonal it says what it is worth.
    """
    lowest = max(0.0, min(bins["said"].min(), bins["low"].min()) - 0.03)
    scale = alt.Scale(domain=[lowest, 1.0], nice=False)
    ends = pd.DataFrame({"said": [lowest, 1.0], "right": [lowest, 1.0]})
    x = alt.X("said:Q", title="how sure it says it is", scale=scale, axis=alt.Axis(format="%"))
    title = "how often it is right"
    base = alt.Chart(bins).encode(
        x=x,
        tooltip=[
            alt.Tooltip("said:Q", format=".1%", title="says"),
            alt.Tooltip("right:Q", format=".1%", title="is right"),
            alt.Tooltip("low:Q", format=".1%", title="at least"),
            alt.Tooltip("high:Q", format=".1%", title="at most"),
            alt.Tooltip("n:Q", title="gold labels"),
        ],
    )
    y = alt.Y("right:Q", title=title, scale=scale, axis=alt.Axis(format="%"))
    diagonal = alt.Chart(ends).mark_line(strokeDash=[4, 4], color=GUIDE).encode(x=x, y=y)
    whiskers = base.mark_rule(strokeWidth=2, color=GUIDE).encode(
        y=alt.Y("low:Q", title=title, scale=scale), y2="high:Q"
    )
    dots = base.mark_circle(size=110, opacity=1, color=ACCENT).encode(y=y)
    return (diagonal + whiskers + dots).properties(height=340)
