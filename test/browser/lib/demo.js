// Starts the demo: a real collector with two agents, calls in progress and a month of
// history. It writes where it is and who can log in, and lives until it is ended.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Api } from './api.js';

const root = new URL('../../..', import.meta.url).pathname;
const startMs = 180_000; // a month of calls is on its way

/** @typedef {{facts: any, stop: () => Promise<void>}} Demo */

/** @returns {Promise<Demo>} */
export async function startDemo() {
  const dir = mkdtempSync(join(tmpdir(), 'sipward-browser-'));
  const program = join(dir, 'demo');
  const built = spawnSync('go', ['build', '-o', program, './internal/testkit/cmd/demo'], { cwd: root, stdio: 'inherit' });
  if (built.status !== 0) throw new Error('the demo does not build');
  const file = join(dir, 'facts.json');
  const child = spawn(program, ['-facts', file, '-until-signal'], { cwd: root, stdio: ['pipe', 'pipe', 'pipe'] }); // it ends when this end of its input is gone
  let said = '';
  const hear = (/** @type {Buffer} */ text) => { said = (said + text.toString()).slice(-8000); };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  const ended = new Promise((done) => { child.on('exit', done); });
  let over = false;
  void ended.then(() => { over = true; });
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
    rmSync(dir, { recursive: true, force: true });
  };
  const end = Date.now() + startMs;
  while (!existsSync(file)) {
    if (over || Date.now() > end) {
      await stop();
      throw new Error(`the demo ${over ? 'ended' : 'was not ready in time'}:\n${said}`);
    }
    await new Promise((done) => { setTimeout(done, 100); });
  }
  return { facts: JSON.parse(readFileSync(file, 'utf8')), stop };
}

/**
 * What the tests need to know of it. The accounts get a session each, which all tests
 * share: a login costs time, and there may be only so many.
 * @param {any} facts
 * @returns {Promise<import('./site.js').Site>}
 */
export async function siteOf(facts) {
  const url = facts.url.replace(/\/$/, '');
  const session = async (/** @type {import('./site.js').Login} */ who) => {
    const api = new Api(url);
    await api.login(who);
    return api.cookie;
  };
  const { operator, customer } = facts;
  return {
    url, facts,
    operator: { ...operator, cookie: await session(operator) },
    customer: { ...customer, id: customer.customer, cookie: await session(customer) },
  };
}
