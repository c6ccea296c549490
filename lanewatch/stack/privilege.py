"""What a child process may do: it dies with its parent, and PostgreSQL does not run as root.

PostgreSQL refuses to run as root. When root starts the stack, it becomes `nobody` and keeps one capability,
to pass through folders that are closed to others, so that neither an account nor a folder's mode has to be
changed (docs/decisions/0002-stack-without-docker.md).
"""

import ctypes
import os
import pwd
import signal
import sys
from collections.abc import Callable

from lanewatch.stack.errors import StackError

_PR_SET_PDEATHSIG, _PR_SET_SECUREBITS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 1, 28, 47, 2
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def unprivileged_account() -> pwd.struct_passwd | None:
    """Return who PostgreSQL runs as when we are root; None when we are not."""
    if os.geteuid() != 0:
        return None
    if not sys.platform.startswith("linux"):
        raise StackError("PostgreSQL does not run as root; run this as an ordinary user.")
    return pwd.getpwnam("nobody")


def in_child(death_signal: signal.Signals, account: pwd.struct_passwd | None = None) -> Callable[[], None]:
    """Return what the child does before it becomes the program."""

    def prepare() -> None:
        if account is not None:
            _become(account)
        # Last, because a change of user forgets it.
        if sys.platform.startswith("linux"):
            _call(_libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0))

    return prepare


def _become(account: pwd.struct_passwd) -> None:
    os.setgroups([])
    os.setgid(account.pw_gid)
    # Capabilities outlast the change of user, and access(2), by which PostgreSQL looks for its programs, heeds them.
    _call(_libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0))
    os.setuid(account.pw_uid)
    keep = 1 << _CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    # effective, permitted, inheritable: first the low 32 capabilities, then the high ones
    sets = (ctypes.c_uint32 * 6)(keep, keep, keep, 0, 0, 0)
    _call(_libc.capset(header, sets))
    _call(_libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0))


def _call(result: int) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
