"""HTTP without TLS: a client would read all of the system's certificates first, which takes 50 ms each time."""

import ssl

PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For `verify=`; it trusts nobody."""
