"""Exits 0 when the service in this container is ready: `python healthcheck.py PORT`."""

import http.client
import sys

OK = 200
TIMEOUT_S = 2.5


def is_ready(port: int) -> bool:
    """Ask the service itself."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == OK
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(0 if is_ready(int(sys.argv[1])) else 1)
