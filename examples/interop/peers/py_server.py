"""An echo server on Python's `websockets`, with the contract of interop_echo_tokio (README.md):

    py_server.py 127.0.0.1:0 [--tls CERTIFICATE KEY] [--deflate=SPEC]

Besides, for the sake of the client under test, it pings every connection once, and sends a text that
starts with "in pieces" back in frames cut within characters, with a ping between them. It prints
`pong ok`, and `closed CODE REASON` as received. With compression, `on the wire` is answered with what
was agreed on and the messages in both directions so far.
"""

import asyncio
import json
import ssl
import sys

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from deflate import agreed, read_spec, server_factory, watch

DEFLATE = next((read_spec(argument[10:]) for argument in sys.argv if argument.startswith("--deflate=")), None)


async def echo(ws):
    log = watch(ws, DEFLATE["threshold"]) if DEFLATE else None
    pinged = asyncio.create_task(ping(ws))
    try:
        async for message in ws:
            if message == "close me":
                await ws.close(4002, "as you wish")
            elif isinstance(message, str) and message.startswith("in pieces"):
                await ws.send(pieces(ws, message.encode()), text=True)
            elif message == "on the wire" and log:
                log["received"].pop()  # the question
                await ws.send(json.dumps({"agreed": agreed(ws, True), **log}))
            else:
                await ws.send(message)
    except ConnectionClosed:
        pass
    finally:
        pinged.cancel()
        close = ws.protocol.close_rcvd
        print(f"closed {close.code} {close.reason}" if close else "closed 1006 ", flush=True)


async def ping(ws):
    await (await ws.ping("are you there?"))
    print("pong ok", flush=True)


async def pieces(ws, data):
    for at in range(0, len(data), 7):
        yield data[at : at + 7]
        if at == 7:
            await ws.ping("within")


def choose(_, offered):
    return "echo" if "echo" in offered else None


async def main():
    address, *tls = (argument for argument in sys.argv[1:] if not argument.startswith("--deflate="))
    host, port = address.split(":")
    context = None
    if tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tls[1], tls[2])
    extensions = [server_factory(DEFLATE)] if DEFLATE else None
    async with serve(echo, host, int(port), ssl=context, compression=None, extensions=extensions, max_size=64 << 20, select_subprotocol=choose) as server:
        port = server.sockets[0].getsockname()[1]
        print(f"listening on {'wss' if tls else 'ws'}://{host}:{port}", flush=True)
        await server.serve_forever()


asyncio.run(main())
