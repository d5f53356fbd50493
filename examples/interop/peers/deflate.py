"""Compression: what is asked for and agreed on, the messages that try it, and what they must look
like on the wire. deflate.mjs and ../client/series.rs do this for node and for our client."""

import json

from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory
from websockets.frames import Opcode

from checks import equal
from payloads import SCRIPTS, letters, noise


def read_spec(spec):
    """Reads a SPEC (README.md)."""
    given = {"threshold": 0, "history": 1024}
    for part in filter(None, spec.split(",")):
        name, _, value = part.partition("=")
        given[name] = int(value) if value else True
    return given


def client_factory(spec):
    return factory(ClientPerMessageDeflateFactory, spec, spec.get("client_bits", True))


def server_factory(spec):
    return factory(ServerPerMessageDeflateFactory, spec, spec.get("client_bits"))


def factory(kind, spec, client_bits):
    return kind(
        server_no_context_takeover=spec.get("server_no_takeover", False),
        client_no_context_takeover=spec.get("client_no_takeover", False),
        server_max_window_bits=spec.get("server_bits"),
        client_max_window_bits=client_bits,
    )


def agreed(ws, is_server):
    """What `websockets` takes for agreed; None without compression."""
    if not ws.protocol.extensions:
        return None
    (extension,) = ws.protocol.extensions
    sides = {"local": "server" if is_server else "client", "remote": "client" if is_server else "server"}
    return {
        f"{side}_{ours}": getattr(extension, f"{end}_{theirs}")
        for end, side in sides.items()
        for ours, theirs in (("bits", "max_window_bits"), ("no_takeover", "no_context_takeover"))
    }


def equal_agreed(actual, spec, what):
    for side in ("server", "client"):
        for name, default in ((f"{side}_bits", 15), (f"{side}_no_takeover", False)):
            equal(actual and actual[name], spec.get(name, default), f"{what}: {name}")


def watch(ws, threshold):
    """Logs messages in both directions as [compressed (RSV1), bytes of payload].

    `websockets` compresses everything: here messages shorter than `threshold` are sent as they are.
    """
    log = {"received": [], "sent": []}
    if not ws.protocol.extensions:
        return log
    (extension,) = ws.protocol.extensions
    decode, encode = extension.decode, extension.encode

    def note(messages, frame):
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            messages.append([frame.rsv1, 0])
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            messages[-1][1] += len(frame.data)

    def decode_and_note(frame, **options):
        note(log["received"], frame)
        return decode(frame, **options)

    def encode_and_note(frame):
        short = frame.fin and frame.opcode is not Opcode.CONT and len(frame.data) < threshold
        frame = frame if short else encode(frame)
        note(log["sent"], frame)
        return frame

    extension.decode, extension.encode = decode_and_note, encode_and_note
    return log


class Message:
    def __init__(self, data, binary=False, frames=None, echo=None):
        self.data, self.binary, self.frames, self.prepared = data, binary, frames, echo is not None
        self.echo = echo if self.prepared else data

    def cut(self):
        """Its frames; the last takes the rest."""
        ends = [sum(self.frames[:i]) for i in range(len(self.frames) + 1)]
        return [self.data[a:b] for a, b in zip(ends, ends[1:] + [None])]


def series(spec):
    """(name, messages), in the order in which they are sent on one connection."""

    def quote(n):
        fields = {"id": n, "type": "quote", "symbol": f"WSK{n % 7}", "bid": 100 + n * 37 % 50, "ask": 101 + n * 53 % 50, "venue": "Zürich", "at": 1700000000 + n}
        return Message(json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode())

    def prepare(data):
        return Message(b"prepare " + data, echo=data)

    text = long_text(100_000).encode()
    news, scripts = letters(1200)[1000:], (SCRIPTS * 3).encode()
    prepared = [message for n in range(20) for message in (quote(n), prepare(quote(n + 1).data))]
    return [
        ("small JSON messages like each other", [quote(n) for n in range(150)]),
        ("100 KB of CJK and emoji", [Message(text)]),
        ("incompressible binary", [Message(noise(100_000), binary=True)]),
        ("empty messages", [Message(b""), Message(b"", binary=True), quote(7), Message(b"")]),
        ("short and long by turns", [quote(n) if n % 2 else Message(b"short %d" % n) for n in range(40)]),
        ("messages in frames", [
            Message(scripts, frames=[5] * (len(scripts) // 5)),
            Message(noise(20_000), binary=True, frames=[0, 1, 125, 126, 0, 8000]),
            Message(text[:60_000], binary=True, frames=[100, 40_000]),
            quote(8),
        ]),
        ("prepared messages among others", [
            *prepared, prepare(b""), quote(9), prepare(text), quote(10), prepare(quote(10).data), quote(10),
        ]),
        ("what was prepared is referred to", [prepare(news), Message(news)]),
        ("the message before is referred to", [Message(letters(3000)[-NEAR:])] * 2),
        ("the far end of the window is referred to", [Message(letters(far(spec)))] * 2),
    ]


def check_wire(spec, steps, log):
    """Checks what was logged of the series on the wire by the client; wskit is the server."""
    for who, role, messages in (("the peer", "client", log["sent"]), ("wskit", "server", log["received"])):
        at, ours = 0, who == "wskit"
        takeover = not spec.get(f"{role}_no_takeover")
        for name, sent in steps:
            logged, at = messages[at : at + len(sent)], at + len(sent)
            equal(len(logged), len(sent), f"{name}: messages of {who}")
            for message, (compressed, size) in zip(sent, logged):
                length = len(message.echo if ours else message.data)
                wanted = length >= spec["threshold"] or bool(message.frames and not ours)
                equal(compressed, wanted, f"{name}: {length} bytes of {who} compressed")
                most = length * 1.06 + 64 + 8 * len(message.frames or [])
                expect(size <= most, f"{name}: {length} bytes of {who} became {size}")
            first, second = logged[0][1], logged[-1][1]
            if name.startswith("100 KB"):
                expect(first <= 75_000, f"{name}: {who} sent {first} bytes")
            if not name.endswith(" is referred to"):
                continue
            again = f"{name}: {who} sent it again in {second} after {first} bytes"
            # A stream of one's own may begin anew after a prepared message, and history has an end.
            reached = len(sent[1].data) <= spec["history"] or "dedicated" in spec and not sent[0].prepared
            if not takeover:
                expect(second * 2 >= first, again)
            elif not ours or reached:
                expect(second * 4 <= first, again)
        equal(len(messages), at, f"messages of {who}")


def expect(holds, otherwise):
    if not holds:
        raise AssertionError(otherwise)


NEAR = 212


def far(spec):
    """As far as zlib refers back with the smaller of both windows, less a few bytes."""
    return 2 ** min(spec.get("server_bits", 15), spec.get("client_bits", 15)) - 300


def long_text(size):
    """Words in no order, so that there is much to refer to, near and far."""
    words = [*SCRIPTS.split(" "), "圧縮", "窗口", "메시지", "🗜️", "Verbindung", "сообщение"]
    state, text, made = 1, [], 0
    while made < size:
        state = (state * 1664525 + 1013904223) % 2**32
        word = f"{words[(state >> 16) % len(words)]} {(state >> 8) % 1000} "
        text.append(word)
        made += len(word.encode())
    return "".join(text)
