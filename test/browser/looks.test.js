// Every page, light and dark, on a desktop and on a phone: a screenshot of each is kept,
// none is wider than its window, and axe-core finds nothing serious.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { check } from './lib/dashboard.js';
import { findings } from './lib/axe.js';
import { operator } from './lib/people.js';
import { ofAll, ofOperator } from './lib/pages.js';
import { shots } from './lib/site.js';

/** @typedef {import('./lib/dashboard.js').Scheme} Scheme */

const timeout = 240_000; // for many pages
mkdirSync(shots, { recursive: true });
const schemes = /** @type {Scheme[]} */ (['light', 'dark']);
const sizes = [{ size: 'desktop', phone: false }, { size: 'phone', phone: true }];

/**
 * Keeps a screenshot, and returns what is wrong.
 * @param {import('playwright-core').Page} page
 * @param {string} file
 * @param {boolean} axe
 * @returns {Promise<string[]>}
 */
async function look(page, file, axe) {
  // A chart is drawn in the frame after its data.
  await page.evaluate(() => new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(done)); }));
  await page.screenshot({ path: `${shots}${file}.png` });
  const wrong = axe ? await findings(page) : [];
  const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  if ((wide ?? 0) > (room ?? 0)) wrong.push(`${wide} pixels wide in a window of ${room}`);
  return wrong.map((w) => `${file}: ${w}`);
}

for (const scheme of schemes) {
  for (const { size, phone } of sizes) {
    const suffix = `${scheme}-${size}`;
    const axe = !phone || scheme === 'light'; // colours are those of the desktop
    check(`an operator's pages, ${scheme}, ${size}`, { scheme, phone, timeout }, async ({ page, go }) => {
      const wrong = [];
      for (const [name, path] of Object.entries({ ...ofAll, ...ofOperator })) {
        await go(path);
        wrong.push(...await look(page, `${name}-${suffix}`, axe));
      }
      const api = await operator();
      const { items: [node] } = await api.get('/nodes');
      await go(`nodes/${encodeURIComponent(node.id)}`);
      wrong.push(...await look(page, `node-${suffix}`, axe));
      const { items: [call] } = await api.get('/calls?answered=true&limit=1');
      await go(`calls/${encodeURIComponent(call.key)}`);
      wrong.push(...await look(page, `call-${suffix}`, axe));
      assert.deepEqual(wrong, []);
    });

    check(`a customer's pages, ${scheme}, ${size}`, { as: 'customer', scheme, phone, timeout }, async ({ page, go }) => {
      const wrong = [];
      for (const [name, path] of Object.entries(ofAll)) {
        await go(path);
        wrong.push(...await look(page, `customer-${name}-${suffix}`, axe));
      }
      assert.deepEqual(wrong, []);
    });

    check(`before the session, ${scheme}, ${size}`, { as: 'nobody', scheme, phone }, async ({ page, go }) => {
      const wrong = [];
      await go('');
      wrong.push(...await look(page, `login-${suffix}`, axe));
      await go('setup/no-such-token');
      wrong.push(...await look(page, `setup-${suffix}`, axe));
      assert.deepEqual(wrong, []);
    });
  }
}
