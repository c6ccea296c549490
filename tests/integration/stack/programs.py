"""Small programs that stand for a part of the stack."""

import sys
from pathlib import Path

from lanewatch.stack import Part
from lanewatch.stack.ports import free_ports
from lanewatch.stack.probes import accepts
from lanewatch.stack.process import Command

SERVE = """
import http.server, sys
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def server_part(folder: Path, name: str = "server") -> Part:
    port = free_ports(1)[0]
    return python_part(folder, SERVE, str(port), name=name, port=port)


def python_part(folder: Path, code: str, *arguments: str, name: str = "program", port: int = 1) -> Part:
    command = Command(argv=(sys.executable, "-c", code, *arguments), log=folder / f"{name}.log")
    return Part(name=name, command=command, is_ready=lambda: accepts(port))
