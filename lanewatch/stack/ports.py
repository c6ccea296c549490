"""Local TCP ports: which are free, and who holds one that is not."""

import random
import socket

import psutil

from lanewatch.stack.errors import StackError

HOST = "127.0.0.1"
# Below the range that systems hand to outgoing connections, so that none of those takes a port between choice and use.
TEST_PORTS = range(20_000, 32_000)


def is_free(port: int) -> bool:
    """Tell whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Choose distinct free ports at random."""
    found: list[int] = []
    for port in random.SystemRandom().sample(TEST_PORTS, len(TEST_PORTS)):
        if is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise StackError(f"Fewer than {count} free ports between {TEST_PORTS.start} and {TEST_PORTS.stop}.")


def holder(port: int) -> str | None:
    """Name the process that listens on the port, if the system tells."""
    try:
        for connection in psutil.net_connections("tcp"):
            listens_at = connection.laddr[1] if connection.laddr and connection.status == psutil.CONN_LISTEN else None
            if listens_at == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()}, pid {connection.pid}"
    except (psutil.Error, OSError):
        return None
    return None


def require_free(port: int, part: str, variable: str) -> None:
    """Raise StackError, naming the holder and the variable to set, when the port is taken."""
    if is_free(port):
        return
    by = holder(port)
    taken = f"taken by {by}" if by else "taken"
    raise StackError(f"Port {port}, wanted for {part}, is {taken}. Stop that, or set {variable} to a free port.")
