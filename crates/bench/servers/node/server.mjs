// node's `ws` with its documented settings; permessage-deflate only when asked for.
// `npm install` here first. Takes what the other servers take, as far as it makes sense.
import { WebSocketServer } from "ws";

const given = process.argv.slice(2);
const value = (name) => {
  const at = given.indexOf(name);
  return at < 0 ? undefined : given[at + 1];
};
const deflate = value("--deflate");
const alone = deflate === "alone";
const fanout = Number(value("--fanout") ?? 0);
const server = new WebSocketServer({
  host: "127.0.0.1",
  port: 0,
  backlog: 4096,
  perMessageDeflate: deflate
    ? {
        threshold: 32,
        serverNoContextTakeover: alone,
        clientNoContextTakeover: alone,
        zlibDeflateOptions: { level: Number(value("--level") ?? 1) },
      }
    : false,
});
let arrived = 0;
const payload = Buffer.from("0123456789abcdef".repeat(8));
const subscribers = new Set();
server.on("connection", (socket) => {
  socket.on("error", () => {});
  if (!fanout) {
    socket.on("message", (data, binary) => socket.send(data, { binary }));
  } else if (arrived++ < fanout) {
    subscribers.add(socket);
  } else {
    socket.on("message", (count) => {
      for (let left = Number(count); left > 0; left--) {
        for (const subscriber of subscribers) subscriber.send(payload, { binary: false });
      }
    });
  }
});
server.on("listening", () => console.log(`listening 127.0.0.1:${server.address().port}`));
process.on("SIGTERM", () => process.exit(0));
setTimeout(() => process.exit(0), 1000 * Number(value("--lifetime") ?? 120));
