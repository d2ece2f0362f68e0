// What bench.js prints and speed.test.js bounds. Only here are answers of the API made up:
// fifty carriers and ten thousand rows are more than the demo has.
import { cookieOf, desktop, launched, settled } from './chromium.js';
import { site } from './site.js';

/** @typedef {import('playwright-core').Page} Page */

/** @param {(page: Page) => Promise<any>} body @param {boolean} [out] nobody is logged in */
async function fresh(body, out = false) {
  const context = await (await launched()).newContext({ viewport: desktop, reducedMotion: 'reduce' });
  if (!out) await context.addCookies([cookieOf(site.operator.cookie)]);
  const page = await context.newPage();
  try {
    return await body(page);
  } finally {
    await context.close();
  }
}

/**
 * The first view with a cold cache: until the login page can be used, and until all four
 * graphs are drawn; and the bytes of code and style that came for both, as sent.
 * @returns {Promise<{loginMs: number, graphsMs: number, bytes: number}>}
 */
export async function firstView() {
  const login = await fresh(async (page) => {
    const from = performance.now();
    await page.goto(`${site.url}/`, { waitUntil: 'commit' });
    await page.getByLabel('E-mail').waitFor();
    return performance.now() - from;
  }, true);
  return fresh(async (page) => {
    const cdp = await page.context().newCDPSession(page);
    await cdp.send('Network.enable');
    let bytes = 0;
    cdp.on('Network.loadingFinished', (e) => { bytes += e.encodedDataLength; });
    const from = performance.now();
    await page.goto(`${site.url}/#/graphs`, { waitUntil: 'commit' });
    await page.waitForFunction(() => document.querySelectorAll('.u-over').length === 4);
    const graphsMs = performance.now() - from;
    return { loginMs: login, graphsMs, bytes };
  });
}

const carriers = 50;
const stepS = 300;
const points = (30 * 86_400) / stepS;

/** A month of one figure of fifty carriers. @param {URL} url */
function series(url) {
  const figure = url.searchParams.get('figure');
  const to = Math.floor(Date.now() / 1000 / stepS) * stepS;
  const lines = Array.from({ length: carriers }, (_, c) => {
    const num = Array.from({ length: points }, (_, i) => (i % 977 < 3 ? null : Math.round(40 + 30 * Math.sin(i / 140 + c) + ((i * 7919 + c * 104_729) % 13))));
    return { kind: 'carrier', party: `carrier-${c}`, limit: null, num, ...(figure === 'channels' ? { answered: num } : { den: num.map((n) => (n === null ? null : 100)) }) };
  });
  return { figure, from_unix_s: to - points * stepS, step_s: stepS, points, pending: [], lines };
}

/**
 * How long a chart of a month of 5-minute points for fifty carriers takes from its data
 * to its picture, for each of the four, as the page itself measures it.
 * @returns {Promise<number[]>}
 */
export function month() {
  return fresh(async (page) => {
    await page.route(/\/api\/v1\/series\?/, (route) => route.fulfill({ json: series(new URL(route.request().url())) }));
    await page.goto(`${site.url}/#/graphs?by=carrier&range=30d&step=300`);
    await page.waitForFunction(() => document.querySelectorAll('.u-over').length === 4);
    return page.evaluate(() => performance.getEntriesByType('measure').filter((m) => m.name.startsWith('chart-')).map((m) => m.duration));
  });
}

const rows = 10_000;

/** A page of hourly sums, more than a year of them. @param {URL} url */
function summaries(url) {
  const from = Number(url.searchParams.get('after') ?? 0);
  const limit = Number(url.searchParams.get('limit') ?? 100);
  const last = Math.floor(Date.now() / 3_600_000) * 3600;
  const ratio = (/** @type {number} */ num, /** @type {number} */ den) => ({ num, den, value: num / den });
  const items = Array.from({ length: Math.min(limit, rows - from) }, (_, i) => {
    const at = last - (from + i) * 3600;
    return {
      from_unix_s: at, to_unix_s: at + 3600, kind: 'total', party: '', attempts: 200 + i, connected: 120 + i, asr: ratio(120, 200), acd: ratio(9000, 120), duration_ms: 9_000_000,
      dtmf: ratio(30, 110), ner: ratio(190, 200), pdd: ratio(120_000, 180), completeness: { state: 'complete', hours: 1, complete: 1 },
    };
  });
  return { items, made_unix_ms: Date.now(), next_unix_ms: (last + 3600) * 1000, ...(from + limit < rows ? { next: String(from + limit) } : {}) };
}

/**
 * How long frames take while 10,000 rows are scrolled through with the wheel.
 * @returns {Promise<{rows: number, drawn: number, p50Ms: number, p95Ms: number, worstMs: number}>}
 */
export function scrolling() {
  return fresh(async (page) => {
    await page.route(/\/api\/v1\/summaries\?/, (route) => route.fulfill({ json: summaries(new URL(route.request().url())) }));
    await page.goto(`${site.url}/#/summary`);
    await page.locator('.tabulator-row').nth(10).waitFor();
    await settled(page);
    return page.evaluate(async (count) => {
      const box = /** @type {HTMLElement} */ (document.querySelector('.tabulator-tableholder'));
      const height = box.scrollHeight / (document.querySelector('.tabulator-row')?.clientHeight || 1);
      /** @type {number[]} */
      const times = [];
      let before = performance.now();
      for (let i = 0; i < 300; i++) {
        box.scrollTop += i % 50 === 49 ? 20_000 : 120; // the wheel, and now and then the bar
        await new Promise((done) => { requestAnimationFrame(done); });
        const now = performance.now();
        times.push(now - before);
        before = now;
      }
      times.sort((a, b) => a - b);
      const at = (/** @type {number} */ share) => times[Math.floor(times.length * share)] ?? 0;
      return { rows: Math.min(count, Math.round(height)), drawn: document.querySelectorAll('.tabulator-row').length, p50Ms: at(0.5), p95Ms: at(0.95), worstMs: times.at(-1) ?? 0 };
    }, rows);
  });
}
