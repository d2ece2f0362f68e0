// Alerts: rules, their test, what they raise, and taking note of it.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { check, until } from './lib/dashboard.js';
import { operator, unique } from './lib/people.js';

/** @typedef {import('playwright-core').Page} Page */

/** @param {Page} page @param {string} name */
const row = (page, name) => page.getByRole('row').filter({ hasText: name });

/** A program that webhooks reach. */
async function hook() {
  /** @type {any[]} */
  const got = [];
  const server = createServer((q, a) => {
    let body = '';
    q.on('data', (x) => { body += x; });
    q.on('end', () => {
      got.push(JSON.parse(body));
      a.writeHead(204).end();
    });
  });
  await new Promise((done) => { server.listen(0, '127.0.0.1', () => done(undefined)); });
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return { url: `http://127.0.0.1:${port}/alerts`, got, close: () => server.close() };
}

check('a rule is made and tested, raises an alert that somebody takes note of, and is removed', { at: 'alerts?tab=rules' }, async ({ page, go }) => {
  const to = await hook();
  try {
    const name = unique('Any channel is in use');
    await page.getByRole('button', { name: 'Add rule' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').fill(name);
    await dialog.getByRole('combobox', { name: 'Area' }).click();
    await page.getByRole('option', { name: 'Channels in use' }).click();
    await dialog.getByText('above', { exact: true }).click().catch(() => undefined); // not offered where only that has a sense
    await dialog.getByLabel('Threshold').fill('0');
    await dialog.getByLabel('Reset at').fill('0');
    const lasts = dialog.getByLabel('Must last');
    if (await lasts.count() > 0) await lasts.fill('0');
    await dialog.getByRole('combobox', { name: 'Level' }).click();
    await page.getByRole('option', { name: 'Critical' }).click();
    await dialog.getByLabel('Webhook').fill(to.url);
    await dialog.getByRole('button', { name: 'Test delivery' }).click();
    await until(async () => to.got.length, (n) => n === 1, 'the test');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'detached' });
    await row(page, name).waitFor();

    await until(async () => to.got.some((x) => JSON.stringify(x).includes(name)), (x) => x, 'the alert at the webhook', 45_000);
    await go('alerts');
    await row(page, name).waitFor();
    assert.match(await row(page, name).innerText(), /Critical/);
    await page.getByTestId('bell').click();
    await page.getByRole('dialog', { name: 'Checklist' }).getByText(name).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: `Acknowledge ${name}` }).click();
    const { email } = await (await operator()).get('/me');
    await until(() => row(page, name).innerText(), (text) => text.includes(email), 'who took note');

    await go('alerts?tab=rules');
    await page.getByRole('button', { name: `Edit ${name}` }).click();
    await dialog.getByRole('button', { name: 'Remove' }).click();
    await row(page, name).waitFor({ state: 'detached' });
  } finally {
    to.close();
  }
});

check('every area can be watched', { at: 'alerts?tab=rules' }, async ({ page }) => {
  await page.getByRole('button', { name: 'Add rule' }).click();
  await page.getByRole('dialog').getByRole('combobox', { name: 'Area' }).click();
  const areas = await page.getByRole('option').allInnerTexts();
  for (const area of ['ASR', 'ACD', 'PDD', 'NER', 'Channels in use', 'Calls a second', 'Consecutive failures', 'Node down', 'Refused registrations', 'Strays', 'Spool', 'Reconciliation']) {
    assert.ok(areas.includes(area), area);
  }
});

check('a rule that makes no sense is refused at its field', { at: 'alerts?tab=rules', expect: [/\b422\b/] }, async ({ page }) => {
  await page.getByRole('button', { name: 'Add rule' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill(unique('no sense'));
  await dialog.getByLabel('Threshold').fill('40');
  await dialog.getByLabel('Reset at').fill('20'); // below 40 is over below 20?
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.locator('[aria-invalid="true"], [data-error="true"]').first().waitFor();
});
