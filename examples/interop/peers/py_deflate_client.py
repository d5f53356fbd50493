"""Checks compression by an echo server with the client of Python's `websockets`, each on one connection:

    py_deflate_client.py (URL OFFER AGREED)…

OFFER is the SPEC to ask for, AGREED the one to expect (README.md).
"""

import asyncio
import sys

from websockets.asyncio.client import connect

import checks
from checks import check, equal
from deflate import agreed, check_wire, client_factory, equal_agreed, read_spec, series, watch
from payloads import sha256


async def send(ws, message):
    if message.frames:
        await ws.send(message.cut(), text=not message.binary)
    else:
        await ws.send(message.data, text=not message.binary)


async def echo(ws, messages):
    for message in messages:
        await send(ws, message)
    for message in messages:
        got = await ws.recv()
        equal(type(got), bytes if message.binary else str, "type")
        got = got if message.binary else got.encode()
        equal(len(got), len(message.echo), "length")
        equal(sha256(got), sha256(message.echo), "SHA-256")


async def cell(url, offered, expected):
    offer, spec = read_spec(offered), read_spec(expected)
    steps = series(spec)
    try:
        async with connect(url, proxy=None, max_size=64 << 20, compression=None, extensions=[client_factory(offer)]) as ws:
            log = watch(ws, spec["threshold"])

            async def as_agreed():
                equal_agreed(agreed(ws, False), spec, ws.response.headers.get("Sec-WebSocket-Extensions"))

            async def on_the_wire():
                check_wire(spec, steps, log)

            await check(f"{expected}: agreed", as_agreed())
            for name, messages in steps:
                await check(f"{expected}: {name}", echo(ws, messages))
            await check(f"{expected}: on the wire", on_the_wire())
            await ws.close(1000)

            async def closed():
                equal(ws.protocol.close_rcvd and ws.protocol.close_rcvd.code, 1000, "code")

            await check(f"{expected}: closed", closed())
    except Exception as error:
        checks.failed += 1
        print(f"FAILED {expected}: {type(error).__name__} {error}", flush=True)


async def main():
    cells = sys.argv[1:]
    for at in range(0, len(cells), 3):
        await cell(*cells[at : at + 3])


asyncio.run(main())
sys.exit(1 if checks.failed else 0)
