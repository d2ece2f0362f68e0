// The charts of the page Graphs, and what the collector said for them.
import { until } from './dashboard.js';

/** @typedef {import('playwright-core').Page} Page */

/** The figures and their titles on the page. */
export const titles = /** @type {const} */ ({ channels: 'Live channels', asr: 'ASR', acd: 'ACD', dtmf: 'DTMF share' });
/** @typedef {keyof typeof titles} Figure */

/** @param {Page} page @param {Figure} figure */
export const card = (page, figure) => page.getByRole('region', { name: titles[figure], exact: true });

/** @param {Page} page @param {Figure} figure */
export const chart = (page, figure) => card(page, figure).getByRole('application');

/** @typedef {{query: URLSearchParams, series: any}} Answer what was asked for, and what it is */

/** Over how many seconds a question is. @param {URLSearchParams} query */
export const seconds = (query) => Number(query.get('to')) - Number(query.get('from'));

/**
 * Keeps the answers for the figures.
 * @param {Page} page
 */
export function listen(page) {
  /** @type {Answer[]} */
  let heard = [];
  page.on('response', (r) => {
    const url = new URL(r.url());
    if (!url.pathname.endsWith('/api/v1/series') || r.status() !== 200) return;
    r.json().then((series) => heard.push({ query: url.searchParams, series }), () => undefined);
  });
  return {
    forget: () => { heard = []; },
    /**
     * Waits for an answer for each of the four, and returns the newest of each. The page asks
     * anew each minute: what it asked for before a click may be answered after it, and is left
     * out by what the question has to be.
     * @param {string} [what] it has to be, in words
     * @param {(query: URLSearchParams) => boolean} [right]
     * @returns {Promise<Map<string, Answer>>}
     */
    all: async (what = 'of any time', right = () => true) => {
      const found = () => new Map(heard.filter((a) => right(a.query)).map((a) => [a.series.figure, a]));
      await until(async () => heard.map((a) => String(a.query)), () => found().size === 4, `answers for the four figures, ${what}`);
      return found();
    },
  };
}

const redrawnMs = 15_000; // after a quarter of an hour: the page waits up to 10 s, and then for the answer

/**
 * Waits, where a day is shown, until it is not soon drawn anew, as it is after each quarter of
 * an hour: what the mouse or a key had begun on the chart before is over then.
 */
export async function calm() {
  const since = Date.now() % 900_000;
  if (since < redrawnMs) await new Promise((done) => { setTimeout(done, redrawnMs - since); });
}

/**
 * Where a point of a series is on the screen.
 * @param {Page} page
 * @param {Figure} figure
 * @param {number} i
 * @param {number} points
 */
export async function pointAt(page, figure, i, points) {
  const over = chart(page, figure).locator('.u-over');
  await over.waitFor();
  const box = await over.boundingBox();
  if (!box) throw new Error(`no chart of ${figure}`);
  return { x: box.x + Math.min(box.width - 1, (box.width * i) / (points - 1)), y: box.y + box.height / 2, box };
}

/**
 * Holds the mouse over a point, and returns what the four charts say there. It moves a little
 * until they do: a chart that is drawn anew says nothing before the mouse moves.
 * @param {Page} page
 * @param {Figure} figure
 * @param {number} i
 * @param {number} points
 */
export async function hover(page, figure, i, points) {
  const { x, y } = await pointAt(page, figure, i, points);
  const figures = /** @type {Figure[]} */ (Object.keys(titles));
  const tips = await until(async () => {
    await page.mouse.move(x, y + 1);
    await page.mouse.move(x, y);
    return Promise.all(figures.map(async (f) => (await chart(page, f).locator('.charttip:visible').allInnerTexts())[0] ?? ''));
  }, (texts) => texts.every(Boolean), 'tooltips of all four charts');
  return /** @type {Record<Figure, string>} */ (Object.fromEntries(figures.map((f, n) => [f, tips[n]])));
}
