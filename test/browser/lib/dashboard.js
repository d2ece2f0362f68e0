// One test: a browser of its own context on the real dashboard, and at its end no
// error in the console, no failed request, nothing that the content security policy
// had to forbid.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, test } from 'node:test';
import { close, cookieOf, desktop, launched, phone, visit } from './chromium.js';
import { shots, site } from './site.js';

export { cookieOf, launched, settled } from './chromium.js';

/**
 * @typedef {import('playwright-core').Page} Page
 * @typedef {import('playwright-core').BrowserContext} Context
 * @typedef {'light' | 'dark'} Scheme
 * @typedef {object} Options
 * @property {'operator' | 'customer' | 'nobody' | {cookie: string}} [as] who is logged in; the operator unless said
 * @property {string} [at] the page's path, as "graphs?range=1h"; empty: the test goes itself
 * @property {Scheme} [scheme]
 * @property {boolean} [phone]
 * @property {string} [language] of the browser
 * @property {number} [timeout] milliseconds
 * @property {RegExp[]} [expect] faults that belong to what is tested, as a wrong password's 401
 * @typedef {{page: Page, context: Context, go: (path: string) => Promise<void>}} Dashboard
 */

after(close);

/** Up to how many milliseconds each question to the API is held back, at random, to find tests that do not wait. */
const slowMs = Number(process.env.SIPWARD_BROWSER_SLOW_MS ?? 0);

/** @param {Options} o */
async function enter(o) {
  const context = await (await launched()).newContext({
    viewport: o.phone ? phone : desktop, colorScheme: o.scheme ?? 'light', locale: o.language ?? 'en-GB', timezoneId: 'UTC',
    hasTouch: o.phone ?? false, permissions: ['clipboard-read', 'clipboard-write'], reducedMotion: 'reduce',
  });
  const who = o.as ?? 'operator';
  const cookie = who === 'nobody' ? '' : typeof who === 'object' ? who.cookie : site[who].cookie;
  if (cookie) await context.addCookies([cookieOf(cookie)]);
  if (slowMs > 0) await context.route('**/api/v1/**', (route) => { setTimeout(() => { void route.continue().catch(() => undefined); }, slowMs * Math.random()); });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const faults = watch(page, o.expect ?? []);
  return { page, context, faults };
}

/**
 * @param {Page} page
 * @param {RegExp[]} expect
 */
function watch(page, expect) {
  /** @type {string[]} */
  const faults = [];
  /** @param {string} text */
  const fault = (text) => {
    if (!expect.some((e) => e.test(text))) faults.push(text);
  };
  page.on('console', (m) => {
    if (m.type() === 'error' || m.type() === 'warning') fault(`console ${m.type()}: ${m.text()} (${m.location().url})`);
  });
  page.on('pageerror', (e) => fault(`uncaught: ${e.stack ?? e.message}`));
  page.on('requestfailed', (r) => {
    const why = r.failure()?.errorText ?? '';
    if (why !== 'net::ERR_ABORTED') fault(`request failed: ${why} ${r.url()}`); // a page that is left ends what it asked for
  });
  page.on('response', (r) => {
    if (r.status() >= 400) fault(`answer ${r.status()}: ${r.request().method()} ${r.url()}`);
  });
  return faults;
}

/**
 * @param {string} name
 * @param {Options | ((d: Dashboard) => Promise<void>)} options
 * @param {(d: Dashboard) => Promise<void>} [body]
 */
export function check(name, options, body) {
  const o = typeof options === 'function' ? {} : options;
  const run = typeof options === 'function' ? options : body;
  test(name, { timeout: o.timeout ?? 60_000 }, async () => {
    const { page, context, faults } = await enter(o);
    try {
      if (o.at !== undefined) await visit(page, o.at);
      await run?.({ page, context, go: (path) => visit(page, path) });
      assert.deepEqual(faults, []);
    } catch (e) {
      mkdirSync(shots, { recursive: true });
      const path = `${shots}failed-${name.replace(/[^\w-]+/g, '-').slice(0, 80)}.png`;
      await page.screenshot({ path }).catch(() => undefined);
      if (faults.length > 0 && e instanceof Error) e.message += `\nand in the browser: ${faults.join('\n')}`;
      throw e;
    } finally {
      await context.close();
    }
  });
}

/**
 * What is saved when something is clicked.
 * @param {Page} page
 * @param {() => Promise<void>} click
 */
export async function saved(page, click) {
  const [download] = await Promise.all([page.waitForEvent('download'), click()]);
  return { name: download.suggestedFilename(), path: await download.path() };
}

/**
 * Waits until what is asked for is so; the last answer of it is in the error.
 * @template T
 * @param {() => Promise<T>} ask
 * @param {(got: T) => boolean} right
 * @param {string} what
 * @param {number} [most] milliseconds
 * @returns {Promise<T>}
 */
export async function until(ask, right, what, most = 10_000) {
  const end = Date.now() + most;
  for (;;) {
    const got = await ask();
    if (right(got)) return got;
    if (Date.now() > end) assert.fail(`${what}: still ${JSON.stringify(got)}`);
    await new Promise((done) => { setTimeout(done, 100); });
  }
}
