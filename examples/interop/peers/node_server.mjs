// An echo server on node's `ws`, with the contract of interop_echo_tokio (README.md):
//   node_server.mjs 127.0.0.1:0 [--tls CERTIFICATE KEY] [--deflate=SPEC]
// Besides, for the sake of the client under test, it pings every connection once, and sends a text
// that starts with "in pieces" back in frames cut within characters, with a ping between them.
// It prints `pong ok`, and `closed CODE REASON` as received. With compression, `on the wire` is answered
// with what was agreed on and the messages in both directions so far.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { agreed, readSpec, wsOptions } from './deflate.mjs';
import { WebSocketServer } from './packages.mjs';
import { watch } from './wire.mjs';

const deflate = process.argv.find((argument) => argument.startsWith('--deflate='))?.slice('--deflate='.length);
const [address, tls, cert, key] = process.argv.slice(2).filter((argument) => !argument.startsWith('--deflate='));
const [host, port] = address.split(':');
const spec = readSpec(deflate ?? '');
const server = tls ? https.createServer({ cert: readFileSync(cert), key: readFileSync(key) }) : http.createServer();
const wss = new WebSocketServer({
  server,
  perMessageDeflate: deflate !== undefined && wsOptions(spec),
  maxPayload: 64 << 20,
  handleProtocols: (offered) => offered.has('echo') && 'echo',
});

wss.on('connection', (ws) => {
  const log = watch(ws._socket);
  ws.on('message', (data, binary) => {
    const start = binary ? '' : data.subarray(0, 9).toString();
    if (start === 'close me' && data.length === 8) ws.close(4002, 'as you wish');
    else if (start === 'in pieces') sendInPieces(ws, data);
    else if (deflate !== undefined && start === 'on the wi' && data.length === 11) {
      const { params } = ws._extensions['permessage-deflate'] ?? {};
      log.received.pop(); // the question
      ws.send(JSON.stringify({ agreed: params && agreed(params), ...log }));
    } else ws.send(data, { binary, compress: data.length >= spec.threshold });
  });
  ws.on('pong', (data) => { if (String(data) === 'are you there?') console.log('pong ok'); });
  ws.on('close', (code, reason) => console.log(`closed ${code} ${reason}`));
  ws.on('error', (error) => console.log(`error ${error.message}`));
  ws.ping('are you there?');
});

function sendInPieces(ws, data) {
  for (let at = 0; at < data.length; at += 7) {
    const fin = at + 7 >= data.length;
    ws.send(data.subarray(at, at + 7), { binary: false, fin });
    if (at === 7) ws.ping('within');
  }
}

server.listen(port, host, () => console.log(`listening on ${tls ? 'wss' : 'ws'}://${host}:${server.address().port}`));
