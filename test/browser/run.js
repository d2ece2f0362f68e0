// Runs the browser tests against one demo. "node run.js calls graphs" runs those files
// only, "--bench" measures instead of testing. With SIPWARD_SITE, the file of a
// "node run.js --keep" that still runs, no demo is started.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { siteOf, startDemo } from './lib/demo.js';

const here = new URL('.', import.meta.url).pathname;
const wanted = process.argv.slice(2).filter((x) => !x.startsWith('--'));
const files = readdirSync(here).filter((f) => f.endsWith('.test.js') && (wanted.length === 0 || wanted.some((w) => f.startsWith(w)))).map((f) => join(here, f));

const bench = process.argv.includes('--bench');

/** @param {string} file */
function tests(file) {
  const args = bench ? [join(here, 'bench.js')] : ['--test', '--test-reporter=spec', '--test-concurrency=2', ...files];
  return spawnSync(process.execPath, args, { cwd: here, stdio: 'inherit', env: { ...process.env, SIPWARD_SITE: file } }).status ?? 1;
}

if (process.env.SIPWARD_SITE) process.exit(tests(process.env.SIPWARD_SITE));

const demo = await startDemo();
const dir = mkdtempSync(join(tmpdir(), 'sipward-site-'));
let status = 1;
try {
  const file = join(dir, 'site.json');
  writeFileSync(file, JSON.stringify(await siteOf(demo.facts)), { mode: 0o600 });
  if (process.argv.includes('--keep')) {
    console.log(`SIPWARD_SITE=${file}`);
    await new Promise((done) => { process.once('SIGINT', done); process.once('SIGTERM', done); });
    status = 0;
  } else {
    status = tests(file);
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
  await demo.stop();
}
process.exit(status);
