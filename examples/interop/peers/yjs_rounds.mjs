// Random edits of yjs, merged by the server's yrs: yjs_rounds.mjs ws://HOST:PORT ROUNDS [SEED]
// In each round four clients edit on their own, and the server gets their updates in any order, some twice. Then what it
// has is what yjs makes of the same updates, and each client gets exactly what it lacks.
import { check, equal, finish } from './checks.mjs';
import { WebSocket } from './packages.mjs';
import { Y } from './yjs.mjs';

const [url, rounds, seed = '1'] = process.argv.slice(2);
let state = Number(seed);
/** A random number below `n`, the same in each run. */
function below(n) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor(state / 2 ** 32 * n);
}

/** A number of y-sync's: seven bits a byte. */
function varint(n) {
  const bytes = [];
  for (; n > 127; n = Math.floor(n / 128)) bytes.push(128 | n % 128);
  return [...bytes, n];
}
const frame = (kind, payload) => Buffer.from([0, kind, ...varint(payload.length), ...payload]);
function payload(frame) {
  let at = 2;
  while (frame[at++] > 127);
  return frame.subarray(at);
}

/** A connection that answers the server's questions from what `reference` has. */
async function connect(room, reference) {
  const ws = new WebSocket(`${url}/${room}`);
  const answers = [];
  ws.on('message', (data) => {
    if (data[0] === 0 && data[1] === 0) ws.send(frame(1, Y.encodeStateAsUpdate(reference, payload(data))));
    if (data[0] === 0 && data[1] === 1) answers.shift()?.(payload(data));
  });
  ws.on('close', (code, reason) => answers.forEach((answer) => answer(new Error(`closed: ${code} ${reason}`))));
  await new Promise((resolve, reject) => ws.on('open', resolve).on('error', reject));
  return {
    send: (update) => ws.send(frame(2, update)),
    /** What the server has that a state vector lacks. */
    lacks: (vector) => new Promise((resolve, reject) => {
      answers.push((answer) => (answer instanceof Error ? reject(answer) : resolve(answer)));
      ws.send(frame(0, vector));
    }),
    close: () => ws.terminate(),
  };
}

const WORDS = ['a', 'bc', 'déf', '漢字', '🌹', '👩‍🚀', ' ', '\n', 'longer words to be split', ''];
const value = () => [null, true, below(1000) - 500, below(1e9) / 7, WORDS[below(WORDS.length)], [1, [2, 'x']], { k: { deep: [] } }, new Uint8Array([1, 2, 3])][below(8)];
/** A place in a text, not within a pair of surrogates: `yjs` replaces what is cut there. */
function spot(text, from = 0, most = Infinity) {
  const all = text.toDelta().map(({ insert }) => (typeof insert === 'string' ? insert : '.')).join('');
  const at = from + below(Math.min(all.length - from, most) + 1);
  return /[\udc00-\udfff]/.test(all[at] ?? '') ? at - 1 : at;
}
function edit(doc) {
  const [text, list, map, xml] = [doc.getText('text'), doc.getArray('list'), doc.getMap('map'), doc.getXmlFragment('xml')];
  const inside = (n) => below(n + 1);
  switch (below(12)) {
    case 0: case 1: case 2: return text.insert(spot(text), WORDS[below(WORDS.length)]);
    case 3: { const at = spot(text); return text.delete(at, Math.max(0, spot(text, at, 6) - at)); }
    // By request: round 454 of seed 4242 differs in where a format ends. Why is not known yet; both libraries tidy formats.
    case 4: { if (!process.env.YJS_FORMATS) return undefined; const at = spot(text); return text.format(at, Math.max(0, spot(text, at, 6) - at), { bold: [true, null][below(2)] }); }
    case 5: return text.insertEmbed(spot(text), { image: WORDS[below(WORDS.length)] });
    case 6: return list.insert(inside(list.length), [value(), value()].slice(below(2)));
    case 7: { const at = inside(list.length); return list.delete(at, Math.min(below(3), list.length - at)); }
    case 8: return map.set(`k${below(5)}`, [value, () => new Y.Map([['in', value()]]), () => new Y.Text('in')][below(8) ? 0 : 1 + below(2)]());
    case 9: return map.delete(`k${below(5)}`);
    case 10: { if (xml.length > 20) return xml.delete(0, 10); const element = new Y.XmlElement('p'); element.setAttribute('c', 'x'); return xml.insert(inside(xml.length), [element]); }
    default: { const nested = map.get(`k${below(5)}`); if (nested instanceof Y.Map) nested.set('more', value()); if (nested instanceof Y.Text) nested.insert(0, 'x'); }
  }
}
/** Compares two documents, and says what differs first. */
function same(one, reference, what) {
  const [a, b] = [seen(one), seen(reference)];
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  const near = (text) => text.slice(Math.max(0, at - 60), at + 60);
  equal(near(a), near(b), `${what}, seed ${seed}, at ${at}`);
}
/** The keys of a map have no order. */
const sorted = (_, value) => (value?.constructor === Object ? Object.fromEntries(Object.entries(value).sort()) : value);
const seen = (doc) => JSON.stringify([doc.getText('text').toDelta(), doc.getArray('list').toJSON(), doc.getMap('map').toJSON(), doc.getXmlFragment('xml').toString()], sorted);

await check(`${rounds} rounds of random edits`, async () => {
  const EACH = 50; // rounds with one room: documents have a limit
  for (let round = 0; round < Number(rounds);) {
    const reference = new Y.Doc();
    const server = await connect(`rounds-${seed}-${round}`, reference);
    const docs = [...Array(4).keys()].map((i) => { const doc = new Y.Doc(); doc.clientID = 1000 + i; return doc; });
    const updates = [];
    docs.forEach((doc) => doc.on('update', (update, origin) => { if (origin !== 'server') updates.push(update); }));
    for (let n = 0; n < EACH && round < Number(rounds); n++, round++) {
      for (const doc of docs) doc.transact(() => { for (let i = below(6); i >= 0; i--) edit(doc); });
      const sent = updates.splice(0);
      while (sent.length) {
        const i = below(sent.length);
        server.send(sent[i]);
        Y.applyUpdate(reference, sent[i]);
        if (below(8)) sent.splice(i, 1); // or it comes again
      }
      // One or all get what they lack; the others go on without.
      for (const doc of docs) if (below(2)) Y.applyUpdate(doc, await server.lacks(Y.encodeStateVector(doc)), 'server');
      // Its questions for what came too early are answered before the second of these.
      let held;
      for (let i = 0; i < 2; i++) Y.applyUpdate(held = new Y.Doc(), await server.lacks([0]));
      same(held, reference, `round ${round}`);
    }
    for (const doc of docs) {
      Y.applyUpdate(doc, await server.lacks(Y.encodeStateVector(doc)), 'server');
      same(doc, reference, `a client after round ${round}`);
    }
    server.close();
  }
}, 900);
finish();
