"""The outcome of a regression check as JUnit XML, which CI servers show as tests.

`testsuites/testsuite/testcase` with the attributes that Jenkins, GitLab and the reporters of GitHub read; properties
stand at the suite, where all of them look. A run that the baseline does not hold is a skipped test.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from evaluate import __version__
from evaluate.environment import now
from evaluate.regression import Check
from evaluate.report.regression.table import CHECK_COLUMNS, check_cells, check_told

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(path: Path, checks: Sequence[Check], *, baseline: Path) -> None:
    """Write the outcome, one test case per score.

    Args:
        path: File to write; its folder is made.
        checks: What `evaluate.regression.check_baseline` returned.
        baseline: What they were compared with, for people.
    """
    counts = {
        "tests": str(len(checks)),
        "failures": str(sum(not check.passed for check in checks)),
        "errors": "0",
        "skipped": str(sum(check.outcome == "new" for check in checks)),
        "time": f"{sum(check.duration_s for check in checks):.3f}",
    }
    root = ElementTree.Element("testsuites", {"name": "otoscope", **counts})
    timestamp = now().partition(".")[0]  # the schema's time has no fractions and no zone
    suite = ElementTree.SubElement(root, "testsuite", {"name": "otoscope regression", "timestamp": timestamp, **counts})
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in (("baseline", str(baseline)), ("otoscope", __version__)):
        ElementTree.SubElement(properties, "property", name=name, value=_xml(value))
    for check in checks:
        _add_case(suite, check)
    path.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _add_case(suite: ElementTree.Element, check: Check) -> None:
    where, name = f"{check.task}.{check.split}", f"{check.system} {check.metric}"
    case = ElementTree.SubElement(
        suite, "testcase", classname=_xml(where), name=_xml(name), time=f"{check.duration_s:.3f}"
    )
    if check.problem:
        failure = ElementTree.SubElement(case, "failure", message=_xml(check.problem), type=check.outcome)
        failure.text = _xml(check.problem)
    elif check.outcome == "new":
        ElementTree.SubElement(case, "skipped", message=_xml(check.note))
    numbers = ElementTree.SubElement(case, "system-out")
    p_value = "–" if check.p_value is None else f"{check.p_value:.4f}"
    values = (*check_cells(check)[:-1], check_told(check), p_value)
    cells = zip((*CHECK_COLUMNS, "p (permutation)"), values, strict=True)
    numbers.text = _xml("\n".join(f"{column}: {cell}" for column, cell in cells))


def _xml(text: str) -> str:
    """Return text without the characters that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)
