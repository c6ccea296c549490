"""What a killed supervisor left is ended; a stranger that got the same process id is not."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from lanewatch.stack.record import PartRecord, Process, Record
from lanewatch.stack.supervisor import end_orphans

WAIT = "import time; print('waiting', flush=True); time.sleep(60)"


@pytest.fixture
def child() -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen([sys.executable, "-c", WAIT], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def record_of(process: Process | None) -> Record:
    return Record(pid=1, state="ready", ports={}, parts={"alerts": PartRecord("ready", 0, process)})


def test_process_of_the_last_record_is_ended(child: "subprocess.Popen[str]") -> None:
    end_orphans(record_of(Process.of(child.pid)))
    assert child.poll() is not None


def test_stranger_with_the_same_id_is_left_alone(child: "subprocess.Popen[str]") -> None:
    known = Process.of(child.pid)
    assert known
    end_orphans(record_of(replace(known, created=known.created - 1)))
    end_orphans(record_of(None))
    end_orphans(None)
    assert child.poll() is None
