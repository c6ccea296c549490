"""PostgreSQL's process as root: another user that still reaches a folder closed to others, and nothing else."""

import os
import sys
from pathlib import Path

from lanewatch.stack.privilege import unprivileged_account
from lanewatch.stack.process import Command, run

LOOK = """
import os, pathlib, sys
path = sys.argv[1]
capabilities = next(line for line in open("/proc/self/status") if line.startswith("CapEff:")).split()[1]
print(os.geteuid(), os.access(path, os.X_OK), pathlib.Path(path).read_text(), int(capabilities, 16))
"""


async def test_child_is_not_root_and_reaches_what_lies_in_a_closed_folder(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    program = closed / "program"
    program.write_text("content")
    program.chmod(0o755)
    log = tmp_path / "log"
    await run(Command((sys.executable, "-c", LOOK, str(program)), log, account=unprivileged_account()), timeout_s=10)
    user, is_accessible, content, capabilities = log.read_text().split()
    assert int(user) != 0
    assert (is_accessible, content) == ("True", "content")
    dac_override = 1 << 1
    assert int(capabilities) == (dac_override if os.geteuid() == 0 else 0)
    assert closed.stat().st_mode & 0o777 == 0o700
