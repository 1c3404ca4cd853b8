"""Threads for what takes long."""

import asyncio
import contextlib
import gc
import io
import threading
import weakref
from functools import partial

from guard.workers import THREADS, Workers


def test_call_runs_in_a_thread_and_gives_its_value() -> None:
    async def run() -> str:
        return await Workers().run(lambda: threading.current_thread().name)

    assert asyncio.run(run()).startswith("guard-screen")


def test_call_that_nobody_waits_for_is_never_begun() -> None:
    go_on, begun = threading.Event(), list[int]()

    async def run() -> None:
        workers = Workers()
        busy = [asyncio.ensure_future(workers.run(partial(go_on.wait, 5))) for _ in range(THREADS)]
        await asyncio.sleep(0)
        late = asyncio.ensure_future(workers.run(partial(begun.append, 1)))
        await asyncio.sleep(0)
        late.cancel()
        await asyncio.wait([late])
        go_on.set()
        await asyncio.gather(*busy)
        await workers.run(int)
        assert late.cancelled()

    asyncio.run(run())
    assert begun == []


def test_body_that_waits_for_a_thread_in_vain_is_let_go_of() -> None:
    class Body(io.BytesIO):
        pass

    go_on = threading.Event()

    async def wait_in_vain(workers: Workers, body: Body) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.02):
                await workers.run(partial(body.read))

    async def run() -> bool:
        workers = Workers()
        busy = [asyncio.ensure_future(workers.run(partial(go_on.wait, 5))) for _ in range(THREADS)]
        await asyncio.sleep(0)
        body = Body(b"x")
        alive = weakref.ref(body)
        await wait_in_vain(workers, body)
        del body
        gc.collect()
        kept = alive() is not None
        go_on.set()
        await asyncio.gather(*busy)
        return kept

    assert not asyncio.run(run())
