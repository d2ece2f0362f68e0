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

/**
 * Keeps the newest answer of each figure, by its address.
 * @param {Page} page
 */
export function listen(page) {
  /** @type {Map<string, {query: URLSearchParams, series: any}>} */
  const last = new Map();
  page.on('response', (r) => {
    const url = new URL(r.url());
    if (!url.pathname.endsWith('/api/v1/series') || r.status() !== 200) return;
    r.json().then((series) => last.set(series.figure, { query: url.searchParams, series }), () => undefined);
  });
  return {
    last,
    forget: () => last.clear(),
    /** Waits for an answer for each of the four. */
    all: async () => {
      await until(async () => [...last.keys()].sort(), (x) => x.length === 4, 'answers for the four figures');
      return last;
    },
  };
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
 * Holds the mouse over a point, and returns what the four charts say there.
 * @param {Page} page
 * @param {Figure} figure
 * @param {number} i
 * @param {number} points
 */
export async function hover(page, figure, i, points) {
  const { x, y } = await pointAt(page, figure, i, points);
  await page.mouse.move(x, y);
  const tips = page.locator('.charttip:visible');
  await until(() => tips.count(), (n) => n === 4, 'tooltips of all four charts');
  return /** @type {Record<Figure, string>} */ (Object.fromEntries(await Promise.all(
    Object.keys(titles).map(async (f) => [f, await chart(page, /** @type {Figure} */ (f)).locator('.charttip').innerText()]),
  )));
}
