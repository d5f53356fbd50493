// What really went over the wire: the messages of one direction, read from the bytes of its frames.

/** Given the bytes after the opening handshake, lists messages as [compressed (RSV1), bytes of payload]. */
export class WireLog {
  messages = [];
  #head = [];
  #payload = 0; // bytes of the current frame that are still to come
  #message = null;

  push(chunk) {
    const bytes = Buffer.from(chunk);
    for (let at = 0; at < bytes.length;) {
      const skipped = Math.min(this.#payload, bytes.length - at);
      this.#payload -= skipped;
      at += skipped;
      if (at < bytes.length) this.#header(bytes[at++]);
    }
  }

  #header(byte) {
    const head = this.#head;
    head.push(byte);
    if (head.length < 2) return;
    const short = head[1] & 0x7f;
    const extended = { 126: 2, 127: 8 }[short] ?? 0;
    if (head.length < 2 + extended + (head[1] & 0x80 ? 4 : 0)) return;
    this.#payload = extended ? head.slice(2, 2 + extended).reduce((size, byte) => size * 256 + byte, 0) : short;
    this.#head = [];
    const [opcode, rsv1, fin] = [head[0] & 0x0f, (head[0] & 0x40) !== 0, (head[0] & 0x80) !== 0];
    if (opcode > 2) return;
    if (opcode) this.#message = [rsv1, 0];
    this.#message[1] += this.#payload;
    if (fin) this.messages.push(this.#message);
  }
}

/** Logs both directions of a socket on which the opening handshake has just ended. */
export function watch(socket) {
  const [received, sent] = [new WireLog(), new WireLog()];
  // Before the listener of `ws`, which may handle a message at once.
  socket.prependListener('data', (chunk) => received.push(chunk));
  const write = socket.write;
  socket.write = function (chunk, ...rest) {
    sent.push(chunk);
    return write.call(this, chunk, ...rest);
  };
  return { received: received.messages, sent: sent.messages };
}
