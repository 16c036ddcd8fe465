"""Pages: one HTML file each, with style and script inside, so that they need neither a network nor other files.

Text of models, corpora and users is untrusted. Templates escape whatever they are given; what a script reads is JSON
in which `<` is written `\\u003c`, so that nothing in it can end the element that holds it.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

ASSETS = Path(__file__).parent / "assets"


def render(template: str, **values: Any) -> str:
    """Return a page made of a template in `assets/`.

    Args:
        template: Name of the file, e.g. `leaderboard.html`. In it, `asset("base.css")` is the text of another asset and
            `script_json(value)` a value as a script reads it.
        values: What the template names.
    """
    page: str = _environment().get_template(template).render(**values)
    return page


def script_json(value: Any) -> Markup:
    """Return a value as JSON that stays inside of a `<script>` element, whatever its texts hold.

    Raises:
        ValueError: A number in it is none: NaN and infinity are no JSON.
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))  # `<` stands in JSON only inside of strings


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(ASSETS),
        autoescape=select_autoescape(["html"], default=True),
        undefined=StrictUndefined,  # a misspelt name is an error, and no empty text
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(asset=_asset, script_json=script_json)
    return environment


def _asset(name: str) -> Markup:
    return Markup((ASSETS / name).read_text(encoding="utf-8"))
