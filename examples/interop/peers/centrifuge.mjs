// centrifuge-js against our site, over one of its two wire formats: node centrifuge.mjs URL json|protobuf

import { createHmac } from 'node:crypto';
import { createRequire } from 'node:module';
import { check, equal, finish } from './checks.mjs';

const require = createRequire(`${process.env.INTEROP_NODE ?? new URL('../../../target/interop/node', import.meta.url).pathname}/package.json`);
const WebSocket = require('ws');
const [url, format] = process.argv.slice(2);
const { Centrifuge, UnauthorizedError } = require(format === 'json' ? 'centrifuge' : 'centrifuge/build/protobuf');

// Payloads are JSON in one format and bytes in the other.
const out = (value) => (format === 'json' ? value : new TextEncoder().encode(JSON.stringify(value)));
const back = (data) => (format === 'json' ? data : JSON.parse(new TextDecoder().decode(data)));

const seconds = (n) => Math.floor(Date.now() / 1000) + n;

function token(claims, secret = 'secret') {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

const topic = (kind) => `${kind}:${format}-${Math.random().toString(36).slice(2)}`;
const clients = [];

function client(claims = { sub: 'ann' }, options = {}) {
  let socket;
  class Cut extends WebSocket {
    constructor(...args) {
      super(...args);
      socket = this;
    }
  }
  const made = new Centrifuge(url, { token: token(claims), websocket: Cut, minReconnectDelay: 20, maxReconnectDelay: 100, ...options });
  made.on('error', () => {});
  /** Cuts the connection, as a network does. */
  made.cut = () => socket.terminate();
  clients.push(made);
  return made;
}

/** The next event of that name that `wanted` accepts. */
const event = (emitter, name, wanted = () => true) =>
  new Promise((resolve) => {
    const listener = (context) => {
      if (!wanted(context)) return;
      emitter.removeListener(name, listener);
      resolve(context);
    };
    emitter.on(name, listener);
  });

async function connected(...args) {
  const made = client(...args);
  made.connect();
  await made.ready(5000);
  return made;
}

async function subscribed(made, name, options) {
  const subscription = made.newSubscription(name, options);
  subscription.on('error', () => {});
  subscription.subscribe();
  await subscription.ready(5000);
  return subscription;
}

const failure = async (promise) => {
  try {
    await promise;
  } catch (error) {
    return error.code;
  }
  return 'none';
};

const call = async (made, method, data = {}) => back((await made.rpc(method, out(data))).data);

await check(`${format}: connects, with data and who it is`, async () => {
  const made = client({ sub: 'ann' }, { data: out({ hello: 1 }) });
  const arrived = event(made, 'connected');
  made.connect();
  const context = await arrived;
  equal(JSON.stringify(back(context.data)), '{"hello":1}', 'data');
  equal(await call(made, 'who'), 'ann', 'user');
});

await check(`${format}: a token that is not valid is refused for good`, async () => {
  const made = client({}, { token: token({ sub: 'eve' }, 'guess') });
  const ended = event(made, 'disconnected');
  made.connect();
  equal((await ended).code, 3500, 'code');
});

await check(`${format}: a token that has expired is replaced`, async () => {
  let asked = 0;
  const made = client({ sub: 'ann', exp: seconds(-10) }, { getToken: async () => (asked++, token({ sub: 'ann' })) });
  made.connect();
  await made.ready(5000);
  equal(asked, 1, 'new tokens');
});

await check(`${format}: sessions and subscriptions are refreshed before they expire`, async () => {
  let [tokens, subscriptionTokens] = [0, 0];
  const made = await connected({ sub: 'ann', exp: seconds(2) }, { getToken: async () => (tokens++, token({ sub: 'ann', exp: seconds(2) })) });
  const name = topic('token');
  const get = async ({ channel }) => (subscriptionTokens++, token({ sub: 'ann', channel, exp: seconds(2) }));
  await subscribed(made, name, { getToken: get });
  await new Promise((resolve) => setTimeout(resolve, 3200));
  equal(made.state, 'connected', 'state');
  equal(tokens >= 1 && subscriptionTokens >= 2, true, `refreshed (${tokens}, ${subscriptionTokens})`);
});

await check(`${format}: a token for another topic is refused`, async () => {
  const made = await connected();
  const subscription = made.newSubscription(topic('token'), { token: token({ channel: 'token:other' }) });
  const ended = event(subscription, 'unsubscribed');
  subscription.subscribe();
  equal((await ended).code, 103, 'code');
});

await check(`${format}: 100 subscriptions begin at once`, async () => {
  const made = client();
  const all = Array.from({ length: 100 }, () => made.newSubscription(topic('live')));
  const begun = all.map((subscription) => event(subscription, 'subscribed'));
  for (const subscription of all) subscription.subscribe();
  made.connect();
  await Promise.all(begun);
});

await check(`${format}: publishes both ways`, async () => {
  const [ann, bob] = [await connected(), await connected({ sub: 'bob' })];
  const name = topic('live');
  const [first, second] = [await subscribed(ann, name), await subscribed(bob, name)];
  let arrived = event(second, 'publication');
  const echoed = event(first, 'publication');
  await first.publish(out({ text: 'hej\nå' }));
  equal(back((await arrived).data).text, 'hej\nå', 'from a client');
  await echoed;
  arrived = event(first, 'publication');
  await call(bob, 'publish', { topic: name, data: { a: [1, null, 'x'] } });
  equal(JSON.stringify(back((await arrived).data)), '{"a":[1,null,"x"]}', 'from the server');
  arrived = event(first, 'publication');
  await call(bob, 'publish_bytes', { topic: name });
  const { data } = await arrived;
  if (format === 'json') equal(data, 'AP8K', 'bytes, in Base64');
  else equal([...data].join(), '0,255,10', 'bytes');
});

await check(`${format}: refusals have their codes`, async () => {
  const made = await connected();
  const refused = async (name) => {
    const subscription = made.newSubscription(name);
    const ended = event(subscription, 'unsubscribed');
    subscription.subscribe();
    return (await ended).code;
  };
  equal(await refused(topic('room:secret')), 103, 'a topic that is not for us');
  equal(await refused('nowhere'), 102, 'an unknown topic');
  equal(await failure(made.publish(topic('room'), out(1))), 103, 'publishing without a grant');
  equal(await failure(made.rpc('none', out({}))), 104, 'an unknown procedure');
  equal(await failure(made.rpc('error', out({ code: 1234 }))), 1234, 'an error of the application');
  equal(await failure(made.presence(topic('live'))), 103, 'presence without a subscription');
  equal(await failure(made.history(topic('open'), { limit: 1, reverse: true })), 108, 'history in reverse');
  equal(await failure((await subscribed(made, topic('live'))).presence()), 108, 'presence where none is kept');
});

await check(`${format}: calls procedures, many at once`, async () => {
  const made = await connected();
  const slow = call(made, 'slow').then(() => 'slow');
  const quick = call(made, 'echo', { n: 1 }).then(() => 'quick');
  equal(await Promise.race([slow, quick]), 'quick', 'first');
  const all = await Promise.all(Array.from({ length: 30 }, (_, n) => call(made, 'echo', { n })));
  equal(all.map(({ n }) => n).join(), [...Array(30).keys()].join(), 'results');
  await slow;
});

await check(`${format}: sends and is sent data`, async () => {
  const made = await connected();
  const arrived = event(made, 'message');
  await made.send(out({ to: 'you' }));
  equal(back((await arrived).data).to, 'you', 'data');
});

await check(`${format}: recovers after a cut, or is told that it cannot`, async () => {
  const [ann, bob] = [await connected(), await connected({ sub: 'bob' })];
  const name = topic('room');
  const subscription = await subscribed(ann, name);
  const seen = [];
  subscription.on('publication', ({ data, offset }) => seen.push(`${back(data)}@${offset}`));
  const one = event(subscription, 'publication');
  await call(bob, 'publish', { topic: name, data: 1 });
  await one;
  let again = event(subscription, 'subscribed');
  ann.cut();
  await call(bob, 'publish', { topic: name, data: 2 });
  await call(bob, 'publish', { topic: name, data: 3 });
  let context = await again;
  equal(`${context.wasRecovering} ${context.recovered}`, 'true true', 'recovered');
  const last = event(subscription, 'publication', ({ data }) => back(data) === 4);
  await call(bob, 'publish', { topic: name, data: 4 });
  await last;
  equal(seen.join(), '1@1,2@2,3@3,4@4', 'seen');
  const gone = event(ann, 'connecting');
  ann.disconnect();
  for (let n = 5; n < 20; n++) await call(bob, 'publish', { topic: name, data: n });
  again = event(subscription, 'subscribed');
  ann.connect();
  await gone;
  context = await again;
  equal(`${context.wasRecovering} ${context.recovered}`, 'true false', 'not recovered');
  equal(seen.length, 4, 'nothing in part');
});

await check(`${format}: gets the newest message where it alone is kept`, async () => {
  const made = await connected();
  const name = topic('last');
  await call(made, 'publish', { topic: name, data: 'old' });
  await call(made, 'publish', { topic: name, data: 'new' });
  const subscription = made.newSubscription(name);
  const arrived = event(subscription, 'publication');
  subscription.subscribe();
  equal(back((await arrived).data), 'new', 'data');
});

await check(`${format}: the server subscribes it as it connects, and recovers`, async () => {
  const name = topic('room');
  const made = client({ sub: 'ann', channels: [name] });
  let begun = event(made, 'subscribed', ({ channel }) => channel === name);
  made.connect();
  equal((await begun).wasRecovering, false, 'was recovering');
  const bob = await connected({ sub: 'bob' });
  const seen = [];
  made.on('publication', ({ channel, data }) => channel === name && seen.push(back(data)));
  const one = event(made, 'publication');
  await call(bob, 'publish', { topic: name, data: 1 });
  await one;
  begun = event(made, 'subscribed', ({ channel }) => channel === name);
  made.cut();
  await call(bob, 'publish', { topic: name, data: 2 });
  const context = await begun;
  equal(`${context.wasRecovering} ${context.recovered}`, 'true true', 'recovered');
  const three = event(made, 'publication', ({ data }) => back(data) === 3);
  await call(bob, 'publish', { topic: name, data: 3 });
  await three;
  equal(seen.join(), '1,2,3', 'seen');
});

await check(`${format}: the server subscribes and unsubscribes it later`, async () => {
  const made = await connected();
  const name = topic('live');
  const begun = event(made, 'subscribed', ({ channel }) => channel === name);
  await call(made, 'subscribe', { topic: name });
  await begun;
  const arrived = event(made, 'publication', ({ channel }) => channel === name);
  await made.publish(name, out('x'));
  equal(back((await arrived).data), 'x', 'data');
  let ended = event(made, 'unsubscribed', ({ channel }) => channel === name);
  await call(made, 'unsubscribe', { topic: name });
  await ended;
  const own = await subscribed(made, topic('live'));
  ended = event(own, 'unsubscribed');
  await call(made, 'unsubscribe', { topic: own.channel });
  equal((await ended).code, 2000, 'code');
  own.subscribe();
  await own.ready(5000);
});

await check(`${format}: sees who is there, who comes and who goes`, async () => {
  const ann = await connected({ sub: 'ann', info: { color: 'red' } });
  const name = topic('room');
  const here = await subscribed(ann, name, { joinLeave: true, data: out({ seat: 7 }) });
  const came = event(here, 'join', ({ info }) => info.user === 'bob');
  const bob = await connected({ sub: 'bob' });
  const there = await subscribed(bob, name);
  await came;
  await subscribed(await connected({ sub: 'bob' }), name);
  const { clients: present } = await here.presence();
  equal(Object.values(present).map(({ user }) => user).sort().join(), 'ann,bob,bob', 'present');
  const own = Object.values(present).find(({ user }) => user === 'ann');
  equal(back(own.connInfo).color, 'red', 'info of the connection');
  equal(back(own.chanInfo).seat, 7, 'info of the subscription');
  const stats = await here.presenceStats();
  equal(`${stats.numClients} ${stats.numUsers}`, '3 2', 'stats');
  const left = event(here, 'leave', ({ info }) => info.user === 'bob');
  there.unsubscribe();
  await left;
});

await check(`${format}: reads the history in pages`, async () => {
  const made = await connected();
  const subscription = await subscribed(made, topic('room'));
  for (let n = 1; n <= 5; n++) await subscription.publish(out(n));
  const top = await subscription.history();
  equal(`${top.publications.length} ${top.offset}`, '0 5', 'the position alone');
  const first = await subscription.history({ limit: 3 });
  const since = { offset: first.publications.at(-1).offset, epoch: first.epoch };
  const second = await subscription.history({ limit: -1, since });
  const data = [...first.publications, ...second.publications].map((publication) => back(publication.data));
  equal(data.join(), '1,2,3,4,5', 'all');
  equal(await failure(subscription.history({ limit: 1, since: { offset: 1, epoch: 'x' } })), 112, 'another epoch');
});

await check(`${format}: disconnects are final or not`, async () => {
  for (const code of [3503, 3507, 4500]) {
    const made = await connected();
    const ended = event(made, 'disconnected');
    made.rpc('disconnect', out({ code })).catch(() => {});
    equal((await ended).code, code, 'final');
  }
  for (const code of [3004, 3011, 4000]) {
    const made = await connected();
    const lost = event(made, 'connecting');
    const again = event(made, 'connected');
    made.rpc('disconnect', out({ code })).catch(() => {});
    equal((await lost).code, code, 'not final');
    await again;
  }
});

await check(`${format}: keeps getting tokens when it may not connect`, async () => {
  const made = client({ sub: 'ann', exp: seconds(-1) }, { getToken: async () => { throw new UnauthorizedError('no'); } });
  const ended = event(made, 'disconnected');
  made.connect();
  equal((await ended).code, 1, 'code');
});

if (process.argv.includes('--shutdown')) {
  await check(`${format}: is sent away by a shutdown, to come back`, async () => {
    const made = await connected();
    const lost = event(made, 'connecting');
    await call(made, 'shutdown');
    equal((await lost).code, 3001, 'code');
  });
}

for (const made of clients) made.disconnect();
finish();
