// The messages that are echoed: [name, Buffer, is it binary].
// payloads.py makes the same ones for Python.
import { createHash } from 'node:crypto';

const SIZES = [0, 1, 125, 126, 65535, 65536, 16 * 1024 * 1024];
export const SCRIPTS = 'Grüße, 世界! こんにちは 안녕하세요 שלום 👋🏽 👩‍🚀 🇺🇳 \u0000 𝄞 ';

/** `size` bytes that look random and are always the same, so that a failure can be repeated. */
export function noise(size) {
  return createHash('shake128', { outputLength: Math.max(1, size) }).update('wskit').digest().subarray(0, size);
}

export function letters(size) {
  return Buffer.from(noise(size).toString('base64').slice(0, size));
}

export function* payloads() {
  for (const size of SIZES) {
    yield [`text of ${size} bytes`, letters(size), false];
    yield [`binary of ${size} bytes`, noise(size), true];
  }
  yield ['text with emoji and CJK', Buffer.from(SCRIPTS), false];
  yield ['long text with emoji and CJK', Buffer.from(SCRIPTS.repeat(2000)), false];
  yield ['binary that is not UTF-8', Buffer.from([0xff, 0xfe, 0xc0, 0x80, 0xed, 0xa0, 0x80]), true];
}

export function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}
