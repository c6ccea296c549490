"""Nothing inside the network is called, by whatever URL and however DNS answers: real sockets, a real DNS server.

127.0.0.1 and 127.0.0.3 stand for the internet; on 127.0.0.2 and ::1 listens what nobody may reach.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.integration.alerts.calls import INSIDE, OTHER, OUTSIDE, Calls, Peer, listening, post, poster, watched
from tests.integration.alerts.hostile import HOSTILE_ANSWERS, HOSTILE_URLS
from tests.integration.alerts.names import HANG, Names


@pytest.fixture
async def names() -> AsyncIterator[Names]:
    async with Names() as started:
        yield started


@pytest.fixture
async def inside() -> AsyncIterator[Peer]:
    """What listens inside, on two addresses and one port; it must not have been reached at the end."""
    async with AsyncExitStack() as stack:
        peer = await stack.enter_async_context(listening(INSIDE))
        other = await stack.enter_async_context(listening("::1", peer.port))
        yield peer
        assert (peer.connections, other.connections) == (0, 0)


@pytest.fixture
async def outside() -> AsyncIterator[Peer]:
    async with listening(OUTSIDE) as peer:
        yield peer


def assert_called(calls: Calls, *addresses: str) -> None:
    """Of all that this process connected to and looked up, only these may be."""
    assert [address for address, _ in calls.connected] == list(addresses)
    assert calls.looked_up == []


def test_there_are_many_tricks() -> None:
    assert len(set(HOSTILE_URLS)) + len(HOSTILE_ANSWERS) >= 60


async def test_no_hostile_url_is_called(names: Names, inside: Peer) -> None:
    names.say("out.test", (OUTSIDE,))
    async with poster(names) as by:
        for url in HOSTILE_URLS:
            with watched() as calls:
                response = await post(by, url.replace("PORT", str(inside.port)))
            assert (response.answer.error or "").startswith("refused: "), url
            assert_called(calls)
    assert not names.asked, "no name in them is worth a question"


@pytest.mark.parametrize("answer", [answer for _, answer in HOSTILE_ANSWERS], ids=[how for how, _ in HOSTILE_ANSWERS])
async def test_one_forbidden_address_spoils_an_answer(names: Names, inside: Peer, answer: tuple[str, ...]) -> None:
    names.say("trick.test", answer)
    names.say("alias.test", "trick.test")
    async with poster(names) as by:
        for name in ("trick.test", "alias.test"):
            with watched() as calls:
                response = await post(by, f"http://{name}:{inside.port}/")
            assert (response.answer.error or "").startswith(f"refused: {name}: "), response
            assert_called(calls)
    assert names.most_asked("alias.test") == 1


async def test_what_was_checked_is_what_is_connected_to(names: Names, inside: Peer, outside: Peer) -> None:
    """A second question would be answered by an address inside; none is asked, not even at the connection."""
    names.say("rebinds.test", (OUTSIDE,), (INSIDE,))
    async with poster(names) as by:
        with watched() as calls:
            response = await post(by, f"http://rebinds.test:{outside.port}/")
    assert response.answer.status == 204
    assert_called(calls, OUTSIDE)
    assert names.most_asked("rebinds.test") == 1
    assert outside.requests == [(1, f"rebinds.test:{outside.port}")]


async def test_a_name_that_turns_inwards_is_refused_though_a_connection_is_kept(
    names: Names, inside: Peer, outside: Peer
) -> None:
    names.say("turns.test", (OUTSIDE,), (INSIDE,))
    clock = [0.0]
    async with poster(names, clock=lambda: clock[0]) as by:
        first = await post(by, f"http://turns.test:{outside.port}/")
        clock[0] += 60
        with watched() as calls:
            second = await post(by, f"http://turns.test:{outside.port}/")
        assert first.answer.status == 204
        assert second.answer.error == f"refused: turns.test: {INSIDE} is a loopback address"
        assert_called(calls)
    assert len(outside.requests) == 1


async def test_a_name_that_moves_is_followed_though_a_connection_is_kept(names: Names, outside: Peer) -> None:
    names.say("moves.test", (OUTSIDE,), (OTHER,))
    clock = [0.0]
    async with listening(OTHER, outside.port) as other, poster(names, clock=lambda: clock[0]) as by:
        for _ in range(3):
            await post(by, f"http://moves.test:{outside.port}/")
        clock[0] += 60
        for _ in range(3):
            await post(by, f"http://moves.test:{outside.port}/")
        assert (outside.connections, len(outside.requests)) == (1, 3), "kept alive while the name stays"
        assert (other.connections, len(other.requests)) == (1, 3)


async def test_a_connection_of_one_name_serves_no_other(names: Names, outside: Peer) -> None:
    for name in ("a.test", "b.test"):
        names.say(name, (OUTSIDE,))
    async with poster(names) as by:
        for name in ("a.test", "b.test", "a.test"):
            await post(by, f"http://{name}:{outside.port}/")
    assert outside.requests == [(n, f"{name}.test:{outside.port}") for n, name in ((1, "a"), (2, "b"), (1, "a"))]


async def test_a_redirect_leads_nowhere(names: Names, inside: Peer, outside: Peer) -> None:
    names.say("out.test", (OUTSIDE,))
    async with poster(names) as by:
        for status in (301, 302, 303, 307, 308):
            to = f"http://{INSIDE}:{inside.port}/"
            outside.answer = f"HTTP/1.1 {status} Go\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n".encode()
            response = await post(by, f"http://out.test:{outside.port}/")
            assert response.answer.status == status


async def test_the_next_address_is_tried_when_one_cannot_be_connected_to(names: Names, outside: Peer) -> None:
    names.say("two.test", (OTHER, OUTSIDE))
    async with poster(names) as by:
        with watched() as calls:
            first, second = [await post(by, f"http://two.test:{outside.port}/") for _ in range(2)]
    assert (first.answer.status, second.answer.status) == (204, 204)
    assert [address for address, _ in calls.connected][-1] == OUTSIDE
    assert len(calls.connected) <= 2
    assert names.most_asked("two.test") == 1


async def test_many_requests_to_a_name_ask_once(names: Names, outside: Peer) -> None:
    names.say("busy.test", (OUTSIDE,))
    async with poster(names) as by:
        responses = await asyncio.gather(*(post(by, f"http://busy.test:{outside.port}/") for _ in range(50)))
    assert {response.answer.status for response in responses} == {204}
    assert names.most_asked("busy.test") == 1


async def test_names_without_an_answer_delay_no_other(names: Names, outside: Peer) -> None:
    names.say("good.test", (OUTSIDE,))
    async with poster(names) as by:
        silent = [asyncio.create_task(post(by, f"http://{names.say(f'silent-{n}.test', HANG)}/")) for n in range(100)]
        good = await post(by, f"http://good.test:{outside.port}/")
        assert good.answer.status == 204
        assert not any(task.done() for task in silent)
        for task in silent:
            task.cancel()


async def test_a_name_without_an_answer_is_told_after_a_bound_of_time(names: Names) -> None:
    names.say("silent.test", HANG)
    async with poster(names, dns_timeout_s=0.2) as by:
        silent, unknown = [await post(by, f"http://{name}.test/") for name in ("silent", "unknown")]
    assert silent.answer.error == "no answer from DNS about silent.test within 0.2 s"
    assert (unknown.answer.error or "").startswith("DNS knows no address of unknown.test")
