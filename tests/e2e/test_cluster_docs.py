"""The table of failure modes names what is there."""

import glob
import importlib
import os
import re

import harness
from harness import REPO, run


def rows():
    with open(os.path.join(REPO, "docs", "failure-modes.md"), encoding="utf-8") as f:
        cells = [line.strip().strip("|").split(" | ") for line in f if re.match(r"\| \d+ ", line)]
    assert all(len(row) == 5 for row in cells), [row for row in cells if len(row) != 5]
    return cells


def test_every_failure_mode_and_every_finding_is_in_the_table():
    assert [int(row[0]) for row in rows()] == list(range(1, len(rows()) + 1)) and len(rows()) > 61
    source = ""
    for path in glob.glob(os.path.join(REPO, "exporter", "cluster", "findings*.c")):
        with open(path, encoding="utf-8") as f:
            source += f.read()
    adds = "".join(re.findall(r"finding_add\(all,[^;]*;", source))
    codes = set(re.findall(r'"([a-z_]+)"', adds)) | set(re.findall(r'^    \{"([a-z_]+)"', source,
                                                                  re.M))
    told = set(re.findall(r"`([a-z_]+)`", " ".join(row[3] for row in rows())))
    assert len(codes) > 45 and codes == told, codes ^ told


def test_every_metric_of_the_table_is_in_the_reference():
    known = set(re.findall(r"\bredis_\w+", run(harness.EXPORTER, "--print-metrics").stdout))
    named = set(re.findall(r"\bredis_\w+", " ".join(row[2] for row in rows())))
    assert len(named) > 60 and named <= known, named - known


def test_every_test_of_the_table_exists():
    for row in rows():
        names = re.findall(r"\b(test_\w+)\.(test_\w+)", row[4])
        assert names or row[4].startswith("not seen"), row
        for module, name in names:
            assert callable(getattr(importlib.import_module(module), name)), (module, name)
