// Compression: what is asked for and agreed on, the messages that try it, and what they must look
// like on the wire. deflate.py and ../client/series.rs do this for Python and for our client.
import { SCRIPTS, letters, noise } from './payloads.mjs';
import { equal } from './checks.mjs';

/** Reads a SPEC (README.md). */
export function readSpec(spec) {
  const given = Object.fromEntries(spec.split(',').filter(Boolean).map((part) => {
    const [name, value] = part.split('=');
    return [name, value === undefined ? true : Number(value)];
  }));
  return { threshold: 0, history: 1024, ...given };
}

/** The options of `ws` for a SPEC. `ws` itself compresses everything: we say which messages it shall. */
export function wsOptions({ server_bits, client_bits, server_no_takeover, client_no_takeover }) {
  return {
    serverMaxWindowBits: server_bits,
    clientMaxWindowBits: client_bits,
    serverNoContextTakeover: server_no_takeover,
    clientNoContextTakeover: client_no_takeover,
    threshold: 0,
    // zlib lets a message refer back beyond the window within the output of one call. Little output
    // a call makes it notice a sender that does.
    zlibInflateOptions: { chunkSize: 256 },
  };
}

/** What parameters, as in the answer, mean. */
export function agreed(params) {
  return {
    server_bits: params.server_max_window_bits ?? 15,
    client_bits: params.client_max_window_bits ?? 15,
    server_no_takeover: Boolean(params.server_no_context_takeover),
    client_no_takeover: Boolean(params.client_no_context_takeover),
  };
}

/** The parameters in a header; fails without exactly one permessage-deflate. */
export function headerParams(header) {
  const [name, ...params] = (header ?? '').split(';').map((part) => part.trim());
  equal(name, 'permessage-deflate', `extension in ${JSON.stringify(header)}`);
  return Object.fromEntries(params.map((param) => {
    const [key, value] = param.split('=');
    return [key, value === undefined ? true : Number(value)];
  }));
}

export function equalAgreed(actual, spec, what) {
  for (const name of ['server_bits', 'client_bits', 'server_no_takeover', 'client_no_takeover']) {
    equal(actual[name], spec[name] ?? (name.endsWith('bits') ? 15 : false), `${what}: ${name}`);
  }
}

/**
 * The messages, in the order in which they are sent on one connection: [name, [message…]], a message
 * being { data, binary, frames?: sizes of the first frames, echo?: what comes back if it is not data }.
 */
export function series(spec) {
  const json = (n) => ({ data: Buffer.from(JSON.stringify({ id: n, type: 'quote', symbol: `WSK${n % 7}`, bid: 100 + n * 37 % 50, ask: 101 + n * 53 % 50, venue: 'Zürich', at: 1700000000 + n })) });
  const prepare = (data) => ({ data: Buffer.concat([Buffer.from('prepare '), data]), echo: data });
  const text = Buffer.from(longText(100_000));
  const [news, scripts] = [letters(1200).subarray(1000), Buffer.from(SCRIPTS.repeat(3))];
  const numbers = (count) => Array.from({ length: count }, (_, n) => n);
  return [
    ['small JSON messages like each other', numbers(150).map(json)],
    ['100 KB of CJK and emoji', [{ data: text }]],
    ['incompressible binary', [{ data: noise(100_000), binary: true }]],
    ['empty messages', [{ data: noise(0) }, { data: noise(0), binary: true }, json(7), { data: noise(0) }]],
    ['short and long by turns', numbers(40).map((n) => n % 2 ? json(n) : { data: Buffer.from(`short ${n}`) })],
    ['messages in frames', [
      { data: scripts, frames: Array(Math.floor(scripts.length / 5)).fill(5) },
      { data: noise(20_000), binary: true, frames: [0, 1, 125, 126, 0, 8000] },
      { data: text.subarray(0, 60_000 - 60_000 % 3), binary: true, frames: [100, 40_000] },
      json(8),
    ]],
    ['prepared messages among others', [
      ...numbers(20).flatMap((n) => [json(n), prepare(json(n + 1).data)]),
      prepare(noise(0)), json(9), prepare(text), json(10), prepare(json(10).data), json(10),
    ]],
    ['what was prepared is referred to', [prepare(news), { data: news }]],
    ['the message before is referred to', twice(letters(3000).subarray(3000 - NEAR))],
    ['the far end of the window is referred to', twice(letters(far(spec)))],
  ];
}

/**
 * Checks what was logged of the series on the wire. `theirs` and `ours` are the messages of the peer
 * and of wskit, each { log, role: 'server' or 'client', choosy?: whether it also compresses short
 * messages, and binary ones or not, as it likes }; only echoes can have been prepared.
 */
export function checkWire(spec, steps, theirs, ours) {
  for (const [side, who] of [[theirs, 'the peer'], [ours, 'wskit']]) {
    let at = 0;
    const takeover = !spec[`${side.role}_no_takeover`];
    for (const [name, messages] of steps) {
      const plain = messages.map((message) => (who === 'wskit' && message.echo) || message.data);
      const logged = side.log.slice(at, at += messages.length);
      equal(logged.length, messages.length, `${name}: messages of ${who}`);
      for (const [i, [compressed, size]] of logged.entries()) {
        const { length } = plain[i];
        const wanted = length >= spec.threshold || (who === 'the peer' && Boolean(messages[i].frames));
        if (!side.choosy || (wanted && !messages[i].binary)) equal(compressed, wanted, `${name}: ${length} bytes of ${who} compressed`);
        if (size > length * 1.06 + 64 + 8 * (messages[i].frames?.length ?? 0)) throw new Error(`${name}: ${length} bytes of ${who} became ${size}`);
      }
      const reaches = who === 'the peer' || spec.dedicated ? Infinity : spec.history;
      const pair = logged.map(([, size]) => size);
      const smaller = `${name}: ${who} sent it again in ${pair[1]} after ${pair[0]} bytes`;
      if (name.startsWith('100 KB') && pair[0] > 75_000) throw new Error(`${name}: ${who} sent ${pair[0]} bytes`);
      if (!name.endsWith(' is referred to')) continue;
      if (takeover) {
        if (plain[1].length <= reaches && !(spec.dedicated && messages[0].echo && who === 'wskit') && pair[1] * 4 > pair[0]) throw new Error(smaller);
      } else if (pair[1] * 2 < pair[0]) throw new Error(smaller);
    }
    equal(side.log.length, at, `messages of ${who}`);
  }
}

const NEAR = 212;

/** As far as zlib refers back with the smaller of both windows, less a few bytes. */
function far({ server_bits = 15, client_bits = 15 }) {
  return 2 ** Math.min(server_bits, client_bits) - 300;
}

function twice(data) {
  return [{ data }, { data }];
}

/** Words in no order, so that there is much to refer to, near and far. */
function longText(bytes) {
  const words = [...SCRIPTS.split(' '), '圧縮', '窗口', '메시지', '🗜️', 'Verbindung', 'сообщение'];
  let [state, text, size] = [1, '', 0];
  while (size < bytes) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const word = `${words[(state >>> 16) % words.length]} ${(state >>> 8) % 1000} `;
    text += word;
    size += Buffer.byteLength(word);
  }
  return text;
}
