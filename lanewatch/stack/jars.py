"""Kafka's jars: pinned by a lock, downloaded once into the user's cache folder, verified at every start."""

import hashlib
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from lanewatch.stack.config import PROJECT
from lanewatch.stack.errors import StackError

LOCK = PROJECT / "deploy" / "kafka" / "jars.lock"
AT_ONCE = 8
TRIES = 4
FIRST_PAUSE_S = 1.0

Report = Callable[[int, int], None]
"""Told how many of how many are there."""


@dataclass(frozen=True)
class Jar:
    """One artifact, pinned."""

    sha256: str
    group: str
    artifact: str
    version: str

    @property
    def filename(self) -> str:
        """Its name in a repository and in the cache."""
        return f"{self.artifact}-{self.version}.jar"


Download = Callable[[Jar, Path], Path]
"""Fetches a jar into a scratch folder."""


def cache_dir() -> Path:
    """Return LANEWATCH_CACHE_DIR, or `lanewatch` in the user's cache: for what is downloaded or made once."""
    if own := os.environ.get("LANEWATCH_CACHE_DIR"):
        return Path(own).resolve()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").resolve() / "lanewatch"


def read_lock(path: Path = LOCK) -> list[Jar]:
    """Return the pinned jars, in class path order."""
    lines = [line.split() for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return [Jar(digest, *coordinates.split(":")) for digest, coordinates in lines]


def kafka_version(jars: Sequence[Jar]) -> str:
    """Return the broker's version."""
    return next(jar.version for jar in jars if jar.artifact.startswith("kafka_"))


def sha256_of(path: Path) -> str:
    """Return the checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def install(folder: Path, jars: Sequence[Jar], download: Download, report: Report) -> list[Path]:
    """Return the paths of all jars, after downloading those missing. Raises StackError when one cannot be had."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [jar for jar in jars if not _is_there(folder, jar)]
    if wanted:
        _fetch_all(folder, wanted, download, lambda done: report(len(jars) - len(wanted) + done, len(jars)))
    return [folder / jar.filename for jar in jars]


def _is_there(folder: Path, jar: Jar) -> bool:
    path = folder / jar.filename
    return path.exists() and sha256_of(path) == jar.sha256


def _fetch_all(folder: Path, wanted: Sequence[Jar], download: Download, done: Callable[[int], None]) -> None:
    done(0)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures = [pool.submit(_fetch, folder, jar, download) for jar in wanted]
        try:
            for count, future in enumerate(as_completed(futures), start=1):
                future.result()
                done(count)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _fetch(folder: Path, jar: Jar, download: Download) -> None:
    """Download aside and move into place only what has the right checksum."""
    scratch = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder))
    try:
        path = _with_retries(jar, scratch, download)
        if sha256_of(path) != jar.sha256:
            raise StackError(
                f"Checksum of {jar.filename} differs from the lock ({LOCK.name}): the download was altered or broken. "
                "Nothing of it was kept; try again, and if it stays so, do not use that mirror."
            )
        path.replace(folder / jar.filename)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _with_retries(jar: Jar, scratch: Path, download: Download) -> Path:
    for tried in range(1, TRIES + 1):
        try:
            return download(jar, scratch / str(tried))
        except ConnectionError as error:
            if tried == TRIES:
                raise StackError(
                    f"Could not download {jar.filename} ({error}). Check the network and run it again; what is "
                    "there already is kept."
                ) from error
            time.sleep(FIRST_PAUSE_S * 2.0 ** (tried - 1))
    raise AssertionError


def download_from_maven(jar: Jar, scratch: Path) -> Path:
    """Download with jgo, from the repositories that the user's own jgo settings name. Raises ConnectionError."""
    # jgo and requests take a while to import and are wanted only once
    warnings.filterwarnings("ignore", module="platformdirs")  # it warns of folders that nobody uses here
    import requests  # noqa: PLC0415
    from jgo.config import GlobalSettings  # noqa: PLC0415
    from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415
    from jgo.maven import MavenContext  # noqa: PLC0415

    repositories = {"central": MAVEN_CENTRAL_URL, **GlobalSettings.load().repositories}
    context = MavenContext(repo_cache=scratch, local_repos=[], remote_repos=repositories, timeout=60)
    try:
        artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
        return Path(artifact.resolve())
    except (requests.RequestException, RuntimeError) as error:
        # what requests says is long and full of host names; the kind is enough
        reason = type(error).__name__ if isinstance(error, requests.RequestException) else "not found"
        raise ConnectionError(reason) from error
