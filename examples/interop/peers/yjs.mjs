// yjs and its provider for WebSockets, the npm packages as they are.
import { createRequire } from 'node:module';
import { WebSocket } from './packages.mjs';

const dir = process.env.INTEROP_NODE ?? new URL('../../../target/interop/node', import.meta.url).pathname;
const require = createRequire(`${dir}/package.json`);

export const Y = require('yjs');
const { WebsocketProvider } = require('y-websocket');

/** Joins a room. The document keeps all its updates in `updates`. */
export function join(url, room, clientID) {
  const doc = new Y.Doc();
  if (clientID) doc.clientID = clientID;
  doc.updates = [];
  doc.on('update', (update) => doc.updates.push(update));
  const provider = new WebsocketProvider(url, room, doc, { WebSocketPolyfill: WebSocket, disableBc: true });
  return { doc, provider, awareness: provider.awareness, text: doc.getText('text'), strokes: doc.getArray('strokes') };
}

/** Waits until `what()` is true; says `never` if that takes too long. */
export async function until(what, never, seconds = 20) {
  const end = Date.now() + seconds * 1000;
  while (!(await what())) {
    if (Date.now() > end) throw new Error(`never: ${typeof never === 'function' ? await never() : never}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
