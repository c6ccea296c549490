"""Whatever is asked of the three services, they answer as their documents say, and none of it is an error of theirs."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from lanewatch.stack import StackConfig
from lanewatch.stack.topics import create_topics
from tests.support.fresh import fresh
from tests.support.running import running

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "4")
PHASES = os.environ.get("FUZZ_PHASES", "examples,fuzzing,stateful")
SEED = os.environ.get("SEED", "1")
SERVICES = ("ingest", "licensing", "alerts")


@pytest.fixture(scope="module")
async def urls(backbone: StackConfig) -> AsyncIterator[dict[str, str]]:
    async with AsyncExitStack() as stack:
        config = await stack.enter_async_context(fresh(backbone))
        await create_topics(config.bootstrap, config.topics)
        yield {name: (await stack.enter_async_context(running(config, name))).url for name in SERVICES}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("service", SERVICES)
async def test_any_request_is_answered_as_the_document_says(urls: dict[str, str], service: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{urls[service]}/openapi.json"),
        # A stream does not end; it has tests of its own.
        *("--exclude-path-regex", "/stream$"),
        *("--checks", CHECKS, "--max-examples", EXAMPLES, "--phases", PHASES, "--seed", SEED, "--no-color"),
        env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.support.any_request", "PYTHONPATH": "."},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()[-6000:]
