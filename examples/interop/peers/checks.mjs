// Runs named checks one after the other; each prints `ok NAME` or `FAILED NAME: reason`.

let failed = 0;

/** Runs `body`; a check that throws, or takes more than `seconds`, has failed. */
export async function check(name, body, seconds = 30) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${seconds} s`)), seconds * 1000);
  });
  try {
    await Promise.race([body(), late]);
    console.log(`ok ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAILED ${name}: ${String(error?.message ?? error).replaceAll(/\s+/g, ' ').slice(0, 400)}`);
  } finally {
    clearTimeout(timer);
  }
}

export function equal(actual, expected, what) {
  if (actual !== expected) throw new Error(`${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`);
}

/** Ends the process: 0 if every check was ok. */
export function finish() {
  process.exit(failed ? 1 : 0);
}
