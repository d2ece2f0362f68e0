// The table of the page Summary.
import { until } from './dashboard.js';

/** @typedef {import('playwright-core').Page} Page */
/** @typedef {import('playwright-core').Locator} Locator */

/** @param {Page} page */
export const rows = (page) => page.getByTestId('summary').locator('.tabulator-row');

/**
 * The row that shows a sum, found by its own link: by its period, and by whose it is. Where it
 * stands is another matter: there may be a period more on the page than in another answer.
 * Only rows near those in view are drawn, so the table is scrolled through until it is.
 * @param {Page} page
 * @param {{from_unix_s: number, to_unix_s: number, kind: string, party: string}} sum
 */
export async function rowOf(page, sum) {
  const time = `from=${sum.from_unix_s * 1000}&to=${sum.to_unix_s * 1000}`;
  const whose = sum.kind === 'total' ? '&kind=call' : `&${new URLSearchParams({ [sum.kind]: sum.party })}`;
  const row = rows(page).filter({ has: page.locator(`a[href*="${time}"][href$="${whose}"]`) });
  const box = page.getByTestId('summary').locator('.tabulator-tableholder');
  await until(async () => {
    if (await row.count() === 0) await box.evaluate((e) => { e.scrollTop = e.scrollTop + e.clientHeight < e.scrollHeight - 1 ? e.scrollTop + e.clientHeight / 2 : 0; });
    return row.count();
  }, (n) => n === 1, `a row for ${time}${whose}`);
  await cell(row, 'period').scrollIntoViewIfNeeded();
  return row;
}

/**
 * A cell of a row by the name of its column.
 * @param {Locator} row
 * @param {string} field
 */
export const cell = (row, field) => row.locator(`[tabulator-field="${field}"]`);

/**
 * Drags from one cell to another.
 * @param {Page} page
 * @param {Locator} from
 * @param {Locator} to
 */
export async function drag(page, from, to) {
  const a = await from.boundingBox();
  const b = await to.boundingBox();
  if (!a || !b) throw new Error('these cells are not in view');
  await page.mouse.move(a.x + a.width / 2, a.y + a.height / 2);
  await page.mouse.down();
  await page.mouse.move(b.x + b.width / 2, b.y + b.height / 2, { steps: 4 });
  await page.mouse.up();
}

/** What the status line says. @param {Page} page @param {RegExp} of */
export const status = (page, of) => until(() => page.locator('.statusline').innerText(), (text) => of.test(text), `a status line with ${of}`);

/** @param {Page} page */
export const clipboard = (page) => page.evaluate(() => navigator.clipboard.readText());
