"""centrifuge-python against our site, over one of its two wire formats: py_centrifuge.py URL json|protobuf"""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import sys
import time

import centrifuge
from centrifuge import CentrifugeError, Client, ClientEventHandler, ReplyError, SubscriptionEventHandler

import checks
from checks import check, equal

URL, FORMAT = sys.argv[1:3]
PROTOBUF = FORMAT == "protobuf"


def out(value):
    return json.dumps(value).encode() if PROTOBUF else value


def back(data):
    return json.loads(data) if PROTOBUF else data


def token(secret="secret", **claims):
    def part(value):
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    signed = ".".join(part(json.dumps(value).encode()) for value in ({"alg": "HS256", "typ": "JWT"}, claims))
    return f"{signed}.{part(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())}"


def topic(kind):
    return f"{kind}:{FORMAT}-{secrets.token_hex(6)}"


class Events:
    """Keeps what handlers are called with, until it is asked for."""

    def __init__(self):
        self.queue, self.seen = asyncio.Queue(), []

    async def next(self, wanted, accepts=lambda context: True):
        async with asyncio.timeout(8):
            while True:
                name, context = await self.queue.get()
                self.seen.append((name, context))
                if name == wanted and accepts(context):
                    return context

    def publications(self):
        return [back(context.pub.data) for name, context in self.seen if name == "publication"]


def keeping(base):
    """A handler of that kind which keeps all."""

    def keep(name):
        async def keep(self, context):
            self.queue.put_nowait((name[3:], context))

        return keep

    return type(base.__name__, (Events, base), {name: keep(name) for name in dir(base) if name.startswith("on_")})


Clients, Subscriptions = keeping(ClientEventHandler), keeping(SubscriptionEventHandler)
clients = []


def client(**options):
    events = Clients()
    options.setdefault("token", token(sub="ann"))
    made = Client(URL, events=events, use_protobuf=PROTOBUF, min_reconnect_delay=0.02, max_reconnect_delay=0.1, proxy=None, **options)
    made.events = events
    clients.append(made)
    return made


async def connected(**options):
    made = client(**options)
    await made.connect()
    await made.ready(5)
    return made


async def subscribed(made, name, **options):
    events = Subscriptions()
    subscription = made.new_subscription(name, events=events, **options)
    subscription.events = events
    await subscription.subscribe()
    await subscription.ready(5)
    return subscription


async def call(made, method, **ask):
    return back((await made.rpc(method, out(ask))).data)


async def failure(call):
    try:
        await call
    except ReplyError as error:
        return error.code
    return "none"


async def connects():
    made = await connected(data=out({"hello": 1}))
    context = await made.events.next("connected")
    equal(back(context.data), {"hello": 1}, "data")
    equal(await call(made, "who"), "ann", "user")


async def bad_token():
    made = client(token=token("guess", sub="eve"))
    await made.connect()
    equal((await made.events.next("disconnected")).code, 3500, "code")


async def new_tokens():
    asked = []

    async def get():
        asked.append(1)
        return token(sub="ann", exp=int(time.time()) + 2)

    made = await connected(token=token(sub="ann", exp=int(time.time()) - 5), get_token=get)
    await asyncio.sleep(2.5)
    equal(await call(made, "who"), "ann", "user")
    equal(len(asked) >= 2, True, f"new tokens ({len(asked)})")


async def many_subscriptions():
    made = await connected()
    await asyncio.gather(*(subscribed(made, topic("live")) for _ in range(100)))


async def publishes():
    ann, bob = await connected(), await connected(token=token(sub="bob"))
    name = topic("live")
    first, second = await subscribed(ann, name), await subscribed(bob, name)
    await first.publish(out({"text": "hej\nå"}))
    equal(back((await second.events.next("publication")).pub.data), {"text": "hej\nå"}, "from a client")
    await first.events.next("publication")
    await call(bob, "publish", topic=name, data=[1, None])
    equal(back((await first.events.next("publication")).pub.data), [1, None], "from the server")


async def refusals():
    made = await connected()
    for name, code in ((topic("room:secret"), 103), ("nowhere", 102)):
        events = Subscriptions()
        subscription = made.new_subscription(name, events=events)
        await subscription.subscribe()
        equal((await events.next("unsubscribed")).code, code, name)
    equal(await failure(made.publish(topic("room"), out(1))), 103, "publishing without a grant")
    equal(await failure(made.rpc("none", out({}))), 104, "an unknown procedure")
    equal(await failure(made.rpc("error", out({"code": 1234}))), 1234, "an error of the application")


async def recovers():
    ann, bob = await connected(), await connected(token=token(sub="bob"))
    subscription = await subscribed(ann, topic("room"), recoverable=True)
    await subscription.events.next("subscribed")
    await call(bob, "publish", topic=subscription.channel, data=1)
    await subscription.events.next("publication")

    async def leave():
        try:
            await call(ann, "disconnect", code=3011)
        except CentrifugeError:
            pass

    await asyncio.gather(leave(), call(bob, "publish", topic=subscription.channel, data=2))
    context = await subscription.events.next("subscribed")
    equal((context.was_recovering, context.recovered), (True, True), "recovered")
    await call(bob, "publish", topic=subscription.channel, data=3)
    await subscription.events.next("publication", lambda context: back(context.pub.data) == 3)
    equal(subscription.events.publications(), [1, 2, 3], "seen")
    await ann.disconnect()
    for n in range(4, 20):
        await call(bob, "publish", topic=subscription.channel, data=n)
    await ann.connect()
    context = await subscription.events.next("subscribed")
    equal((context.was_recovering, context.recovered), (True, False), "not recovered")


async def server_side():
    name = topic("room")
    made = await connected(token=token(sub="ann", channels=[name]))
    await made.events.next("subscribed", lambda context: context.channel == name)
    await made.publish(name, out("x"))
    equal(back((await made.events.next("publication")).pub.data), "x", "data")
    own = await subscribed(made, topic("live"))
    await call(made, "unsubscribe", topic=own.channel)
    equal((await own.events.next("unsubscribed")).code, 2000, "code")


async def presence_and_history():
    made = await connected(token=token(sub="ann", info={"color": "red"}))
    subscription = await subscribed(made, topic("room"), join_leave=True)
    other = await connected(token=token(sub="bob"))
    there = await subscribed(other, subscription.channel)
    await subscription.events.next("join", lambda context: context.info.user == "bob")
    present = (await subscription.presence()).clients
    equal(sorted(info.user for info in present.values()), ["ann", "bob"], "present")
    equal([back(info.conn_info) for info in present.values() if info.user == "ann"], [{"color": "red"}], "info")
    stats = await subscription.presence_stats()
    equal((stats.num_clients, stats.num_users), (2, 2), "stats")
    for n in range(5):
        await there.publish(out(n))
    first = await subscription.history(limit=3)
    since = centrifuge.StreamPosition(first.publications[-1].offset, first.epoch)
    second = await subscription.history(limit=-1, since=since)
    equal([back(publication.data) for publication in first.publications + second.publications], [0, 1, 2, 3, 4], "history")
    await there.unsubscribe()
    await subscription.events.next("leave", lambda context: context.info.user == "bob")


async def disconnects():
    for code, event in ((3503, "disconnected"), (4500, "disconnected"), (3011, "connecting"), (4000, "connecting")):
        made = await connected()
        asking = asyncio.ensure_future(call(made, "disconnect", code=code))
        equal((await made.events.next(event, lambda context: context.code >= 3000)).code, code, "code")
        if event == "connecting":
            await made.events.next("connected")
        await asyncio.gather(asking, return_exceptions=True)


async def main():
    for title, body in (
        ("connects, with data and who it is", connects),
        ("a token that is not valid is refused for good", bad_token),
        ("tokens that have expired, or will, are replaced", new_tokens),
        ("100 subscriptions begin at once", many_subscriptions),
        ("publishes both ways", publishes),
        ("refusals have their codes", refusals),
        ("recovers, or is told that it cannot", recovers),
        ("the server subscribes and unsubscribes it", server_side),
        ("sees who is there, and reads the history", presence_and_history),
        ("disconnects are final or not", disconnects),
    ):
        await check(f"{FORMAT}: {title}", body())
    await asyncio.gather(*(made.disconnect() for made in clients), return_exceptions=True)


asyncio.run(main())
sys.exit(1 if checks.failed else 0)
