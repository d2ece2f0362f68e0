// Starts the demo: a real collector with two agents, calls in progress and a month of
// history. It writes where it is and who can log in, and lives until it is ended.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = new URL('../../..', import.meta.url).pathname;
const startMs = 90_000;

/** @typedef {{facts: any, stop: () => Promise<void>}} Demo */

/** @returns {Promise<Demo>} */
export async function startDemo() {
  const dir = mkdtempSync(join(tmpdir(), 'sipward-browser-'));
  const program = join(dir, 'demo');
  const built = spawnSync('go', ['build', '-o', program, './internal/testkit/cmd/demo'], { cwd: root, stdio: 'inherit' });
  if (built.status !== 0) throw new Error('the demo does not build');
  const file = join(dir, 'facts.json');
  const child = spawn(program, ['-facts', file, '-until-signal'], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
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
