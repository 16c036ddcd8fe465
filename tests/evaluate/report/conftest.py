"""A real browser for the report's pages, and runs written by hand."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")  # no longer: while the driver runs, nothing else in the process can use asyncio
def browser() -> Iterator[Any]:
    """Headless Chromium."""
    path = os.environ.get("OTOSCOPE_TEST_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if not path or not Path(path).exists():
        pytest.skip("no Chromium here; install one, or name it in OTOSCOPE_TEST_BROWSER")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    arguments = ["--autoplay-policy=no-user-gesture-required", "--mute-audio"]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium's own sandbox does not work for root
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=path, args=arguments)
        yield running
        running.close()


@pytest.fixture
def problems() -> list[str]:
    """What went wrong in the page; a test that provokes something takes it out of here."""
    return []


@pytest.fixture
def page(browser: Any, problems: list[str]) -> Iterator[Any]:
    """A page in the browser; errors in it, dialogs and requests to elsewhere fail the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(10_000)
    opened = context.new_page()

    def on_console(message: Any) -> None:
        if message.type == "error":
            problems.append(f"console: {message.text}")

    def on_request(request: Any) -> None:
        if not request.url.startswith(("file:", "data:", "blob:", "http://127.0.0.1:")):
            problems.append(f"request: {request.url}")

    def on_dialog(dialog: Any) -> None:
        problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    opened.on("console", on_console)
    opened.on("pageerror", lambda error: problems.append(f"error: {error}"))
    opened.on("request", on_request)
    opened.on("dialog", on_dialog)
    yield opened
    context.close()
    assert problems == []


@pytest.fixture
def wait_until(page: Any) -> Callable[..., None]:
    """Wait until a script in the page says yes; the driver's own way needs `eval`, which the pages' policies forbid."""

    def wait(expression: str, argument: Any = None) -> None:
        end = time.monotonic() + 10
        while not page.evaluate(expression, argument):
            assert time.monotonic() < end, f"not so within 10 s: {expression}"
            page.wait_for_timeout(20)

    return wait


@pytest.fixture
def write_run(tmp_path: Path) -> Callable[..., Path]:
    """Write a run by hand, of lines for its log, each with what differs from a plain one; returns its folder.

    A line's `scored` becomes its line in `sample_scores.jsonl`; without any there is no such file.
    """

    def write(
        *lines: dict[str, Any],
        scores: dict[str, Any] | None = None,
        run: dict[str, Any] | None = None,
        name: str = "run",
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        scored = [{"id": line["id"], **line["scored"]} for line in lines if "scored" in line]
        records = [{**PLAIN_LINE, **{key: value for key, value in line.items() if key != "scored"}} for line in lines]
        _write_lines(folder / "predictions.jsonl", records)
        if scored:
            _write_lines(folder / "sample_scores.jsonl", scored)
        if scores is not None:
            (folder / "scores.json").write_text(json.dumps(scores))
        (folder / "run.json").write_text(json.dumps(run or {"sessions": []}))
        return folder

    return write


PLAIN_LINE: dict[str, Any] = {
    "hypothesis": "one",
    "error": None,
    "references": ["one"],
    "audio_seconds": 1.0,
    "latency_seconds": 0.5,
    "prompt": "Transcribe.",
    "groups": {},
    "audio": [],
}


def _write_lines(path: Path, records: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
