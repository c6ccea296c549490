"""`lanewatch mapping` keeps mappings and tries files; `lanewatch send --mapping` brings spreadsheets to the topic."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from lanewatch import sheets
from lanewatch.sending import Sent
from lanewatch.sheets import SheetFile, SheetSending, kind_of
from lanewatch.stack.errors import StackError
from lanewatch.stack.ports import free_ports
from tests.integration.ingest.door import Door
from tests.integration.ingest.sheets import put
from tests.support.sheets import DECLARED, HEADER, changed, csv_of, encoded, excel_of, row

ROWS = [row(f"S-{number}") for number in range(20)]


@pytest.fixture
def run(door: Door) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    environment = {**door.config.environment(), "PATH": "/usr/bin:/bin"}

    def runner(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        command = (sys.executable, "-m", "lanewatch.cli", *map(str, arguments))
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    return runner


@pytest.mark.parametrize("name", ["s.csv", "s.csv.gz", "s.xlsx", "S.XLSX", "s.tsv"])
async def test_a_spreadsheet_is_sent_by_its_mapping(
    door: Door, run: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path, name: str
) -> None:
    await put(door, DECLARED, "sent")
    text = csv_of(*ROWS)
    content = {
        "s.csv": text,
        "s.csv.gz": gzip.compress(text),
        "s.tsv": text.replace(b";", b"\t"),
    }.get(name) or excel_of([line.split(";") for line in text.decode().splitlines()])
    (tmp_path / name).write_bytes(content)
    starts = await door.ends()
    done = run("send", tmp_path / name, "--mapping", "sent", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"accepted": 20, "refused": 0, "problems": []}
    sent = {json.loads(record.value)["data"]["shipment_id"] for record in await door.records_since(starts)}
    assert sent == {f"S-{number}" for number in range(20)}


async def test_refused_rows_are_named_with_their_columns(
    door: Door, run: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    await put(door, DECLARED, "sent")
    file = tmp_path / "s.csv"
    file.write_bytes(csv_of(row("S-1"), row("S-2", Netto="1,2,3"), row("S-3")))
    done = run("send", file, "--mapping", "sent")
    assert done.returncode == 1
    assert f"{file}:3: The event breaks the contract (422)" in done.stdout
    assert "Netto: '1,2,3' is not a number" in done.stdout
    assert "2 accepted, 1 refused" in done.stdout


async def test_a_file_that_does_not_fit_is_told_with_what_it_lacks(
    door: Door, run: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    await put(door, DECLARED, "sent")
    file = tmp_path / "s.csv"
    file.write_bytes(csv_of(row("S-1"), header=HEADER.replace("Netto", "Gewicht")))
    done = run("send", file, "--mapping", "sent")
    assert done.returncode == 1
    assert "\n    row 1, Netto: the file has no such column" in done.stderr  # Each fault has a line of its own.
    assert "Gewicht" in done.stderr
    done = run("send", file)
    assert "say by --mapping how it is read" in done.stderr
    done = run("send", file.rename(tmp_path / "s.txt"), "--mapping", "sent")
    assert (done.returncode, "is no spreadsheet by its name" in done.stderr) == (1, True)


async def test_mappings_are_put_listed_shown_tried_and_removed(
    door: Door, run: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    file, sheet = tmp_path / "plant-7.json", tmp_path / "s.csv"
    file.write_bytes(encoded(DECLARED))
    sheet.write_bytes(csv_of(row("S-1"), row("S-2", Netto="?"), header=f"{HEADER};Bemerkung"))
    starts = await door.ends()
    assert "plant-7 is kept as version" in run("mapping", "put", file).stdout
    assert "plant-7" in run("mapping", "list").stdout
    assert json.loads(run("mapping", "show", "plant-7").stdout)["data"] == DECLARED["data"]
    tried = run("mapping", "try", sheet, "--mapping", "plant-7")
    assert tried.returncode == 1
    for part in ("columns that are not:  Bemerkung", '"shipment_id": "S-1"', "s.csv:3:", "Nothing was sent."):
        assert part in tried.stdout
    found = json.loads(run("mapping", "try", sheet, "--mapping", "plant-7", "--json").stdout)
    assert (found["accepted"], found["refused"], found["summary"]["unmapped"]) == (1, 1, ["Bemerkung"])
    assert await door.records_since(starts) == []
    assert run("mapping", "remove", "plant-7").returncode == 0
    assert "There is no such mapping" in run("mapping", "show", "plant-7").stderr


async def test_a_mapping_with_faults_is_told_with_all_of_them(
    run: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    file = tmp_path / "bad.json"
    file.write_bytes(encoded(changed(DECLARED, data__origin={"value": "China"}, data__destination={"value": "Japan"})))
    done = run("mapping", "put", file)
    assert done.returncode == 1
    assert "/data/origin/value: not an ISO 3166-1 alpha-2" in done.stderr
    assert "/data/destination/value: " in done.stderr


def test_an_ingest_that_is_away_is_told_after_a_while(
    monkeypatch: pytest.MonkeyPatch, door: Door, tmp_path: Path
) -> None:
    monkeypatch.setattr(sheets, "PAUSE_S", 0)
    file = tmp_path / "s.csv"
    file.write_bytes(csv_of(*ROWS))
    away = replace(door.config, ingest_port=free_ports(1)[0])
    with pytest.raises(StackError, match="stays away"):
        SheetSending(SheetFile(file, "m"), Sent()).send(away, lambda _: None)


def lines(*results: object) -> Iterator[str]:
    return map(json.dumps, results)


def test_it_goes_on_at_the_first_row_that_was_not_taken() -> None:
    good, bad = {"row": 2, "last_row": 2, "status": 202}, {"row": 3, "last_row": 3, "status": 422}
    away = {"row": 4, "last_row": 5, "status": 503, "problem": {"title": "Kafka is away", "status": 503}}
    after = {"row": 6, "last_row": 6, "status": 202}
    stopped = {"mapping": {}, "stopped": {"row": 7, "problem": {"title": "t", "status": 503}}}
    sent = Sent()
    sending = SheetSending(SheetFile(Path("s.csv"), "m"), sent)
    errors = [{"row": 3, "column": "Netto", "detail": "d"}, {"row": 4, "detail": "e"}]
    problem = {"problem": {"title": "t", "errors": errors}}
    assert sending._taken(lines(good, bad | problem, away, after, stopped)) == 4
    assert (sent.accepted, sent.refused, sent.problems[0].details) == (1, 1, ["Netto: d", "row 4: e"])
    assert sending._taken(lines(good, stopped)) == 7
    assert sending._taken(lines(good, {"mapping": {}})) is None
    stopped["stopped"] = {"row": 7, "problem": {"title": "It is no CSV", "status": 422, "detail": "Nothing was sent."}}
    with pytest.raises(StackError, match=r"s\.csv is taken up to row 6, and no further\. It is no CSV"):
        sending._taken(lines(good, stopped))


def test_an_answer_that_is_not_whole_counts_for_nothing() -> None:
    sent = Sent()
    sending = SheetSending(SheetFile(Path("s.csv"), "m"), sent)
    with pytest.raises(httpx.ReadError):
        sending._taken(lines({"row": 2, "last_row": 2, "status": 202}))
    assert sent.accepted == 0


@pytest.mark.parametrize("name", ["events.ndjson", "events.json.gz", "csv", "a.csv.txt", "archive.gz"])
def test_other_files_are_no_spreadsheets(name: str) -> None:
    assert kind_of(Path(name)) is None
