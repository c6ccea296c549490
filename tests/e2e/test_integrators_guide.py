"""What the integrator's guide tells to type works as it stands there."""

import asyncio
import re
import shutil
import sys
from pathlib import Path

import pytest

from lanewatch.stack import Stack, StackConfig

DOCS = Path(__file__).parents[2] / "docs" / "ingest"
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def here(text: str, config: StackConfig) -> str:
    """Return the text for this stack's addresses; what is slow here is waited for longer."""
    for service, port in (("ingest", 8001), ("licensing", 8002), ("alerts", 8003)):
        text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{config.port_of(service)}")
    return text.replace("wait=2", "wait=20")


async def said(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


async def test_the_blocks_of_the_guide_do_what_it_says(stack: Stack) -> None:
    blocks = BLOCK.findall((DOCS / "guide.md").read_text())
    assert [kind for kind, _ in blocks] == ["sh", "sh", "python"]
    for (kind, text), answer in zip(blocks, ["202 Accepted", '"status":"decided"', ""], strict=True):
        program = "bash" if kind == "sh" else sys.executable
        assert answer in await said(program, "-c", here(text, stack.config))


@pytest.mark.parametrize(
    "page, answer", [("dcsa", '"feedbackElements":[]'), ("epcis", '"success":true')], ids=["dcsa", "epcis"]
)
async def test_the_first_command_of_a_format_is_taken(stack: Stack, page: str, answer: str) -> None:
    lines = (DOCS / f"{page}.md").read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("    curl "))
    end = next(number for number, line in enumerate(lines) if number > start and line and not line.startswith("    "))
    block = "\n".join(line.removeprefix("    ") for line in lines[start:end])
    assert answer in await said("bash", "-c", here(block, stack.config))
