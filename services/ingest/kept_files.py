"""Keeps files that come in parts: how far each is, and of spreadsheets the bytes, in a folder.

One process at a time works on a file; who has it holds a lock on it (flock), which ends with the process. What is
written takes the place of what was there at once, so a process that is killed leaves what stood there last. What a
client is told that it need not keep any more is flushed to the disk before.
"""

import base64
import errno
import fcntl
import hashlib
import os
import secrets
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import structlog

from services.ingest.domain.files import ID, File, State

log = structlog.get_logger(__name__)

MEASURE_EVERY_BYTES = 4 * 1024 * 1024
SWEEP_AGAIN_S = 1.0
"""While all is full."""
_DECODER = msgspec.json.Decoder(File)


class HeldError(Exception):
    """Another process, or another request, is at work on the file."""


class KeptFiles:
    """The files in a folder, of all processes that share it."""

    def __init__(self, folder: Path, *, max_files: int, max_of_client: int, max_bytes: int, expire_s: float) -> None:
        self._folder = folder
        self.max_files = max_files
        self.max_of_client = max_of_client
        self._creating = threading.Lock()
        self._swept_at = -SWEEP_AGAIN_S
        self.max_bytes = max_bytes
        self.expire_s = expire_s
        self._held = 0
        self._unmeasured = MEASURE_EVERY_BYTES
        """How many bytes were taken since it was measured what all processes hold."""

    def create(self, file: File, mapping: bytes | None = None) -> File | str:
        """Keep a file under a new id, with the mapping that it is read by, or return why there is no room for one.

        Where its client has as many as may be, what ended longest ago gives way. Takes a while where there are many:
        call it in a thread. Raises OSError.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._creating:
            return self._full(file) or self._created(file, mapping)

    def _created(self, file: File, mapping: bytes | None) -> File:
        id_ = _mark(file.tenant, file.subject) + secrets.token_urlsafe(12)
        made = msgspec.structs.replace(file, id=id_, touched=time.time())
        (self._folder / made.id).mkdir(mode=0o700)
        if mapping is not None:
            self._mapping(made.id).write_bytes(mapping)
        self.write(made)
        return made

    def _full(self, file: File) -> str | None:
        """Return why there is no room for another file of this client, after room was looked for."""
        own = [id_ for id_ in self.ids() if id_.startswith(_mark(file.tenant, file.subject))]
        if len(own) >= self.max_of_client and not self._gave_way(own):
            return f"you have {len(own)} that are not done; finish or cancel one"
        if len(self.ids()) >= self.max_files and time.monotonic() - self._swept_at > SWEEP_AGAIN_S:
            self.sweep()
        return f"there are {self.max_files} already" if len(self.ids()) >= self.max_files else None

    def _gave_way(self, ids: list[str]) -> bool:
        """Forget the file that ended, or expired, longest ago; return whether there was one."""
        files = sorted(filter(None, map(self.read, ids)), key=lambda file: file.touched)
        for file in files:
            if file.has_ended or self._is_over(file):
                with suppress(HeldError, FileNotFoundError), self.holding(file.id):
                    self.remove(file.id)
                    return True
        return False

    def find(self, id_: str, tenant: str, subject: str) -> File | None:
        """Return a client's own file. Raises OSError."""
        self._check()
        file = self.read(id_) if ID.fullmatch(id_) else None
        is_own = file is not None and (file.tenant, file.subject) == (tenant, subject)
        return file if file and is_own and not self._is_over(file) else None

    def read(self, id_: str) -> File | None:
        """Return the file of this id; of a spreadsheet that comes, what is on disk never needs to be sent again."""
        try:
            file = _DECODER.decode((self._folder / id_ / "state.json").read_bytes())
            if file.sheet is None or file.state is not State.RECEIVING:
                return file
            path = self.content(id_)
            return msgspec.structs.replace(file, offset=path.stat().st_size if path.exists() else 0)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except msgspec.DecodeError as error:
            log.warning("the state of a file cannot be read", file=id_, reason=str(error))
            return None

    def write(self, file: File) -> None:
        """Keep how far a file is. Raises OSError."""
        place = self._folder / file.id
        new = place / "state.json.new"
        new.write_bytes(msgspec.json.encode(file))
        new.replace(place / "state.json")

    def write_safely(self, file: File) -> None:
        """Keep how far a file is, and its bytes, so that no crash of the machine undoes it. Raises OSError."""
        if (content := self.content(file.id)).exists():
            _flush(content)
            _flush(self._mapping(file.id))
        self.write(file)
        place = self._folder / file.id
        for each in (place / "state.json", place, self._folder):
            _flush(each)

    def mapping(self, id_: str) -> bytes:
        """Return the mapping that a spreadsheet is read by. Raises OSError."""
        return self._mapping(id_).read_bytes()

    def _mapping(self, id_: str) -> Path:
        return self._folder / id_ / "mapping.json"

    def content(self, id_: str) -> Path:
        """Return where the bytes of a spreadsheet are."""
        return self._folder / id_ / "content"

    def take(self, size: int) -> bool:
        """Count what is about to be written and return whether there is room for it.

        Everything that this process writes is counted at once; what others that share the folder do is seen every few
        megabytes, and before anything is refused. Raises OSError.
        """
        if self._unmeasured + size > MEASURE_EVERY_BYTES or self._held + size > self.max_bytes:
            self._held, self._unmeasured = self._measured(), 0
        if self._held + size > self.max_bytes:
            return False
        self._held += size
        self._unmeasured += size
        return True

    def _measured(self) -> int:
        sizes = 0
        for id_ in self.ids():
            with suppress(FileNotFoundError):
                sizes += self.content(id_).stat().st_size
        return sizes

    def remove(self, id_: str) -> None:
        """Forget a file."""
        shutil.rmtree(self._folder / id_, ignore_errors=True)

    def ids(self) -> list[str]:
        """Return the ids of all files. Raises OSError."""
        self._check()
        try:
            return [name for name in os.listdir(self._folder) if ID.fullmatch(name)]  # noqa: PTH208 - names are meant
        except FileNotFoundError:
            return []

    def sweep(self) -> list[File]:
        """Remove what nobody touched for long enough, and return what is left.

        Takes a while where there are many: call it in a thread. No lock is taken but of what is to go, for that would
        turn away requests.
        """
        self._swept_at = time.monotonic()
        left = []
        for id_ in self.ids():
            with suppress(HeldError, OSError):  # What cannot be read keeps nothing else from going.
                if self._is_to_go(id_):
                    with self.holding(id_):
                        if self._is_to_go(id_):
                            self.remove(id_)
                elif file := self.read(id_):
                    left.append(file)
        return left

    def _is_to_go(self, id_: str) -> bool:
        file = self.read(id_)
        return self._is_over(file) if file else self._age(id_) > self.expire_s

    @contextmanager
    def holding(self, id_: str) -> Iterator[None]:
        """Keep others from the file. Raises HeldError when one is at work on it, OSError when it is gone."""
        descriptor = os.open(self._folder / id_ / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise HeldError from error
            yield
        finally:
            os.close(descriptor)

    def _check(self) -> None:
        """Look whether the folder, if there is one, is this user's alone. Raises PermissionError: others may write it.

        What somebody else puts there would be taken for files of clients, and theirs could be read by all.
        """
        try:
            found = self._folder.lstat()
        except FileNotFoundError:
            return
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            reason = "the folder for files must be a folder of the service's user, and open to no other (mode 0700)"
            raise PermissionError(errno.EPERM, reason)

    def _is_over(self, file: File) -> bool:
        end = file.expires_at(self.expire_s)
        return end is not None and time.time() > end

    def _age(self, id_: str) -> float:
        return time.time() - (self._folder / id_).stat().st_mtime


def _mark(tenant: str, subject: str) -> str:
    """Return what the ids of a client's files begin with, so that they can be counted without being read."""
    digest = hashlib.sha256(msgspec.json.encode((tenant, subject))).digest()
    return base64.urlsafe_b64encode(digest)[:6].decode()


def _flush(path: Path) -> None:
    """Wait until a file, or which names a folder has, stand on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
