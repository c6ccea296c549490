"""What the commands of README.md and docs/ write into a clone is never committed by accident, keys least of all."""

import re
import subprocess

from lanewatch.stack.config import PROJECT

WRITTEN = re.compile(r"(?<=\s)>{1,2} ?([\w-]*\.[\w.-]+)")


def test_files_that_the_pages_write_are_ignored() -> None:
    pages = [PROJECT / "README.md", *(PROJECT / "docs").rglob("*.md")]
    names = {name for page in pages for name in WRITTEN.findall(page.read_text())}
    assert {"batch.json", "secrets.key", ".env"} <= names
    command = ["git", "check-ignore", *sorted(names)]
    ignored = subprocess.run(command, cwd=PROJECT, check=False, capture_output=True, text=True).stdout.split()
    assert names == set(ignored)
