"""Kafka's jars: what is downloaded is verified; what goes wrong is said in a sentence."""

import hashlib
from pathlib import Path

import pytest

from lanewatch.stack import StackError, jars
from lanewatch.stack.jars import Jar, install, read_lock

CONTENT = b"a jar"
PINNED = [
    Jar(hashlib.sha256(CONTENT + bytes([number])).hexdigest(), "org.example", f"part{number}", "1.0")
    for number in range(10)
]


class Repository:
    """Gives each jar its content; refuses, breaks and counts as told."""

    def __init__(self, *, refusals: int = 0, broken: str = "") -> None:
        self.refusals = refusals
        self.broken = broken
        self.served: list[str] = []

    def __call__(self, jar: Jar, scratch: Path) -> Path:
        if self.refusals:
            self.refusals -= 1
            raise ConnectionError("ConnectTimeout")
        scratch.mkdir()
        path = scratch / jar.filename
        path.write_bytes(b"altered" if jar.artifact == self.broken else CONTENT + bytes([int(jar.artifact[4:])]))
        self.served.append(jar.artifact)
        return path


@pytest.fixture(autouse=True)
def no_pause_between_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars, "FIRST_PAUSE_S", 0.0)


def test_all_are_downloaded_once_in_order_and_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    repository = Repository()
    install(tmp_path, PINNED, repository, lambda done, all_: told.append((done, all_)))
    paths = install(tmp_path, PINNED, repository, lambda done, all_: told.append((done, all_)))
    assert [path.name for path in paths] == [jar.filename for jar in PINNED]
    assert sorted(repository.served) == [jar.artifact for jar in PINNED]
    assert told == [(done, 10) for done in range(11)]


def test_jar_that_was_altered_in_the_cache_is_downloaded_again(tmp_path: Path) -> None:
    install(tmp_path, PINNED, Repository(), lambda *_: None)
    (tmp_path / PINNED[3].filename).write_bytes(b"altered later")
    repository = Repository()
    install(tmp_path, PINNED, repository, lambda *_: None)
    assert repository.served == ["part3"]
    assert (tmp_path / PINNED[3].filename).read_bytes() == CONTENT + bytes([3])


def test_download_with_another_checksum_is_refused_and_not_kept(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"Checksum of part5-1\.0\.jar differs from the lock"):
        install(tmp_path, PINNED, Repository(broken="part5"), lambda *_: None)
    assert not (tmp_path / "part5-1.0.jar").exists()
    assert list(tmp_path.glob(".partial-*")) == []


def test_download_is_tried_again(tmp_path: Path) -> None:
    install(tmp_path, PINNED[:1], Repository(refusals=3), lambda *_: None)
    assert (tmp_path / PINNED[0].filename).exists()


def test_download_that_keeps_failing_names_the_jar_and_the_cause(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"Could not download part0-1\.0\.jar \(ConnectTimeout\)\. Check the network"):
        install(tmp_path, PINNED[:1], Repository(refusals=99), lambda *_: None)


def test_lock_pins_kafka_with_checksums_and_names_no_host() -> None:
    pinned = read_lock()
    assert {jar.version for jar in pinned if jar.artifact in ("kafka_2.13", "kafka-clients")} == {"4.3.1"}
    assert all(len(bytes.fromhex(jar.sha256)) == 32 for jar in pinned)
    assert "://" not in jars.LOCK.read_text()
