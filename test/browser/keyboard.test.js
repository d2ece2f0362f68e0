// The whole of it by keyboard: no test here touches the mouse.
import assert from 'node:assert/strict';
import { check, until } from './lib/dashboard.js';
import { calm, chart, titles } from './lib/charts.js';
import { ofOperator } from './lib/pages.js';
import { clipboard, rows, status } from './lib/grid.js';
import { site } from './lib/site.js';

/** @typedef {import('playwright-core').Page} Page */

/**
 * Presses Tab until something is focused.
 * @param {Page} page
 * @param {import('playwright-core').Locator} to
 */
async function tabTo(page, to) {
  for (let i = 0; i < 80; i++) {
    if (await to.evaluate((e) => e === document.activeElement).catch(() => false)) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`Tab does not come to ${to}`);
}

check('log in, and out', { as: 'nobody', at: '' }, async ({ page }) => {
  await until(() => page.evaluate(() => document.activeElement?.getAttribute('type')), (x) => x === 'email', 'the focus on the e-mail address');
  await page.keyboard.type(site.operator.email);
  await page.keyboard.press('Tab');
  await page.keyboard.type(site.operator.password);
  await page.keyboard.press('Enter');
  const account = page.getByTestId('account');
  await account.waitFor();
  await tabTo(page, account);
  await page.keyboard.press('Enter');
  await page.getByRole('menuitem', { name: 'Profile' }).waitFor();
  await until(async () => {
    await page.keyboard.press('ArrowDown');
    return page.evaluate(() => document.activeElement?.textContent);
  }, (x) => x === 'Log out', 'the focus on the last item');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
});

check('g and a letter lead to every page', { at: 'graphs' }, async ({ page }) => {
  const keys = { s: 'Summary', c: 'Calls', p: 'Customers and carriers', b: 'Number blocks', r: 'Registrations', n: 'Nodes', a: 'Alerts', u: 'Accounts', l: 'Audit log', g: 'Graphs' };
  for (const [key, title] of Object.entries(keys)) {
    await page.keyboard.press('g');
    await page.keyboard.press(key);
    await page.getByRole('heading', { level: 1, name: title, exact: true }).waitFor();
  }
});

check('the shortcuts are listed by ?, and Escape closes what is open', { at: 'graphs' }, async ({ page }) => {
  const help = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
  await until(async () => {
    await page.keyboard.press('?'); // the page listens soon after it is drawn
    return help.isVisible();
  }, (x) => x, 'the list of shortcuts');
  await page.keyboard.press('Escape');
  await help.waitFor({ state: 'hidden' });

  await page.keyboard.press('b');
  const list = page.getByRole('dialog', { name: 'Checklist' });
  await list.waitFor();
  await until(() => list.evaluate((e) => e.contains(document.activeElement)), (x) => x, 'the focus in the checklist');
  await page.keyboard.press('Escape');
  await list.waitFor({ state: 'hidden' });

  await page.keyboard.press('t');
  const zone = page.getByRole('combobox', { name: 'Time zone' });
  await until(() => zone.evaluate((e) => e === document.activeElement), (x) => x, 'the focus in the search for a zone');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await zone.waitFor({ state: 'hidden' });

  const scheme = () => page.locator('html').getAttribute('data-mantine-color-scheme');
  await page.keyboard.press('d');
  await until(scheme, (x) => x === 'dark', 'dark');
  await page.keyboard.press('d');
  await until(scheme, (x) => x === 'light', 'light');
});

check('the first Tab offers to skip to the content', { at: 'calls' }, async ({ page }) => {
  await page.evaluate(() => /** @type {HTMLElement} */ (document.activeElement)?.blur());
  await page.keyboard.press('Tab');
  const skip = page.getByRole('link', { name: 'Skip to the content' });
  await until(() => skip.evaluate((e) => e === document.activeElement && e.getBoundingClientRect().top >= 0), (x) => x, 'the link in view');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement?.id), 'main');
});

check('a chart: move through it, zoom, and back', { at: 'graphs?range=24h' }, async ({ page }) => {
  const first = chart(page, 'channels');
  await first.locator('.u-over').waitFor();
  await tabTo(page, first);
  await calm();
  await page.keyboard.press('ArrowLeft');
  const tip = first.locator('.charttip');
  const at = await until(async () => (await tip.isVisible() ? tip.locator('.time').innerText() : ''), (x) => x !== '', 'the tooltip');
  await page.keyboard.press('Shift+ArrowLeft');
  await until(() => tip.locator('.time').innerText(), (x) => x !== at, 'an earlier time');
  for (const figure of /** @type {import('./lib/charts.js').Figure[]} */ (Object.keys(titles))) await chart(page, figure).locator('.charttip').waitFor();
  await page.keyboard.press('+');
  await page.getByRole('button', { name: /: show all$/ }).waitFor();
  await tabTo(page, chart(page, 'channels'));
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: /: show all$/ }).waitFor({ state: 'detached' });
});

check('the summary: select cells, copy them, follow a row', { at: 'summary?tab=daily' }, async ({ page }) => {
  await rows(page).nth(4).waitFor();
  await tabTo(page, page.getByTestId('summary').locator('.tabulator-tableholder'));
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Shift+ArrowDown');
  await page.keyboard.press('Shift+ArrowRight');
  await status(page, /2 rows:/);
  await page.keyboard.press('Control+c');
  await until(async () => (await clipboard(page)).split('\n').map((l) => l.split('\t').length), (x) => x.length === 2 && x.every((n) => n === 2), 'two rows of two cells');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Calls' }).waitFor();
});

check('a dialog: fields in order, focus kept inside and given back', { at: 'parties' }, async ({ page }) => {
  const add = page.getByRole('button', { name: 'Add customer' });
  await add.waitFor();
  await tabTo(page, add);
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog');
  await until(() => dialog.getByRole('textbox', { name: 'Id' }).evaluate((e) => e === document.activeElement), (x) => x, 'the focus on the first field');
  for (let i = 0; i < 25; i++) {
    await page.keyboard.press('Tab');
    assert.ok(await dialog.evaluate((e) => e.contains(document.activeElement)), 'the focus left the dialog');
  }
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await until(() => add.evaluate((e) => e === document.activeElement), (x) => x, 'the focus where it was');
});

check('whatever Tab comes to can be seen to have the focus', async ({ page, go }) => {
  const hidden = [];
  for (const path of ['graphs', 'summary', ...Object.values(ofOperator)]) {
    await go(path);
    for (let i = 0; i < 30; i++) {
      await page.keyboard.press('Tab');
      const bad = await page.evaluate(() => {
        const e = document.activeElement;
        if (!e || e === document.body) return '';
        const style = getComputedStyle(e);
        const box = e.getBoundingClientRect();
        const ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== 'none' || e.matches('input, textarea, select') || e.closest('.mantine-SegmentedControl-root, .tabulator') !== null;
        return ring && (box.width > 0 || e.closest('.mantine-SegmentedControl-root') !== null) ? '' : `${e.tagName} ${e.className} ${e.textContent?.slice(0, 30)}`;
      });
      if (bad) hidden.push(`${path}: ${bad}`);
    }
  }
  assert.deepEqual(hidden, []);
});
