// Many rooms with many clients that write: yjs_many.mjs ws://HOST:PORT ROOMS CLIENTS SECONDS PID
// Each room's clients write one after the other, twenty letters a second, and move their cursors. Prints what the server
// (PID, on Linux) takes, and checks that all clients of a room have one text.
import { readFileSync } from 'node:fs';
import { check, equal, finish } from './checks.mjs';
import { join, until } from './yjs.mjs';

process.setMaxListeners(0);
const [url, rooms, clients, seconds, pid] = process.argv.slice(2);
const ticks = () => readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ').slice(13, 15).reduce((sum, n) => sum + Number(n), 0);
const kilobytes = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);

await check(`${rooms} rooms of ${clients} clients`, async () => {
  const before = kilobytes();
  const all = [];
  let heard = 0, bytes = 0;
  for (let room = 0; room < rooms; room++) {
    const here = [...Array(Number(clients)).keys()].map(() => join(url, `many-${process.pid}-${room}`));
    all.push(here);
    await until(() => here.every((one) => one.provider.synced), 'in sync', 60);
  }
  for (const one of all.flat()) one.provider.ws.on('message', (data) => { heard++; bytes += data.byteLength ?? data.length; });
  const idle = kilobytes();
  const [start, cpu] = [Date.now(), ticks()];
  let turn = 0;
  while (Date.now() < start + seconds * 1000) {
    for (const here of all) {
      const one = here[turn % here.length];
      one.text.insert(one.text.length, 'x');
      one.awareness.setLocalStateField('caret', turn);
    }
    turn++;
    await new Promise((resolve) => setTimeout(resolve, start + turn * 50 - Date.now()));
  }
  const [took, used] = [(Date.now() - start) / 1000, (ticks() - cpu) / 100];
  await until(() => all.every((here) => here.every((one) => one.text.length === turn)), 'equal', 60);
  for (const here of all) for (const one of here) equal(one.text.toString(), here[0].text.toString(), 'text');
  console.log(`written ${Math.round(turn * rooms / took)}/s, heard ${Math.round(heard / took)}/s, ${Math.round(bytes / heard)} B each; CPU ${(used / took * 100).toFixed(0)} % of a core`);
  console.log(`memory ${before} KB, with all there ${idle} KB, after ${took.toFixed(0)} s ${kilobytes()} KB`);
}, 240);
finish();
