"""Checks an echo server with the client of Python's `websockets`: py_client.py URL [--ca PEM]"""

import asyncio
import ssl
import sys

from websockets.asyncio.client import connect as websockets_connect
from websockets.exceptions import ConnectionClosed

import checks
from checks import check, equal
from payloads import SCRIPTS, letters, noise, payloads, sha256

URL = sys.argv[1]
CA = sys.argv[3] if sys.argv[2:3] == ["--ca"] else None


def connect(**options):
    options = {"compression": None, "max_size": 64 << 20, "proxy": None} | options
    if CA:
        context = ssl.create_default_context(cafile=CA)
        # A certificate made on the spot is its own issuer, which the strict rules of newer Pythons forbid.
        context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
        options["ssl"] = context
    return websockets_connect(URL, **options)


async def check_on_its_own(name, body, *args):
    """A check on a connection of its own, so that one failure does not spoil the next check."""

    async def on_connection():
        async with connect() as ws:
            await body(ws, *args)

    await check(name, on_connection())


async def expect_echo(ws, sent, binary):
    got = await ws.recv()
    equal(type(got), bytes if binary else str, "type")
    got = got if binary else got.encode()
    equal(len(got), len(sent), "length")
    equal(sha256(got), sha256(sent), "SHA-256")


async def echo(ws, data, binary):
    await ws.send(data, text=not binary)
    await expect_echo(ws, data, binary)


async def echo_frames(ws, frames, binary):
    """Sends a list of frames as one message."""
    await ws.send(frames, text=not binary)
    await expect_echo(ws, b"".join(frames), binary)


async def echo_frames_and_pings(ws):
    pongs = []

    async def frames():
        for _ in range(3):
            yield letters(1000)
            pongs.append(await ws.ping())

    await ws.send(frames(), text=True)
    for pong in pongs:
        await pong
    await expect_echo(ws, letters(1000) * 3, False)


async def ping(ws, data):
    await (await ws.ping(data))  # ends when the pong with the same payload arrives


async def many(ws):
    for i in range(1000):
        await ws.send(f"message {i}")
    for i in range(1000):
        equal(await ws.recv(), f"message {i}", "message")


async def expect_closed(ws, code, reason):
    try:
        while True:
            await ws.recv()
    except ConnectionClosed as closed:
        equal((closed.rcvd.code, closed.rcvd.reason), (code, reason), "close frame received")


async def client_closes():
    async with connect() as ws:
        await ws.close(4000, "bye")
        await expect_closed(ws, 4000, "bye")


async def server_closes():
    async with connect() as ws:
        await ws.send("close me")
        await expect_closed(ws, 4002, "as you wish")


async def subprotocol(offered, expected):
    async with connect(subprotocols=offered) as ws:
        equal(ws.subprotocol, expected, "sub-protocol")


async def declines_deflate():
    async with connect(compression="deflate") as ws:
        equal(ws.response.headers.get("Sec-WebSocket-Extensions"), None, "extensions")
        await echo(ws, b"a" * 100_000, False)


async def main():
    for name, data, binary in payloads():
        await check_on_its_own(name, echo, data, binary)
    scripts = SCRIPTS.encode()
    await check_on_its_own("text in frames cut within characters", echo_frames, [scripts[i : i + 1] for i in range(len(scripts))], False)
    await check_on_its_own("binary in frames, some empty", echo_frames, [b"", noise(126), b"", noise(65536), b""], True)
    await check_on_its_own("pings between the frames of a message", echo_frames_and_pings)
    await check_on_its_own("ping of 0 bytes", ping, b"")
    await check_on_its_own("ping of 125 bytes", ping, noise(125))
    await check_on_its_own("1000 messages come back in order", many)
    await check("client closes with 4000", client_closes())
    await check("server closes with 4002", server_closes())
    await check("server takes the sub-protocol echo", subprotocol(["chat", "echo"], "echo"))
    await check("server takes no sub-protocol when none is offered", subprotocol(None, None))
    await check("server takes no sub-protocol that it does not know", subprotocol(["nonesuch"], None))
    await check("server declines permessage-deflate", declines_deflate())


asyncio.run(main())
sys.exit(1 if checks.failed else 0)
