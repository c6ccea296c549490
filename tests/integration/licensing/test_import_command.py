"""`lanewatch import`: what it prints and how it exits, against a service that runs."""

import asyncio
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from lanewatch.stack import StackConfig, Topics
from tests.support.registers import csv_of, excel_of, row
from tests.support.running import running

LANEWATCH = Path(sys.executable).with_name("lanewatch")


async def lanewatch(config: StackConfig, *arguments: str | Path) -> tuple[int, str, str]:
    environment = {**os.environ, **config.environment(), "COLUMNS": "200"}
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(LANEWATCH, *arguments, env=environment, stdout=pipe, stderr=pipe)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, out.decode(), err.decode()


async def test_a_register_is_tried_imported_and_known(
    fresh_config: StackConfig, fresh_topics: Topics, tmp_path: Path
) -> None:
    file = tmp_path / "register.csv"
    file.write_bytes(csv_of(row(), row(licence_id="L-2")))
    async with running(fresh_config, "licensing", LANEWATCH_CLOCK="replay") as program:
        config = replace(fresh_config, licensing_port=urlsplit(program.url).port or 0)
        code, out, _ = await lanewatch(config, "import", file, "--dry-run")
        assert (code, "Nothing was imported; without --dry-run this would be." in out) == (0, True)
        assert (await program.get("/v1/licences"))["items"] == []

        code, out, _ = await lanewatch(config, "import", file)
        assert (code, "Imported as number 1; all 2 events are applied." in out) == (0, True)
        assert "850511: 1000 KGM" in out

        file.write_bytes(csv_of(row(mass="1200"), row(licence_id="L-2")))
        code, out, _ = await lanewatch(config, "import", file, "--dry-run", "--json")
        answer = json.loads(out)
        assert (code, answer["counts"]["amended"], answer["counts"]["unchanged"]) == (0, 1, 1)


async def test_a_register_with_faults_is_shown_and_fails(
    fresh_config: StackConfig, fresh_topics: Topics, tmp_path: Path
) -> None:
    file = tmp_path / "register.xlsx"
    file.write_bytes(excel_of(row(mass="[1,200]"), sheet="B", before=("A",)))
    async with running(fresh_config, "licensing", LANEWATCH_CLOCK="replay") as program:
        config = replace(fresh_config, licensing_port=urlsplit(program.url).port or 0)
        for options in (("--dry-run",), ()):
            code, out, _ = await lanewatch(config, "import", file, "--sheet", "B", *options)
            assert code == 1
            assert "[1,200]" in out
            assert "1 faults." in out
            assert "Nothing was imported" in out


@pytest.mark.parametrize("name,says", [("register.txt", "neither a .csv nor"), ("register.csv", "lanewatch up")])
async def test_what_a_person_can_mend_is_one_line(
    fresh_config: StackConfig, tmp_path: Path, name: str, says: str
) -> None:
    file = tmp_path / name
    file.write_bytes(csv_of(row()))
    code, _, err = await lanewatch(fresh_config, "import", file)
    assert (code, len(err.splitlines())) == (1, 1)
    assert says in err
