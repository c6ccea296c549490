"""What the page about spreadsheets tells to type works as it stands there, and answers what it shows."""

import asyncio
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from lanewatch.stack import Stack
from tests.e2e.test_integrators_guide import BLOCK, DOCS, here

PAGE = (DOCS / "spreadsheets.md").read_text()
SHOWN = re.compile(r"^```json\n(.*?)^```", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


async def said(stack: Stack, folder: Path, text: str) -> str:
    command = here(text, stack.config).replace("lanewatch ", f"{sys.executable} -m lanewatch.cli ")
    process = await asyncio.create_subprocess_exec(
        *("bash", "-ec", command),
        cwd=folder,
        env={**stack.config.environment(), "PATH": os.environ["PATH"], "PYTHONPATH": str(DOCS.parents[1])},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


def kept(line: dict[str, Any]) -> dict[str, Any]:
    """Return a line without what is another each time."""
    line = {name: value for name, value in line.items() if name not in ("mapping", "outcome", "topic")}
    return {**line, "receipt": line["receipt"]["source"]} if "receipt" in line else line


async def test_the_worked_example_does_what_the_page_says(stack: Stack, tmp_path: Path) -> None:
    put, tried, sent, posted, wrong = [text for _, text in BLOCK.findall(PAGE)]
    assert "plant-1 is kept as version" in await said(stack, tmp_path, put)
    answer = await said(stack, tmp_path, tried)
    assert '"shipment_id": "4711"' in answer
    assert "columns that are not:  Bemerkung" in answer
    assert "2 accepted, 0 refused" in await said(stack, tmp_path, sent)
    shown = [list(map(json.loads, text.splitlines())) for text in SHOWN.findall(PAGE)]
    told = [json.loads(line) for line in (await said(stack, tmp_path, posted)).splitlines()]
    assert list(map(kept, told)) == list(map(kept, shown[0]))
    assert json.loads((await said(stack, tmp_path, wrong)).splitlines()[0]) == shown[1][0]
