"""Reading a body within limits, and handing it on."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from guard.asgi import Message
from guard.errors import BodyTimeout, BodyTooLarge, MalformedRequest, OverBudget, RequestError
from guard.settings import GuardSettings
from guard.upload import MOST_MESSAGES, ByteBudget, Upload


def settings(**variables: str) -> GuardSettings:
    return GuardSettings.from_environ({f"GUARD_{name.upper()}": value for name, value in variables.items()})


def chunk(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


GONE: Message = {"type": "http.disconnect"}


def scripted(*messages: Message) -> Callable[[], Awaitable[Message]]:
    """A `receive` that gives these messages, then waits for ever, as a server does."""
    left = list(messages)

    async def receive() -> Message:
        if left:
            return left.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    return receive


def upload(*messages: Message, budget: ByteBudget | None = None, client: str = "a") -> Upload:
    return Upload(scripted(*messages), budget=budget or ByteBudget(1 << 20), client=client)


def test_upload_reads_chunks_and_hands_on_the_very_messages() -> None:
    messages = [chunk(b"ab", more=True), chunk(b"cd", more=True), chunk(b"")]
    reading = upload(*messages)

    async def run() -> tuple[bytes, list[Message]]:
        return await reading.read(settings()), [await reading() for _ in messages]

    body, replayed = asyncio.run(run())
    assert body == b"abcd"
    assert all(one is other for one, other in zip(replayed, messages, strict=True))


def test_upload_message_without_members_is_an_empty_last_chunk() -> None:
    assert asyncio.run(upload({"type": "http.request"}).read(settings())) == b""


@pytest.mark.parametrize("n", [MOST_MESSAGES - 1, MOST_MESSAGES, MOST_MESSAGES + 1, 4 * MOST_MESSAGES])
def test_upload_of_many_pieces_is_handed_on_in_few(n: int) -> None:
    pieces = [b"%d," % i for i in range(n)]
    reading = upload(*(chunk(piece, more=True) for piece in pieces), chunk(b""))

    async def run() -> tuple[bytes, list[Message]]:
        body = await reading.read(settings())
        replayed = [await reading()]
        while replayed[-1]["more_body"]:
            replayed.append(await reading())
        return body, replayed

    body, replayed = asyncio.run(run())
    assert body == b"".join(pieces)
    assert b"".join(message["body"] for message in replayed) == body
    assert len(replayed) <= MOST_MESSAGES + 1


def test_upload_kept_alive_by_empty_pieces_meets_the_idle_deadline() -> None:
    async def receive() -> Message:
        await asyncio.sleep(0.01)
        return chunk(b"", more=True)

    reading = Upload(receive, budget=ByteBudget(1 << 20), client="a")
    with pytest.raises(BodyTimeout):
        asyncio.run(reading.read(settings(body_timeout_s="30", body_idle_s="0.05")))


def test_upload_takes_a_body_of_none_for_an_empty_one() -> None:
    assert asyncio.run(upload({"type": "http.request", "body": None}).read(settings())) == b""


def test_upload_drains_what_a_refused_client_still_sends() -> None:
    reading = upload(chunk(b"x" * 11, more=True), chunk(b"y", more=True), chunk(b"z"))

    async def run() -> None:
        with pytest.raises(BodyTooLarge):
            await reading.read(settings(max_body_bytes="10"))
        await reading.drain()

    asyncio.run(run())
    assert reading.complete


def test_upload_after_the_body_delegates_and_remembers_a_disconnect() -> None:
    reading = upload(chunk(b"x"), GONE)

    async def run() -> list[str]:
        await reading.read(settings())
        return [(await reading())["type"] for _ in range(4)]

    assert asyncio.run(run()) == ["http.request", "http.disconnect", "http.disconnect", "http.disconnect"]


def test_upload_delegates_without_a_suspension_before() -> None:
    """Frameworks probe `receive` in a cancelled scope: what is ready must come at the first step."""
    reading = upload(chunk(b"x"), GONE)

    async def run() -> str:
        await reading.read(settings())
        await reading()
        probe = reading().__await__()
        with pytest.raises(StopIteration) as done:
            next(probe)
        message: Message = done.value.value
        return str(message["type"])

    assert asyncio.run(run()) == "http.disconnect"


@pytest.mark.parametrize(
    ("messages", "variables", "error", "rule"),
    [
        ([chunk(b"x" * 11)], {"max_body_bytes": "10"}, BodyTooLarge, "G101"),
        ([chunk(b"x" * 6, more=True), chunk(b"x" * 6)], {"max_body_bytes": "10"}, BodyTooLarge, "G101"),
        ([chunk(b"x", more=True), GONE], {}, MalformedRequest, "G118"),
        ([GONE], {}, MalformedRequest, "G118"),
        ([chunk(b"x", more=True)], {"body_idle_s": "0.02"}, BodyTimeout, "G113"),
        ([], {"body_idle_s": "0.02"}, BodyTimeout, "G113"),
        ([chunk(b"x", more=True)], {"body_timeout_s": "0.02"}, BodyTimeout, "G113"),
    ],
)
def test_upload_beyond_a_limit_raises(
    messages: list[Message], variables: dict[str, str], error: type[RequestError], rule: str
) -> None:
    with pytest.raises(error) as caught:
        asyncio.run(upload(*messages).read(settings(**variables)))

    assert caught.value.rule == rule


def test_upload_beyond_a_limit_can_still_be_handed_on_whole() -> None:
    messages = [chunk(b"x" * 6, more=True), chunk(b"x" * 6, more=True), chunk(b"y")]
    reading = upload(*messages)

    async def run() -> bytes:
        with pytest.raises(BodyTooLarge):
            await reading.read(settings(max_body_bytes="10"))
        return b"".join([(await reading())["body"] for _ in messages])

    assert asyncio.run(run()) == b"x" * 12 + b"y"


@pytest.mark.parametrize("attempts", [1, 3])
def test_upload_hands_a_cancellation_to_a_receive_that_waits(attempts: int) -> None:
    """A server's `receive` may clean up, and may even answer, when it is cancelled."""
    cancelled: list[int] = []

    async def receive() -> Message:
        while len(cancelled) < attempts:
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                cancelled.append(1)
        return chunk(b"late")

    async def run() -> bytes:
        reading = asyncio.ensure_future(Upload(receive, budget=ByteBudget(1 << 20), client="a").read(settings()))
        for _ in range(attempts):
            await asyncio.sleep(0.01)
            reading.cancel()
        return await reading

    assert asyncio.run(run()) == b"late"
    assert len(cancelled) == attempts


def test_upload_trickling_within_the_idle_limit_meets_the_total_deadline() -> None:
    async def receive() -> Message:
        await asyncio.sleep(0.01)
        return chunk(b"x", more=True)

    reading = Upload(receive, budget=ByteBudget(1 << 20), client="a")
    with pytest.raises(BodyTimeout):
        asyncio.run(reading.read(settings(body_timeout_s="0.1", body_idle_s="0.05")))


@pytest.mark.parametrize("error", [TimeoutError("theirs"), OSError("gone"), RuntimeError("theirs")])
def test_upload_lets_exceptions_of_receive_through(error: Exception) -> None:
    async def receive() -> Message:
        raise error

    with pytest.raises(type(error)) as caught:
        asyncio.run(Upload(receive, budget=ByteBudget(1), client="a").read(settings()))

    assert caught.value is error


def test_budget_counts_all_bodies_and_gives_back() -> None:
    budget = ByteBudget(800)

    budget.take("a", 100)
    budget.take("b", 60)
    assert budget.held_bytes == 160
    budget.release("a", 100)
    budget.release("b", 60)

    assert budget.held_bytes == 0
    budget.take("a", 100)


def test_budget_gives_one_client_an_eighth_at_most() -> None:
    budget = ByteBudget(800)
    budget.take("a", 100)

    with pytest.raises(OverBudget):
        budget.take("a", 1)
    budget.take("b", 100)


def test_budget_is_bounded_over_all_clients() -> None:
    budget = ByteBudget(800)
    for client in range(8):
        budget.take(str(client), 100)

    with pytest.raises(OverBudget):
        budget.take("late", 1)
    assert budget.held_bytes == 800


def test_upload_releases_its_bytes_once_the_app_has_them() -> None:
    budget = ByteBudget(800)
    reading = upload(chunk(b"x" * 50), budget=budget)

    async def run() -> list[int]:
        held = [budget.held_bytes]
        await reading.read(settings())
        held.append(budget.held_bytes)
        await reading()
        held.append(budget.held_bytes)
        reading.release()
        return [*held, budget.held_bytes]

    assert asyncio.run(run()) == [0, 50, 0, 0]


@pytest.mark.parametrize("body", [b"", b"a new one", b"y" * 100])
def test_upload_hands_on_what_it_was_replaced_by_in_one_message(body: bytes) -> None:
    budget = ByteBudget(800)
    reading = upload(chunk(b"x" * 30, more=True), chunk(b"y" * 20, more=True), chunk(b""), GONE, budget=budget)

    async def run() -> tuple[list[int], list[Message]]:
        await reading.read(settings())
        held = [budget.held_bytes]
        reading.replace(body)
        held.append(budget.held_bytes)
        messages = [await reading()]
        return [*held, budget.held_bytes], [*messages, await reading(), await reading()]

    held, messages = asyncio.run(run())
    assert held == [50, len(body), 0]
    assert messages == [chunk(body), GONE, GONE]


def test_upload_of_many_pieces_is_replaced_whole() -> None:
    reading = upload(*(chunk(b"x", more=True) for _ in range(2 * MOST_MESSAGES)), chunk(b""), GONE)

    async def run() -> list[Message]:
        await reading.read(settings())
        reading.replace(b"new")
        return [await reading(), await reading()]

    assert asyncio.run(run()) == [chunk(b"new"), GONE]


@pytest.mark.parametrize(("others", "length"), [(0, 101), (760, 41)], ids=["its share", "the whole"])
def test_upload_replaced_by_more_than_the_budget_has_raises(others: int, length: int) -> None:
    budget = ByteBudget(800)
    for client in range(8):
        budget.take(str(client), others // 8)
    reading = upload(chunk(b"x" * 30), budget=budget)

    async def run() -> None:
        await reading.read(settings())
        with pytest.raises(OverBudget) as caught:
            reading.replace(b"y" * length)
        assert caught.value.rule == "G114"

    asyncio.run(run())
    assert budget.held_bytes == others
    reading.release()
    assert budget.held_bytes == others


def test_upload_trickling_with_signs_of_life_outlives_the_idle_limit() -> None:
    left = [chunk(b"x", more=True)] * 5

    async def receive() -> Message:
        await asyncio.sleep(0.03)
        return left.pop() if left else chunk(b"y")

    reading = Upload(receive, budget=ByteBudget(1 << 20), client="a")

    assert asyncio.run(reading.read(settings(body_timeout_s="10", body_idle_s="0.1"))) == b"xxxxxy"
