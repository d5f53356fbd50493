"""A person in the chat on Python's `websockets`: py_chat.py URL ROOM NAME TEXT UNTIL

Joins, says TEXT, prints what is said (`FROM: TEXT`), and leaves when somebody else says UNTIL.
"""

import asyncio
import json
import sys

from websockets.asyncio.client import connect


async def chat(url, room, name, text, until):
    async with connect(url, proxy=None) as ws:
        await ws.send(json.dumps({"type": "join", "room": room, "name": name}))
        async for data in ws:
            message = json.loads(data)
            if message["type"] == "here":
                print("here:", ", ".join(message["names"]), flush=True)
                await ws.send(json.dumps({"type": "say", "text": text}))
            elif message["type"] == "said":
                print(f"{message['from']}: {message['text']}", flush=True)
                if message["text"] == until and message["from"] != name:
                    return
    sys.exit("closed before anybody said it")


asyncio.run(asyncio.wait_for(chat(*sys.argv[1:]), 30))
