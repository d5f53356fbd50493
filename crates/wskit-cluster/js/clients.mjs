// Clients of Centrifugo's protocol, by the package `centrifuge`. They write what they see as the others do: see log.rs.
//
// Usage: node clients.mjs PACKAGES URLS LOG COUNT TOPICS SECONDS_BETWEEN_PUBLISHES
// PACKAGES is the folder with node_modules. What they do is ordered by lines on the standard input, until it ends.

import { createWriteStream } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [packages, urlList, logPath, count, topics, every] = process.argv.slice(2);
const require = createRequire(`${packages}/package.json`);
// The binary form is in a file of its own.
const forms = [require("centrifuge"), require("centrifuge/build/protobuf")];
const WebSocket = require("ws");
const urls = urlList.split(",");
const log = createWriteStream(logPath);
const text = new TextDecoder();
let isStopped = false;

function start(number) {
  const who = `js-${number}`;
  const add = (ev, fields) => log.write(`${JSON.stringify({ at: Date.now(), who, ev, ...fields })}\n`);
  const isBinary = number % 2 === 1;
  const { Centrifuge } = forms[isBinary ? 1 : 0];
  const node = urls[number % urls.length];
  const client = new Centrifuge(`${node}/connection/websocket`, {
    websocket: WebSocket,
    name: who,
    token: who,
    minReconnectDelay: 100,
    maxReconnectDelay: 1000,
  });
  let wasConnected = false;
  let id = "";
  client.on("connected", (context) => {
    wasConnected = true;
    id = context.client;
    add("open", { node });
  });
  const lost = () => {
    if (wasConnected) add("lost");
    wasConnected = false;
  };
  client.on("connecting", lost);
  client.on("disconnected", lost);
  client.on("error", () => {});

  for (let i = 0; i < 3; i++) {
    const topic = `t:${(number * 3 + i * 7) % topics}`;
    const subscription = client.newSubscription(topic, {
      recoverable: true,
      positioned: true,
      minResubscribeDelay: 100,
      maxResubscribeDelay: 1000,
    });
    let last = null;
    const show = ({ epoch, offset }) => `${epoch}-${offset}`;
    subscription.on("subscribed", ({ wasRecovering, recovered, streamPosition }) => {
      const how = !wasRecovering ? "fresh" : recovered ? "all" : "gap";
      add("sub", { topic, how, after: last && show(last), pos: show(streamPosition), past: null });
      if (how !== "all") last = streamPosition;
      add("enter", { topic, name: id });
    });
    subscription.on("publication", ({ offset, data }) => {
      last = { epoch: last.epoch, offset };
      const { id } = data instanceof Uint8Array ? JSON.parse(text.decode(data)) : data;
      add("msg", { topic, pos: show(last), id });
    });
    subscription.on("subscribing", ({ code }) => {
      if (code >= 2500) add("unsub", { topic });
    });
    subscription.on("error", () => {});
    subscription.subscribe();
  }
  client.connect();

  let published = 0;
  const publish = async () => {
    if (isStopped) return;
    const topic = `t:${Math.floor(Math.random() * topics)}`;
    const id = `${who}#${published++}`;
    const data = { id, pad: "" };
    add("try", { topic, id });
    try {
      await client.publish(topic, isBinary ? new TextEncoder().encode(JSON.stringify(data)) : data);
      add("ack", { topic, id, pos: null });
    } catch (error) {
      add("fail", { topic, id, why: `${error.code} ${error.message}` });
    }
  };
  const timer = setInterval(publish, 1000 * every * (0.75 + Math.random() / 2));
  return () => {
    clearInterval(timer);
    client.disconnect();
    add("bye");
  };
}

const ends = Array.from({ length: Number(count) }, (_, number) => start(number));
for await (const line of createInterface({ input: process.stdin })) {
  if (line === "stop") isStopped = true;
}
ends.forEach((end) => end());
log.end(() => process.exit(0));
