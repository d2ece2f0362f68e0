// The table of the page Summary.
import { until } from './dashboard.js';

/** @typedef {import('playwright-core').Page} Page */

/** @param {Page} page */
export const rows = (page) => page.getByTestId('summary').locator('.tabulator-row');

/**
 * A cell by its row and the name of its column.
 * @param {Page} page
 * @param {number} row
 * @param {string} field
 */
export const cell = (page, row, field) => rows(page).nth(row).locator(`[tabulator-field="${field}"]`);

/**
 * Drags from one cell to another.
 * @param {Page} page
 * @param {[number, string]} from
 * @param {[number, string]} to
 */
export async function drag(page, from, to) {
  const a = await cell(page, ...from).boundingBox();
  const b = await cell(page, ...to).boundingBox();
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
