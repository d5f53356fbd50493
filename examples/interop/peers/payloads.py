"""The messages that are echoed: (name, bytes, is it binary). payloads.mjs makes the same ones for node."""

import base64
import hashlib

SIZES = [0, 1, 125, 126, 65535, 65536, 16 * 1024 * 1024]
SCRIPTS = "Grüße, 世界! こんにちは 안녕하세요 שלום 👋🏽 👩‍🚀 🇺🇳 \0 𝄞 "


def noise(size):
    """`size` bytes that look random and are always the same, so that a failure can be repeated."""
    return hashlib.shake_128(b"wskit").digest(size)


def letters(size):
    return base64.b64encode(noise(size))[:size]


def payloads():
    for size in SIZES:
        yield f"text of {size} bytes", letters(size), False
        yield f"binary of {size} bytes", noise(size), True
    yield "text with emoji and CJK", SCRIPTS.encode(), False
    yield "long text with emoji and CJK", (SCRIPTS * 2000).encode(), False
    yield "binary that is not UTF-8", b"\xff\xfe\xc0\x80\xed\xa0\x80", True


def sha256(data):
    return hashlib.sha256(data).hexdigest()
