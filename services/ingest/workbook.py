"""Reads one workbook in a process of its own: `python -m services.ingest.workbook FILE MAX_UNPACKED [SHEET]`.

Reading takes a processor and, where a file means ill, memory; here neither is taken from those who post events. Rows
go out line by line, as fast as they are taken.
"""

import os
import resource
import sys
from pathlib import Path

from services.ingest.domain.formats.sheet.wire import broken_off, lines_of
from shared.workbooks import UnreadableWorkbookError, open_sheet

MEMORY_BYTES = 1536 * 1024 * 1024
PROCESSOR_S = 600
NICENESS = 10


def main(path: str, max_unpacked: str, sheet: str | None = None) -> None:
    """Write the rows to standard output, and at last why there are no more, where that is not the end of the sheet."""
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_S, PROCESSOR_S))
    out = sys.stdout.buffer
    try:
        with Path(path).open("rb") as file:
            for line in lines_of(open_sheet(file, sheet, int(max_unpacked))):
                out.write(line + b"\n")
    except UnreadableWorkbookError as error:
        out.write(broken_off(str(error)) + b"\n")
    except MemoryError:
        out.write(broken_off("the workbook takes more memory than is given to one") + b"\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
