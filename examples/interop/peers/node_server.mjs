// An echo server on node's `ws`, with the contract of echo-server-tokio (README.md):
//   node_server.mjs 127.0.0.1:0 [--tls CERTIFICATE KEY]
// Besides, for the sake of the client under test, it pings every connection once, and sends a text
// that starts with "in pieces" back in frames cut within characters, with a ping between them.
// It prints `pong ok`, and `closed CODE REASON` as received.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { WebSocketServer } from './packages.mjs';

const [address, tls, cert, key] = process.argv.slice(2);
const [host, port] = address.split(':');
const server = tls ? https.createServer({ cert: readFileSync(cert), key: readFileSync(key) }) : http.createServer();
const wss = new WebSocketServer({
  server,
  perMessageDeflate: false,
  maxPayload: 64 << 20,
  handleProtocols: (offered) => offered.has('echo') && 'echo',
});

wss.on('connection', (ws) => {
  ws.on('message', (data, binary) => {
    const start = binary ? '' : data.subarray(0, 9).toString();
    if (start === 'close me' && data.length === 8) ws.close(4002, 'as you wish');
    else if (start === 'in pieces') sendInPieces(ws, data);
    else ws.send(data, { binary });
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
