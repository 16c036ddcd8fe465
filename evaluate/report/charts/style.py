"""What all charts share: sizes, colours, marks, fonts, texts that may hold anything, numbers.

Figures are drawn on a canvas of their own, never through pyplot: no window, no state that another thread could see but
matplotlib's settings, which are the defaults with `_SETTINGS` on top, whatever the user's matplotlibrc says.
"""

import math
import re
import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import matplotlib
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Text
from rich.cells import cell_len, chop_cells, set_cell_size

from evaluate.lines import one_line

COLUMN_PT = 84 / 25.4 * 72  # a column of a two-column paper is 84 mm wide: sizes below are those in print
PAGE_PT = 178 / 25.4 * 72  # both columns with the gap between them
MARGIN_PT = 4.0

SMALL_PT = 6.0  # the least that is legible in print
LABEL_PT = 6.5
TITLE_PT = 8.0
LINE_HEIGHT = 1.25  # of the size

INK = "#222222"
GREY = "#555555"
FAINT = "#cccccc"

# Okabe and Ito, "Color Universal Design" (2008), jfly.uni-koeln.de/color, without its yellow, which is lost on white;
# in the order in which neighbours differ most, for normal and for colour-blind eyes.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")  # eight, with seven colours: 56 different pairs in a row

_BASE_FONT = "DejaVu Sans"  # comes with matplotlib: the same picture everywhere
_PARTS = re.compile(r"[^_/-]+[_/-]*|[_/-]+")  # of a long word
# What systems have for Chinese, Japanese and Korean; the first that holds a character is taken.
_CJK_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "Noto Sans CJK JP",
    "Noto Sans JP",
    "Source Han Sans",
    "Noto Sans CJK KR",
    "Noto Sans KR",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Hiragino Sans",
    "Heiti SC",
    "SimHei",
    "Yu Gothic",
    "Meiryo",
    "Malgun Gothic",
    "Apple SD Gothic Neo",
    "Nanum Gothic",
    "NanumGothic",
    "IPAexGothic",
    "Droid Sans Fallback",
    "Arial Unicode MS",
)
_SETTINGS: dict[Any, Any] = {
    "text.parse_math": False,  # names may hold dollar signs
    "text.hinting": "none",  # widths do not depend on the resolution
    # Outlines, not text: the labels were laid out with these fonts, and a viewer without them, as most are without
    # CJK, would show others. What is written stands beside each outline as a comment.
    "svg.fonttype": "path",
    "svg.hashsalt": "otoscope",  # the same figure is the same file
    "hatch.linewidth": 0.5,
    "axes.linewidth": 0.5,
    "axes.edgecolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": LABEL_PT,
    "axes.labelsize": SMALL_PT,
    "axes.labelcolor": GREY,
    "axes.labelpad": 2.0,
    "xtick.labelsize": SMALL_PT,
    "ytick.labelsize": SMALL_PT,
    "xtick.labelcolor": GREY,
    "ytick.labelcolor": INK,
    "xtick.major.size": 2.0,
    "ytick.major.size": 2.0,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.pad": 2.0,
    "ytick.major.pad": 2.0,
    "grid.color": FAINT,
    "grid.linewidth": 0.4,
    "text.color": INK,
}


@contextmanager
def settings(texts: Iterable[str] = ()) -> Iterator[None]:
    """Set matplotlib's settings to ours, with fonts for some texts, and back at the end."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        matplotlib.rcParams["font.family"] = [_BASE_FONT, *_fonts_for("".join(texts))[0]]
        yield


def missing_glyphs(figure: Figure) -> str:
    """Return a note on characters of a figure that no installed font has, "" where all are there."""
    texts = (one.get_text() for one in figure.findobj(Text) if isinstance(one, Text))
    missing = _fonts_for("".join(texts))[1]
    if not missing:
        return ""
    shown = missing[:10] + ("…" if len(missing) > 10 else "")
    return f"charts: no installed font has {len(missing)} characters ({shown}); install one, such as Noto Sans CJK"


def _fonts_for(text: str) -> tuple[tuple[str, ...], str]:
    """Return the fonts that a text needs beside the base font, and the characters that none has."""
    return _fonts_for_characters("".join(sorted({one for one in text if not one.isspace()})))


@lru_cache(maxsize=256)
def _fonts_for_characters(characters: str) -> tuple[tuple[str, ...], str]:
    missing = _without_glyph(_BASE_FONT, characters)
    fonts: list[str] = []
    if missing:
        installed = {entry.name for entry in font_manager.fontManager.ttflist}
        for name in _CJK_FONTS:
            if name in installed and (still := _without_glyph(name, missing)) != missing:
                fonts.append(name)
                missing = still
    return tuple(fonts), missing


def _without_glyph(font: str, characters: str) -> str:
    face = font_manager.get_font(font_manager.findfont(font))
    return "".join(one for one in characters if not face.get_char_index(ord(one)))


def plain(text: str) -> str:
    """Return a text as one line that can be drawn, whatever it holds: no controls, no lone surrogates."""
    line = one_line(text)
    # U+200D and its like join what a line of a chart has no use for; the rest of category C is drawn as a box anyway,
    # and some of it may stand in no XML.
    return "".join(
        "" if (kind := unicodedata.category(one)) == "Cf" else "�" if kind[0] == "C" else one for one in line
    )


def shorten(text: str, cells: int) -> str:
    """Return a text as one line of at most so many cells (a CJK character takes two), its middle left out."""
    line = plain(text)
    if len(line) > 4 * cells:  # marks above letters take no cell
        line = f"{line[: 2 * cells]}…{line[-2 * cells :]}"
    if cell_len(line) <= cells:
        return line
    tail = (cells - 1) // 2
    head = cells - 1 - tail
    return f"{set_cell_size(line, head).rstrip()}…{set_cell_size(line[::-1], tail)[::-1].lstrip()}"


def wrap(text: str, cells: int) -> list[str]:
    """Return the lines of a text, each of at most so many cells; words are broken only where they are longer."""
    lines = [""]
    for word in plain(text).split():
        for number, piece in enumerate(_pieces(word, cells)):
            joined = f"{lines[-1]} {piece}" if lines[-1] else piece
            if number == 0 and cell_len(joined) <= cells:
                lines[-1] = joined
            else:
                lines.append(piece)
    return [line for line in lines if line]


def _pieces(word: str, cells: int) -> list[str]:
    """Return a word in pieces of at most so many cells, broken behind `_`, `-` and `/` where that is enough."""
    pieces = [""]
    for part in _PARTS.findall(word):
        if cell_len(pieces[-1] + part) <= cells:
            pieces[-1] += part
        else:
            pieces += chop_cells(part, cells)
    return [piece for piece in pieces if piece]


@contextmanager
def no_glyph_warnings() -> Iterator[None]:
    """Silence what `missing_glyphs` says once instead of once per character and drawing."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"(?s)Glyph .* missing from")
        yield


def direction_of(higher_is_better: bool, is_rate: bool) -> str:
    """Return what stands under a scale: its unit, and which way is better."""
    return ("per cent, " if is_rate else "") + ("higher is better" if higher_is_better else "lower is better")


def finite(value: float | None) -> float | None:
    """Return a value, None where it is none or no finite number."""
    return value if value is not None and math.isfinite(value) else None


def value_label(value: float, *, is_rate: bool) -> str:
    """Return a value, per cent already where it is a rate, as it stands beside its bar."""
    return scientific(value) or f"{value:.{2 if is_rate or abs(value) >= 10 else 3}f}"


def tick_label(value: float) -> str:
    """Return a round number as short as it is."""
    return scientific(value) or f"{value:.6f}".rstrip("0").rstrip(".")


def scientific(value: float) -> str:
    """Return a number with a power of ten where it is too large or too small to be written out, else ""."""
    if not value or 1e-4 <= abs(value) < 1e5:
        return ""
    mantissa, exponent = f"{value:.3e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
