"""Follows a chat room on Python's `websockets`, through cuts of the network: py_follower.py URL ROOM NAME UNTIL

Prints `here` each time it is in, and the texts that are said, up to UNTIL. It comes back after what it has seen.
"""

import asyncio
import json
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException


async def follow(url, room, name, until):
    join = {"type": "join", "room": room, "name": name, "key": f"key of {name}"}
    while True:
        try:
            async with connect(url, proxy=None, open_timeout=1, close_timeout=1) as ws:
                await ws.send(json.dumps(join))
                async for data in ws:
                    message = json.loads(data)
                    if message["type"] == "here":
                        print("here", flush=True)
                    elif message["type"] == "gap":
                        sys.exit("messages are missing")
                    elif message["type"] == "said":
                        join["after"] = message["position"]
                        print(message["text"], flush=True)
                        if message["text"] == until:
                            return
        except (OSError, WebSocketException):
            pass
        await asyncio.sleep(0.5)


asyncio.run(asyncio.wait_for(follow(*sys.argv[1:]), 60))
