#!/usr/bin/env python3
"""Writes the seeds of all targets below this directory. Run it after changing an input's layout.

Each seed is an interesting case, laid out as the comment at the top of its target says.
"""
import base64
import pathlib
import struct
import zlib

HERE = pathlib.Path(__file__).parent
WHOLE, BYTES, THREES, ODD = bytes(8), bytes([1] * 8), bytes([3] * 8), bytes([2, 0, 7, 1, 130, 5, 64, 200])
CRLF = b"\r\n"


def seed(target, name, *parts):
    folder = HERE / target
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"".join(part if isinstance(part, bytes) else bytes([part]) for part in parts))


def frame(first, payload, key=None, masked=False):
    bit = 0x80 if masked else 0
    size = len(payload)
    if size < 126:
        head = bytes([first, bit | size])
    elif size < 65536:
        head = bytes([first, bit | 126]) + struct.pack(">H", size)
    else:
        head = bytes([first, bit | 127]) + struct.pack(">Q", size)
    if not masked:
        return head + payload
    key = key or bytes(4)
    return head + key + bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))


def deflated(plain):
    """One message on its own, by RFC 7692 section 7.2.1."""
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (engine.compress(plain) + engine.flush(zlib.Z_SYNC_FLUSH))[:-4]


# RFC 6455 section 5.7, and the borders of the lengths.
KEY = bytes.fromhex("37fa213d")
seed("frame_header", "rfc_text", 0, frame(0x81, b"Hello"))
seed("frame_header", "rfc_masked_text", 1, frame(0x81, b"Hello", KEY, True))
seed("frame_header", "rfc_fragment", 0, frame(0x01, b"Hel"))
seed("frame_header", "rfc_256", 0, bytes.fromhex("827e0100"))
seed("frame_header", "rfc_64k", 0, bytes.fromhex("827f0000000000010000"))
seed("frame_header", "compressed", 3, bytes.fromhex("c18537fa213d"))
seed("frame_header", "longest", 1, bytes.fromhex("82ff7fffffffffffffff37fa213d"))
seed("frame_header", "not_minimal", 0, bytes.fromhex("827e007d"))
seed("frame_header", "encode_16", 4, 0x82, struct.pack(">Q", 0x0400000000001000), b"payload")
seed("frame_header", "encode_64_masked", 4, 0xA1, KEY, struct.pack(">Q", 0xFFFFFFFFFFFFFFFF), b"payload")
seed("frame_header", "encode_ping", 4, 0xA9, KEY, struct.pack(">Q", 0), b"ping")

for name, repeat, cuts, data in [
    ("hello", 0, WHOLE, b"Hello"),
    ("ascii_long", 255, ODD, b"The quick brown fox jumps over the lazy dog."),
    ("four_bytes", 200, THREES, "\U0001f600".encode()),
    ("mixed", 90, BYTES, "κόσμε Grüße 世界".encode()),
    ("surrogate", 0, BYTES, b"ok \xed\xa0\x80"),
    ("overlong", 3, ODD, b"\xc0\xaf"),
    ("unfinished", 0, BYTES, b"abc\xf0\x9f\x98"),
    ("late_mistake", 0, WHOLE, b"x" * 300 + b"\xff"),
]:
    seed("mask_utf8", name, repeat, 5, KEY, cuts, data)

for client in (0, 1):
    masked = not client
    end = "client" if client else "server"

    def f(first, payload=b""):
        return frame(first, payload, KEY, masked)

    cases = {
        "hello": f(0x81, b"Hello"),
        "fragments": f(0x01, b"Hel") + f(0x89, b"ping") + f(0x80, b"lo"),
        "cut_character": f(0x01, b"\xc3") + f(0x00) + f(0x80, b"\xa9"),
        "medium": f(0x82, b"x" * 300) + f(0x82, b"y" * 126),
        "close": f(0x81, b"bye") + f(0x88, b"\x03\xe8bye") + f(0x81, b"late"),
        "close_1005": f(0x88, b"\x03\xed"),
        "close_empty": f(0x88) + b"\0",
        "not_utf8": f(0x81, b"\xce\xba\xed\xa0\x80edited"),
        "continuation_alone": f(0x80, b"x"),
        "reserved": f(0x83, b"x"),
        "pings": b"".join(f(0x89, bytes([65 + n]) * 9) for n in range(12)),
    }
    for n, (name, wire) in enumerate(cases.items()):
        seed("connection", f"{end}_{name}", client | 4 * (n % 2) | 8 * (n % 3 == 0), 0, bytes([1, 3, 0, 2]), n % 8, WHOLE, 5, BYTES if n % 2 else ODD, wire)
    # Frame scripts: messages that do not fit a read buffer.
    big = bytes([0x81, 200, 0, 0x80, 255, 1])
    seed("connection", f"{end}_large", client | 2 | 4, 0, bytes([1, 6, 9, 7]), 0, WHOLE, 1, bytes([220] * 8), big)
    seed("connection", f"{end}_large_fragments", client | 2, 0, bytes([0, 0, 0, 5]), 3, ODD, 5, bytes([200, 3, 0, 150, 1, 255, 20, 10]),
         bytes([0x82, 150, 2, 0x06, 5, 0, 0x84, 100, 2, 0x85, 99, 2]))
    seed("connection", f"{end}_too_large", client | 2 | 16, 0, bytes(4), 0, WHOLE, 5, ODD, bytes([0x81, 200, 0]))
    seed("connection", f"{end}_announced", client | 2, 0, bytes(4), 1, ODD, 5, bytes([200] * 8), bytes([0x09, 255, 220]))
    seed("connection", f"{end}_pieces", client | 2 | 8 | 4, 0, bytes(4), 0, WHOLE, 7, ODD, bytes([0x82, 250, 3, 0x85, 20, 3, 0x40, 9, 1]))
    # Compression: a message and the same again, cut, final blocks, broken data, a bomb against the limit.
    hello, again = bytes.fromhex("f248cdc9c90700"), bytes.fromhex("f200110000")
    packed = {
        "hello_twice": f(0xC1, hello) + f(0xC1, again),
        "cut": f(0x41, hello[:3]) + f(0x89, b"p") + f(0x80, hello[3:]),
        "final_block": f(0xC1, bytes.fromhex("f348cdc9c9070000")) + f(0xC1, hello),
        "stored": f(0xC1, bytes.fromhex("000500faff48656c6c6f00")) + f(0x81, b"plain") + f(0xC2, b"\0"),
        "empty": f(0xC1) + f(0x41) + f(0x80, b"\0"),
        "type_3": f(0xC2, b"\x06\0"),
        "distance": f(0xC2, again),
        "rsv1_late": f(0x01, b"x") + f(0xC0, hello),
        "not_utf8": f(0xC1, deflated(b"text\xff") + b"\x06"),
        "bomb": f(0xC2, deflated(b"0" * 100_000)),
    }
    for n, (name, wire) in enumerate(packed.items()):
        seed("connection", f"{end}_deflate_{name}", client | 16 * (n % 3), 1 | 2 * (n % 7) | 16 * (n % 4 == 3) | 32 * (n % 3 == 1),
             bytes([1, 3, 0, 6]), n % 8, WHOLE, 5, BYTES if n % 2 else ODD, wire)
    seed("connection", f"{end}_deflate_script", client | 2, 1, bytes([1, 1, 8, 6]), 0, WHOLE, 5, ODD,
         bytes([0x0A, 200, 0x1B, 90, 0x0C, 100, 9, 0x2D, 150, 20, 0x80, 0, 0, 0, 0, 5, 1]))

BROWSER = CRLF.join([
    b"GET /chat?room=1 HTTP/1.1", b"Host: example.com", b"User-Agent: Mozilla/5.0 (X11; Linux x86_64)", b"Accept: */*",
    b"Accept-Language: en-US,en;q=0.5", b"Accept-Encoding: gzip, deflate, br", b"Sec-WebSocket-Version: 13",
    b"Origin: http://example.com", b"Sec-WebSocket-Extensions: permessage-deflate", b"Sec-WebSocket-Protocol: chat, superchat",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b"DNT: 1", b"Connection: keep-alive, Upgrade", b"Pragma: no-cache",
    b"Upgrade: websocket", b"", b"",
])
SHORT = CRLF.join([
    b"GET / HTTP/1.1", b"Host: a", b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    b"Sec-WebSocket-Version: 13", b"", b"",
])
PLAIN = b"GET /index.html HTTP/1.1\r\nHost: example.com\r\n\r\n"
for name, limits, cuts, wire in [
    ("browser", 0, BYTES, BROWSER),
    ("browser_with_frame", 0, ODD, BROWSER + frame(0x81, b"Hello", KEY, True)),
    ("short", 1, THREES, SHORT),
    ("few_headers", 3, ODD, SHORT),
    ("old_version", 0, ODD, SHORT.replace(b": 13", b": 8")),
    ("two_keys", 0, ODD, SHORT.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")),
    ("bad_key", 0, ODD, SHORT.replace(b"AA==", b"AB==")),
    ("absolute", 0, ODD, SHORT.replace(b"GET /", b"GET http://a/x")),
    ("quoted_extension", 0, BYTES, SHORT.replace(b"\r\n\r\n", b'\r\nSec-WebSocket-Extensions: a; b="c", d\r\n\r\n')),
    ("plain", 0, BYTES, PLAIN),
    ("head", 0, BYTES, PLAIN.replace(b"GET", b"HEAD") + b"more"),
    ("post", 0, ODD, b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"),
    ("bare_lf", 0, BYTES, b"GET / HTTP/1.1\nHost: a\n\n"),
    ("long_line", 2, THREES, b"GET /" + b"x" * 80 + b" HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("tls", 0, ODD, b"\x16\x03\x01\x02\x00\x01\x00"),
    ("unfinished", 0, ODD, BROWSER[:-2]),
]:
    seed("request_head", name, limits, WHOLE, cuts, wire)

SWITCH = CRLF.join([
    b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade",
    b"Sec-WebSocket-Accept: CdXSYUsvsaMthlEXWDNURGWA/1o=", b"", b"",
])
AGREED = SWITCH[:-2] + b"Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate, x-test; a=1\r\n\r\n"
for name, flags, cuts, wire in [
    ("switch", 0, BYTES, SWITCH),
    ("switch_with_frame", 0, ODD, SWITCH + frame(0x81, b"Hello")),
    ("agreed", 0, ODD, AGREED),
    ("interim", 0, THREES, b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + SWITCH),
    ("two_interim", 1, THREES, b"HTTP/1.1 100 x\r\n\r\nHTTP/1.1 100 x\r\n\r\n" + SWITCH),
    ("wrong_accept", 0, ODD, SWITCH.replace(b"CdXS", b"XXXX")),
    ("not_offered", 0, ODD, AGREED.replace(b": chat", b": other")),
    ("twice", 0, ODD, AGREED.replace(b"x-test", b"permessage-deflate")),
    ("refused", 0, BYTES, b"HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nno!!!and more"),
    ("refused_long", 3, ODD, b"HTTP/1.1 404 x\r\nContent-Length: 50\r\n\r\n" + b"x" * 50),
    ("refused_eof", 4, ODD, b"HTTP/1.0 500 x\r\n\r\nsorry"),
    ("chunked", 0, BYTES, b"HTTP/1.1 429 x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\na;x=y\r\n0123456789\r\n0\r\nT: 1\r\n\r\nmore"),
    ("chunked_zeros", 0, ODD, b"HTTP/1.1 429 x\r\nTransfer-Encoding: chunked\r\n\r\n000000000000005\r\nhello\r\n0\r\n\r\n"),
    ("chunked_cut", 7, ODD, b"HTTP/1.1 429 x\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n" + b"y" * 60),
    ("no_content", 4, ODD, b"HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\n"),
    ("redirect", 0, ODD, b"HTTP/1.1 307 x\r\nLocation: wss://b/\r\nContent-Length: 0\r\n\r\n"),
]:
    seed("response_head", name, flags, WHOLE, cuts, wire)

for name, text in {
    "chrome": b"permessage-deflate; client_max_window_bits",
    "fallbacks": b"permessage-deflate; server_max_window_bits=10, permessage-deflate",
    "quoted": b'foo; bar="baz"; x="\\1\\2" , ,b',
    "unclosed": b'foo; bar="baz',
    "quoted_blank": b'foo; bar="b az"',
    "empty": b" , ,",
    "separator": b"a b",
    "no_value": b"a; b=",
}.items():
    seed("extensions", name, 0, text)
    seed("extensions", name + "_long", 255, text)


def op(what, who, how=0):
    return who | what << 1 | how << 5


ALL = bytes([op(7, 0), op(7, 1), op(9, 0, 1), op(9, 1)])
seed("session_pair", "hello", 0, op(0, 0), 5, ALL, op(2, 1), 5, ALL)
seed("session_pair", "cuts", 0, op(0, 0), 100, op(6, 0, 1), 3, op(8, 1), 1, op(8, 1, 1), 2, ALL)
seed("session_pair", "large", 4, op(0, 0, 1), 250, op(2, 1, 2), 250, op(6, 1, 2), 220, op(8, 0, 1), 200, op(12, 0), ALL, ALL)
seed("session_pair", "stream", 96, op(4, 0, 1), 50, op(5, 0), 7, ALL, op(4, 0, 1), 200, op(6, 0, 3), 150, op(8, 1), 140, op(4, 0, 3), 9, ALL)
seed("session_pair", "half_characters", 64, op(4, 1, 4), 50, ALL, op(4, 1, 4), 3, op(4, 1, 2), 9, ALL)
seed("session_pair", "fragmented", 3, op(0, 1, 3), 190, op(2, 0, 3), 195, op(5, 1), 125, op(6, 1, 1), 100, ALL, op(13, 0), 9)
seed("session_pair", "close_both", 8, op(0, 0), 20, op(15, 0, 2), 255, op(2, 1), 200, op(15, 1, 3), 255, ALL)
seed("session_pair", "open_at_end", 16, op(4, 0, 1), 50, op(4, 1), 50, op(11, 0, 3), ALL)
seed("session_pair", "keepalive", 4, bytes([op(12, 0)] * 4), ALL, op(5, 1), 4, bytes([op(12, 0)] * 3), ALL)
seed("session_pair", "blocked_pings", 0, *[bytes([op(5, 0), n, op(7, 0), op(9, 1)]) for n in range(40)], op(6, 1, 1), 9, op(5, 0), 8, ALL)

# Flags, window and level, cuts, then messages: kind, size, filling.
seed("deflate_engines", "json", 0, 6, WHOLE, bytes([3, 200, 1, 3, 200, 2, 3, 210, 3]))
seed("deflate_engines", "small_window", 0, 8, ODD, bytes([3, 190, 1, 2, 150, 5, 3, 190, 1]))
seed("deflate_engines", "dedicated", 32, 0x36, BYTES, bytes([3, 100, 1, 1, 100, 0xC3, 90, 7]))
seed("deflate_engines", "no_takeover", 16, 0x16, THREES, bytes([3, 160, 1, 0, 9]), b"Hello all")
seed("deflate_engines", "flushes", 0, 6, WHOLE, bytes([0x33, 100, 1, 0x23, 0, 0x13, 1, 2]))
seed("deflate_engines", "prepared", 0, 0x4D, ODD, bytes([0xC3, 200, 1, 0xC1, 120, 3, 200, 9]))
for bits in range(7):
    seed("deflate_engines", f"script_{9 + bits}", 2, bits, ODD,
         bytes([0, 20, 1, 15] + [65 + n for n in range(10)] + [200, 9, 1, 2, 120, 255, 0, 0, 120, 255, 0, 0, 0, 5, 1, 2, 3, 4, 5]),
         bytes([0, 5, 1, 3, 120, 200, 0, 0, 120, 100, 9, 9]), bytes([255, 3, 1, 3, 120, 9, 0, 0]))
for name, payloads in {
    "hello_twice": [hello, again],
    "final_block": [bytes.fromhex("f348cdc9c9070000"), again],
    "final_alone": [bytes.fromhex("f348cdc9c907"), hello],
    "stored": [bytes.fromhex("000500faff48656c6c6f00")],
    "two_blocks": [bytes.fromhex("f248050000ffffcac9c90700")],
    "type_3": [b"\x06"],
    "dynamic": [deflated(bytes(range(256)) * 3 + b"some text and some more text" * 9)],
    "empty": [b"", b"\0"],
}.items():
    seed("deflate_engines", f"raw_{name}", 3, 6, BYTES, *[bytes([len(p)]) + p if len(p) < 250 else b"\xff" + p for p in payloads])
    seed("deflate_engines", f"raw_dedicated_{name}", 35, 6, THREES, *[bytes([len(p)]) + p if len(p) < 250 else b"\xff" + p for p in payloads])

# Flags, cuts into frames, cuts of the bytes, then kind and length of each message.
for n, limit in enumerate([0, 8, 16, 24]):
    for name, tail in {
        "fits": bytes([0, 128, 0, 127, 1, 20]),
        "one_more": bytes([0, 128, 0, 129]),
        "far_beyond": bytes([1, 3, 1, 255]),
        "unfinished": bytes([1, 9, 4, 128]),
        "raw": bytes([1, 9, 2, 8]) + bytes.fromhex("f248cdc9c90700ff"),
        "empty_frames": bytes([3, 255, 3, 9, 1, 2]),
    }.items():
        seed("inflate_bomb", f"{name}_{n}", limit | (n * 37 + len(name)) % 8 | 32 * (n % 2), WHOLE if n % 2 else ODD, [WHOLE, BYTES, THREES][(n + len(name)) % 3], tail)
    seed("inflate_bomb", f"takeover_{n}", limit | 2 * (n % 2), WHOLE, WHOLE, bytes([0, 128] * 12))

# Flags, compression, then operations: low half what, high half how.
for client in (0, 1):
    end, masked = ("client", False) if client else ("server", True)

    def came(wire):
        return bytes([2, len(wire)]) + wire + b"\0"

    def g(first, payload=b""):
        return came(frame(first, payload, KEY, masked))

    ping = b"".join(g(0x89, bytes([65 + n])) for n in range(6))
    for name, flags, deflate, ops in [
        ("hello", 0, 0, g(0x81, b"Hello") + bytes([5, 5, 11])),
        ("pings_blocked", 0, 0, bytes([0x1C]) + ping + bytes([10, 3]) + ping + bytes([12, 11])),
        ("pings_own", 4, 0, ping + bytes([0x18, 4, 8, 5, 0x1C, 0x18, 6, 10, 1, 0x18, 7, 11])),
        ("fragments", 8, 0, bytes([5, 100, 0x16, 90, 10, 7, 8, 3, 11])),
        ("stream", 0, 0, bytes([0x87, 9, 8, 2, 7, 5, 10, 4, 5, 3, 0x27, 2, 11])),
        ("stream_half", 0, 0, bytes([0xC7, 3, 0x47, 3, 0x67, 2, 0x27, 1, 11])),
        ("close_first", 0, 0, bytes([5, 9, 9, 129, 3, 6, 2, 11]) + g(0x88, b"\x03\xe8") + bytes([13, 0x6D, 11])),
        ("close_answered", 0, 0, g(0x88, b"\x03\xe9bye") + bytes([11, 13, 0x6D])),
        ("close_late", 0, 0, bytes([9, 128, 11, 14, 0xFE, 14])),
        ("close_wrong", 0, 0, bytes([9, 131, 9, 129, 62, 9, 132, 3, 0xEC, 9, 130, 61, 11])),
        ("error", 0, 0, bytes([6, 50]) + g(0x83) + g(0x81, b"late") + bytes([11, 13, 0x6D])),
        ("cut", 0, 0, g(0x01, b"a") + bytes([0x6D, 11])),
        ("reset", 0, 0, bytes([5, 50, 10, 3, 0xCD, 5, 1])),
        ("queue_full", 16, 0, bytes([6, 200, 5, 1, 10, 50, 10, 150, 6, 4, 11])),
        ("limits", 32, 0, g(0x01, b"x" * 100) + g(0x00, b"y" * 100) + g(0x00, b"z" * 100)),
        ("deflate", 0, 1, came(frame(0xC1, hello, KEY, masked)) + came(frame(0xC1, again, KEY, masked)) + bytes([5, 90, 6, 100, 0x36, 100, 11, 0x87, 60, 0x27, 60, 11])),
        ("deflate_dedicated", 2, 33, bytes([4, 10, 90, 0, 5, 90, 0x35, 90, 0x45, 90, 11])),
    ]:
        seed("connection_ops", f"{end}_{name}", flags | client, deflate, ops)

# Flags, cuts, then what the peer sends: the cases of `connection`, and where tungstenite differs.
for client in (0, 1):
    end, masked = ("client", False) if client else ("server", True)

    def h(first, payload=b""):
        return frame(first, payload, KEY, masked)

    bit, key = (0x80, KEY) if masked else (0, b"")
    for n, (name, wire) in enumerate({
        "hello": h(0x81, b"Hello") + h(0x82, b"x" * 300) + h(0x88, b"\x03\xe8bye"),
        "fragments": h(0x01, b"Hel") + h(0x89, b"ping") + h(0x00) + h(0x80, b"lo") + h(0x8A),
        "long_length": bytes([0x82, bit | 126, 0, 0]) + key + h(0x81, b"more"),
        "long_ping": bytes([0x89, bit | 127]) + bytes(8) + key + h(0x81, b"more"),
        "close_1005": h(0x88, b"\x03\xed"),
        "close_1014": h(0x88, b"\x03\xf6"),
        "close_0": h(0x88, b"\0\0"),
        "close_short": h(0x88, b"x"),
        "close_not_utf8": h(0x88, b"\x03\xe8\xff"),
        "early": bytes([0x83]),
        "not_utf8_yet": bytes([0x81, bit | 100]) + key + bytes([0xFF ^ (KEY[0] if masked else 0)]),
        "not_utf8": h(0x01, b"\xf0\x9f") + h(0x80, b"\x98"),
        "top_bit": bytes([0x82, bit | 127]) + b"\xff" * 8 + key,
        "wrong_mask": frame(0x81, b"x", KEY, not masked),
        "reserved": h(0x90) + h(0x81, b"x"),
        "many": h(0x02, b"x") + h(0x00) * 9,
        "interleaved": h(0x01, b"x") + h(0x81, b"y"),
        "after_close": h(0x88) + h(0x81, b"late"),
    }.items()):
        for limits in (0, 4, 12):
            seed("diff_tungstenite", f"{end}_{name}_{limits}", client | limits, ODD if n % 2 else WHOLE, wire)
    seed("diff_tungstenite", f"{end}_script", client | 2, ODD, bytes([0x81, 200, 0, 0x06, 5, 0, 0x82, 30, 1]))
    seed("diff_tungstenite", f"{end}_writes", client | 16, ODD, bytes([9, 0, 200, 2, 150, 4, 9, 5, 125, 2, 255]))

# Flags, cuts, then a head; or changes of one (what, which line, how, more), then what follows it; or, to answer
# each other, which subprotocol, how much follows, and a path.
for name, cuts, wire in [
    ("browser", BYTES, BROWSER),
    ("with_frame", ODD, SHORT + frame(0x81, b"Hello", KEY, True)),
    ("unfinished", ODD, BROWSER[:-2]),
    ("plain", WHOLE, PLAIN),
    ("bare_lf", ODD, SHORT.replace(CRLF, b"\n")),
    ("one_bare_lf", ODD, SHORT.replace(b"websocket\r", b"websocket")),
    ("blank_line_before", ODD, CRLF + SHORT),
    ("old_version", ODD, SHORT.replace(b": 13", b": 8")),
    ("two_versions", ODD, SHORT.replace(b": 13", b": 13\r\nSec-WebSocket-Version: 8")),
    ("bad_key", ODD, SHORT.replace(b"AA==", b"AB==")),
    ("padding_within_a_key", ODD, SHORT.replace(b"AAAAAAAAAAAAAAAAAAAAAA==", b"AAAAAAAAAAAAAAAAAAA=AAA=")),
    ("no_host", ODD, SHORT.replace(b"Host: a\r\n", b"")),
    ("absolute", ODD, SHORT.replace(b"GET /", b"GET http://a/x?y")),
    ("other_host", ODD, SHORT.replace(b"GET /", b"GET http://b/x")),
    ("asterisk", ODD, SHORT.replace(b"GET /", b"GET *")),
    ("fragment", ODD, SHORT.replace(b"GET /", b"GET /x#y")),
    ("list_of_protocols", ODD, SHORT.replace(b"Upgrade: ", b"Upgrade: h2c, ")),
    ("blanks_for_commas", ODD, SHORT.replace(b"n: Upgrade", b"n: keep-alive Upgrade")),
    ("two_connections", ODD, SHORT.replace(b"Connection", b"Connection: close\r\nConnection")),
    ("length", ODD, SHORT.replace(b"Host", b"Content-Length: 5\r\nHost") + b"hello"),
    ("bad_lists", ODD, SHORT.replace(b"Host", b"Sec-WebSocket-Protocol: a b\r\nSec-WebSocket-Extensions: ;\r\nHost")),
]:
    seed("diff_handshake", f"server_{name}", 0, cuts, wire)
for flags in (0, 4, 8, 12):
    for name, cuts, wire in [
        ("switch", BYTES, SWITCH),
        ("switch_with_frame", ODD, SWITCH + frame(0x81, b"Hello")),
        ("agreed", ODD, SWITCH[:-2] + b"Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"),
        ("twice", ODD, AGREED.replace(b"x-test", b"permessage-deflate")),
        ("interim", THREES, b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + SWITCH),
        ("wrong_accept", ODD, SWITCH.replace(b"CdXS", b"cdXS")),
        ("two_accepts", ODD, SWITCH.replace(b"Sec-", b"Sec-WebSocket-Accept: CdXSYUsvsaMthlEXWDNURGWA/1o=\r\nSec-")),
        ("two_upgrades", ODD, SWITCH.replace(b"Connection", b"Upgrade: h2c\r\nConnection")),
        ("empty_upgrade", ODD, SWITCH.replace(b"Upgrade: w", b"Upgrade:\r\nUpgrade: w")),
        ("list_of_connections", ODD, SWITCH.replace(b"n: U", b"n: keep-alive, U")),
        ("length", ODD, SWITCH.replace(b"Connection", b"Content-Length: 0\r\nConnection")),
        ("refused", BYTES, b"HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nno!!!and more"),
        ("redirect", ODD, b"HTTP/1.1 307 x\r\nLocation: wss://b/\r\nContent-Length: 0\r\n\r\n"),
        ("old_http", ODD, SWITCH.replace(b"1.1", b"1.0")),
    ]:
        seed("diff_handshake", f"client_{name}_{flags}", 1 | flags, cuts, wire)
    for what in range(16):
        for which in range(2):
            seed("diff_handshake", f"client_script_{what}_{which}_{flags}", 3 | flags, ODD, bytes([2, what, which + 1, 9, 5, 7, 2, 17 + which, 9]), b"and more")
    seed("diff_handshake", f"answers_{flags}", 16 | flags, ODD, bytes([1, 9, 0, 1, 5, 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]))
for what in range(16):
    for which in range(4):
        seed("diff_handshake", f"server_script_{what}_{which}", 2, ODD, bytes([2, what, which, 17 + which, 5, 9, 3, 33, 2, 1]), b"and more")


def io(who, what, polls=15, size=1, text=0):
    return bytes([who | what << 1, polls | size << 5 | text << 4])


NONE, RESET, EOF, SLOW = bytes([7, 0]), 0, 2, 0xE7
# Flags, room, faults of both ends, then operations.
for flags in (0, 1, 2, 3, 4, 7, 8, 20, 31):
    seed("session_io", f"both_ways_{flags}", flags, 150, NONE, NONE, io(0, 0), io(1, 0, 3, 2, 1), io(0, 11, 3), io(1, 8, 3), io(0, 5, 2, 5), io(1, 3, 1, 6))
    seed("session_io", f"slow_{flags}", flags, 3, bytes([SLOW, 0]), bytes([SLOW, 0]), io(0, 0, 9, 4), io(1, 3, 9, 4), io(0, 7), io(1, 10, 5), io(0, 9, 2), io(1, 6))
    for at in (3, 9, 30):
        seed("session_io", f"reset_{flags}_{at}", flags, 20, bytes([RESET, at]), NONE, io(0, 0, 9, 3), io(1, 0, 9, 3), io(1, 11, 9))
        seed("session_io", f"eof_{flags}_{at}", flags, 90, NONE, bytes([EOF | 0x80, at]), io(1, 9, 1), io(0, 3, 9, 4), io(0, 12, 9, 2), io(1, 4, 2, 5, 1))


def said(*frames):
    """Frames of one client, as `together` reads them."""
    return b"".join(b"\1" + struct.pack("<H", len(frame)) + frame for frame in frames)


# y-sync: a kind, a length, and what `yjs` encodes.
TEXT = bytes([0, 2, 18, 1, 1, 7, 0, 4, 1, 4]) + b"text" + bytes([5]) + b"hello" + bytes([0])
LIST = bytes([0, 2, 19, 1, 1, 7, 0, 8, 1, 1]) + b"a" + bytes([2, 117, 2, 125, 1, 119, 1]) + b"x" + bytes([118, 0, 0])
TYPES = bytes([0, 2, 17, 1, 2, 8, 0, 7, 1, 1]) + b"m" + bytes([0, 39, 0, 8, 0, 1]) + b"k" + bytes([1, 0])
WHO = bytes([1, 6, 1, 9, 1, 2]) + b"{}"
seed("together", "text", said(bytes([0, 0, 1, 0]), TEXT, bytes([0, 0, 3, 1, 7, 2])))
seed("together", "text_and_its_end", said(TEXT, bytes([0, 2, 6, 0, 1, 7, 1, 1, 3])))
seed("together", "list", said(LIST, TEXT[:9], LIST))
seed("together", "types", said(TYPES))
# Half of a block is known before the whole comes.
seed("together", "overlap", said(LIST[:5] + b"\x07\x01" + LIST[7:], LIST, TEXT[:9]))
seed("together", "awareness", said(WHO, bytes([3]), b"", WHO))

for target, name, found in (
    (
        "diff_handshake",
        "interim_of_http_1_0",
        "DQMDAwMDAwMDSFRUUC8xLjAgMTAzIEVhcmx5IEhpbnRzDQpMaTpuayA8L3g+DQoNCkhUVFAvMS4x"
        "IDEwMSBTd2l0Y2hpbmcgUHJvdG9jb2xzDQpVcGdyYWRlOiB3ZWJzb2NrZXQNCkNvbm5lY3Rpb246"
        "IFVwZ3JhZGUNClNlYy1XZWJTb2NrZXQtQWNjZXB0OiBDZFhTWVVzdnNhTXRobEVYV0ROVVJHV0Ev"
        "MW89DQoNCg==",
    ),
    ("session_io", "pong_after_close", "JKS/gQp6Ly4="),
    ("session_io", "pong_after_close_loses", "++v3MAB/9/vr9w=="),
    ("session_io", "stashed_message_emptied", "tvTKFP8IJDoKgAqAcw=="),
    ("session_io", "dropped_recv_piece", "MiR6P/8EsgIr"),
    ("session_io", "lent_queue_is_full", "+pbo//zExMQoxsTExMTExMTExDMzM/QzMzP//8QAANY="),
    ("connection_ops", "large_message_in_fragments", "+c3Y+gX/ygE="),
    (
        "connection",
        "byte_of_another_connection",
        "RkdHR0ZHIUdH" + "e3t7" * 21 + "hYSEiwAAAAAABUDIgcgBAogAgi0AAA==",
    ),
):
    seed(target, name, base64.b64decode(found))

# Operations of hubs: any bytes are some.
for name, flags in [("one_hub", 0x00), ("one_hub_small", 0x63), ("three_hubs", 0x01), ("three_hubs_small", 0x0F)]:
    seed("hub_ops", name, flags, b"".join(zlib.crc32(bytes([flags, n])).to_bytes(4, "big") for n in range(200)))

# What hubs write into engines: a byte for what it is, then its bytes.
number = (7).to_bytes(8, "big")
text, binary, with_id = b"\x01hello", b"\x00\xff", b"\x03\x07order-7hello"
for name, kind, body in [
    ("topic", 0, b"chat:42"), ("odd_topic", 0, "a.*> %\u00e9".encode()), ("token", 0, b"chat:42%2E"),
    ("nats_plain", 1, b"\x00\0hello"), ("nats_own_id", 1, b"\x01chat:1.order%207\0hello"), ("nats_bytes", 1, b"\x07x\0hello"),
    ("message", 2, b"M" + number * 3 + with_id), ("live", 2, b"L" + text), ("joined", 2, b"J" + number + b"\x00\x03anninfo"),
    ("left", 2, b"X" + number + b"ann"), ("gone", 2, b"G" + number), ("probe", 2, b"P"),
    ("stored_text", 3, number + text), ("stored_bytes", 3, number + binary), ("field", 4, number + b"ann"),
]:
    seed("engine_payloads", name, bytes([kind]), body)

# Sessions of the hub's client protocol: what, how much, and the bytes of a frame.
def sessions(encode, pong):
    def frames(*commands):
        return [(0, frame) for frame in map(encode, commands)]

    connect = ("connect", 1, {"token": "a"})
    steps = {
        "answered": frames([connect], [("subscribe", 2, {"channel": "a"}), ("publish", 3, {"channel": "a", "data": 1})], [("rpc", 4, {"data": 1})] * 2, [("unsubscribe", 5, {"channel": "a"})]) + [(3, 0)],
        "expiring": frames([("connect", 1, {"token": "e"})], [("subscribe", 2, {"channel": "e"})], [("sub_refresh", 3, {"channel": "e", "token": "e"})], [("refresh", 4, {"token": "e"})]) + [(2, 20), (0, pong), (2, 20)],
        "refused": frames([("connect", 1, {"token": "d"}), ("rpc", 2, {})]) + [(2, 9)],
        "pinged": frames([connect]) + [(2, 25), (0, pong), (2, 25), (0, pong), (0, pong)],
        "unsubscribed": frames([connect], [("subscribe", 2, {"channel": "a"})], [("subscribe", 3, {"channel": "b"})]) + [(4, 1), (4, 0)],
        "many_calls": frames([connect], [("rpc", n, {}) for n in range(1, 11)], [("history", 11, {"channel": "a"})]) + [(3, 0)],
        "denied": frames([connect], [("presence", 2, {"channel": "d"}), ("presence_stats", 3, {"channel": "a"})], [("send", 0, {}), ("publish", 4, {"channel": "x"})]),
    }
    return {name: [bytes([what, much]) if isinstance(much, int) else bytes([what, len(much)]) + much for what, much in parts] for name, parts in steps.items()}


def json_commands(commands):
    import json

    return "\n".join(json.dumps({"id": id, request: fields} if id else {request: fields}, separators=(",", ":")) for request, id, fields in commands).encode()


def protobuf_commands(commands):
    numbers = {"connect": 4, "subscribe": 5, "unsubscribe": 6, "publish": 7, "presence": 8, "presence_stats": 9, "history": 10, "send": 12, "rpc": 13, "refresh": 14, "sub_refresh": 15}

    def field(number, data):
        return bytes([number << 3 | 2, len(data)]) + data

    def body(request, id, fields):
        names = ["data", "method"] if request == "rpc" else ["token", "data"] if request in ("connect", "refresh") else ["data"] if request == "send" else ["channel", "token" if request == "sub_refresh" else "data"]
        inner = b"".join(field(names.index(name) + 1, str(value).encode()) for name, value in fields.items())
        return (bytes([8, id]) if id else b"") + field(numbers[request], inner)

    return b"".join(bytes([len(one)]) + one for one in (body(*command) for command in commands))


for codec, encode, pong in (("json", json_commands, b"{}"), ("protobuf", protobuf_commands, b"\0")):
    for name, parts in sessions(encode, pong).items():
        seed(f"protocol_{codec}", name, *parts)
