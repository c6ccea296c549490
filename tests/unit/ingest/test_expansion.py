"""What is compressed comes out whole, in bounded pieces, and a bomb does not go off."""

import gzip
import zlib
from collections.abc import Callable

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.expansion import FREE_BYTES, PIECE_BYTES, Expander, ExpansionError, expander_of
from services.ingest.domain.faults import Fault

COMPRESS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstd.compress}
both = pytest.mark.parametrize("coding", COMPRESS)


def expand(coding: str, chunks: list[bytes], ratio: int = 100) -> list[bytes]:
    expander = expander_of([coding], ratio)
    assert isinstance(expander, Expander)
    pieces = [piece for chunk in chunks for piece in expander.feed(chunk)]
    expander.finish()
    return pieces


@given(st.lists(st.binary(max_size=3000), min_size=1, max_size=4), st.integers(1, 400), st.sampled_from(list(COMPRESS)))
def test_what_was_compressed_comes_out_however_it_arrives(parts: list[bytes], step: int, coding: str) -> None:
    packed = b"".join(COMPRESS[coding](part) for part in parts)
    chunks = [packed[i : i + step] for i in range(0, len(packed), step)]
    assert b"".join(expand(coding, chunks)) == b"".join(parts)


@both
def test_pieces_are_bounded(coding: str) -> None:
    text = bytes(range(256)) * 8192
    pieces = expand(coding, [COMPRESS[coding](text)], ratio=100_000)
    assert b"".join(pieces) == text
    assert max(map(len, pieces)) <= PIECE_BYTES


@both
def test_a_bomb_is_refused_before_it_has_expanded(coding: str) -> None:
    bomb = COMPRESS[coding](bytes(64 * FREE_BYTES))
    expander = Expander(coding, 10)
    came = 0
    with pytest.raises(ExpansionError) as caught:
        for piece in expander.feed(bomb):
            came += len(piece)
    assert caught.value.fault.status == 413
    assert came <= max(FREE_BYTES, 10 * len(bomb)) + PIECE_BYTES


@both
@pytest.mark.parametrize("spoil", [lambda b: b[:-3], lambda _: b"", lambda _: b"not compressed", lambda b: b + b"rest"])
def test_what_is_not_what_it_says_is_refused_by_the_header(coding: str, spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(ExpansionError) as caught:
        expand(coding, [spoil(COMPRESS[coding](b'{"a": 1}' * 50))])
    assert (caught.value.fault.status, caught.value.fault.errors[0].header) == (400, "content-encoding")


@pytest.mark.parametrize("encodings", [["br"], ["gzip, gzip"], ["gzip", "zstd"], ["deflate"]])
def test_other_codings_are_named(encodings: list[str]) -> None:
    fault = expander_of(encodings, 10)
    assert isinstance(fault, Fault)
    assert fault.status == 415
    assert "gzip" in fault.detail


@pytest.mark.parametrize("encodings", [[], ["identity"], [""]])
def test_plain_bodies_need_nothing(encodings: list[str]) -> None:
    assert expander_of(encodings, 10) is None


def test_zlib_without_gzip_header_is_no_gzip() -> None:
    with pytest.raises(ExpansionError):
        expand("gzip", [zlib.compress(b"abc")])


@pytest.mark.parametrize("window_log, is_taken", [(23, True), (24, False)])
def test_a_window_takes_no_more_memory_than_rfc_9659_allows(window_log: int, is_taken: bool) -> None:
    compressor = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: window_log})
    packed = compressor.compress(b"{}") + compressor.flush()
    expander = Expander("zstd", 100)
    if is_taken:
        assert b"".join(expander.feed(packed)) == b"{}"
    else:
        with pytest.raises(ExpansionError, match="header"):
            list(expander.feed(packed))
