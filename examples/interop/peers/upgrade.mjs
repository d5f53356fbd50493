// An upgrade by hand, to see the answer that a page is given.
import http from 'node:http';

/** The status that `server` (ws:// or http://) answers an upgrade of its path `/ws` with, for a page of `origin`. */
export function status(server, origin) {
  const { hostname, port } = new URL(server);
  return new Promise((resolve, reject) => {
    const request = http.get({
      host: hostname, port, path: '/ws',
      headers: {
        Connection: 'Upgrade', Upgrade: 'websocket', Origin: origin,
        'Sec-WebSocket-Version': 13, 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
      },
    });
    request.on('upgrade', (response, socket) => { socket.destroy(); resolve(response.statusCode); });
    request.on('response', (response) => { response.resume(); resolve(response.statusCode); });
    request.on('error', reject);
  });
}
