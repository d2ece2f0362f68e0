// Customers and carriers: channels, addresses and domains, seen and changed.
import assert from 'node:assert/strict';
import { check, until } from './lib/dashboard.js';
import { operator, person, unique } from './lib/people.js';
import { site } from './lib/site.js';

/** @typedef {import('playwright-core').Page} Page */

/** @param {Page} page @param {string} id */
const row = (page, id) => page.getByRole('row').filter({ has: page.getByText(id, { exact: true }) });

check('customers and carriers of the table, with their channels now', { at: 'parties' }, async ({ page }) => {
  for (const [tab, all] of /** @type {const} */ ([['Customers', site.facts.parties.customers], ['Carriers', site.facts.parties.carriers]])) {
    await page.getByRole('tab', { name: tab }).click();
    for (const party of all) {
      await row(page, party.id).waitFor();
      const text = await row(page, party.id).innerText();
      assert.match(text, new RegExp(`\\b${party.channels}\\b`), `channels of ${party.id}`);
      assert.match(text, /\b127\.\d+\.\d+\.\d+/, `addresses of ${party.id}`);
      if (party.first) assert.match(text, new RegExp(`${party.first}-${party.last}`));
    }
  }
});

for (const [kind, tab, button] of [['customers', '', 'Add customer'], ['carriers', '?tab=carriers', 'Add carrier']]) {
  check(`one of the ${kind} is added, changed and removed`, { at: `parties${tab}` }, async ({ page }) => {
    const api = await operator();
    const id = unique('browser');
    await page.getByRole('button', { name: button }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('textbox', { name: 'Id' }).fill(id);
    await dialog.getByRole('textbox', { name: 'Configured' }).fill('30');
    await dialog.getByLabel('Addresses').fill('198.51.100.7');
    await page.keyboard.press('Enter');
    await dialog.getByLabel('Domains').fill(`${id}.example.org`);
    await page.keyboard.press('Enter');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.getByText(/Saved as version \d+/).waitFor();
    const made = async () => (await api.get('/parties'))[kind ?? ''].find((/** @type {any} */ p) => p.id === id);
    assert.deepEqual([(await made()).channels, (await made()).domains], [30, [`${id}.example.org`]]);
    assert.match(await row(page, id).innerText(), /30\s+198\.51\.100\.7/);

    await page.getByRole('button', { name: `Edit ${id}` }).click();
    await dialog.getByRole('textbox', { name: 'Configured' }).fill('45');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await until(async () => (await made()).channels, (n) => n === 45, 'the channels');
    await dialog.waitFor({ state: 'detached' });

    await page.getByRole('button', { name: `Edit ${id}` }).click();
    await dialog.getByRole('button', { name: 'Remove' }).click();
    await row(page, id).waitFor({ state: 'detached' });
    assert.equal(await made(), undefined);
  });
}

check('an address that another has is refused, and nothing is changed', { at: 'parties', expect: [/\b4(09|22)\b/] }, async ({ page }) => {
  const api = await operator();
  const { version, customers } = await api.get('/parties');
  await page.getByRole('button', { name: 'Add customer' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Id' }).fill(unique('browser'));
  await dialog.getByLabel('Addresses').fill(customers[0].addresses[0]);
  await page.keyboard.press('Enter');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await until(() => dialog.innerText(), (text) => text.includes(customers[0].id), 'who has the address');
  assert.equal((await api.get('/parties')).customers.length >= customers.length, true);
  assert.ok(version > 0);
});

check('a viewer sees them and changes nothing', { as: 'nobody' }, async ({ page, context, go }) => {
  const who = await person('viewer');
  const { cookieOf } = await import('./lib/dashboard.js');
  await context.addCookies([cookieOf(who.cookie)]);
  await go('parties');
  await row(page, site.facts.parties.customers[0]?.id ?? '').waitFor();
  assert.equal(await page.getByRole('button', { name: /^(Edit|Add)/ }).count(), 0);
});
