"""Connections that do not log in, from sources of 127.0.0.0/8: flood.py PORT COUNT AT_ONCE RATE [SOURCE].

Each sends its version line and waits for the hub to close it, for at most ten seconds. At most AT_ONCE are open, and RATE are
begun each second. Without SOURCE each comes from another address. Says "begun" before the first, at the end how many the
hub greeted."""

import asyncio
import resource
import sys
import time

SECONDS = 10


async def one(port, source, places, greeted):
    try:
        reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0)), SECONDS)
        try:
            writer.write(b"SSH-2.0-flood\r\n")
            if await asyncio.wait_for(reader.read(64), SECONDS):
                greeted.append(source)
                while await asyncio.wait_for(reader.read(4096), SECONDS):
                    pass
        finally:
            writer.close()
    except (OSError, asyncio.TimeoutError):
        pass
    finally:
        places.release()


async def main(port, count, at_once, rate, source=None):
    places = asyncio.Semaphore(at_once)
    greeted, tasks = [], set()
    print("begun", flush=True)
    begun = time.monotonic()
    for number in range(count):
        await places.acquire()
        await asyncio.sleep(max(0.0, begun + number / rate - time.monotonic()))
        where = source or f"127.{1 + number // 62500 % 8}.{1 + number // 250 % 250}.{1 + number % 250}"
        task = asyncio.create_task(one(port, where, places, greeted))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    print(f"greeted {len(greeted)} of {count}", flush=True)


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(main(*map(int, sys.argv[1:5]), *sys.argv[5:]))
