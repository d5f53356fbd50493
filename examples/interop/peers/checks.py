"""Runs named checks one after the other; each prints `ok NAME` or `FAILED NAME: reason`."""

import asyncio

failed = 0


async def check(name, body, seconds=30):
    """Runs the coroutine `body`; a check that raises, or takes more than `seconds`, has failed."""
    global failed
    try:
        async with asyncio.timeout(seconds):
            await body
        print(f"ok {name}", flush=True)
    except Exception as error:
        failed += 1
        reason = " ".join(f"{type(error).__name__} {error}".split())[:400]
        print(f"FAILED {name}: {reason}", flush=True)


def equal(actual, expected, what):
    if actual != expected:
        raise AssertionError(f"{what}: expected {expected!r}, got {actual!r}")
