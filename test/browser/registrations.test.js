// Registrations: refusals, and who is registered where.
import assert from 'node:assert/strict';
import { check, until } from './lib/dashboard.js';
import { operator } from './lib/people.js';
import { site } from './lib/site.js';

check('refusals, with their reasons, by customer', { at: 'registrations' }, async ({ page }) => {
  const rows = page.getByRole('region', { name: 'Refusals' }).locator('tbody tr');
  await rows.first().waitFor();
  const { items: [first] } = await (await operator()).get('/registrations?limit=1&customer=acme');
  await page.getByRole('combobox', { name: 'Customer' }).click();
  await page.getByRole('option', { name: 'acme', exact: true }).click();
  const all = await until(() => rows.allInnerTexts(), (x) => x.length > 0 && x.every((r) => /\tacme\t/.test(r)), 'only refusals of acme');
  assert.ok(all.every((r) => /would be refused|refused|stray/.test(r)), all[0]);
  assert.ok(all.some((r) => r.includes(first.number)));
  assert.ok(all.some((r) => /Outside of the customer's blocks|In another customer's block|Not a number/.test(r)), all[0]);
});

check('who is registered with a range of numbers, asked of every node', { at: 'registrations?tab=bindings' }, async ({ page }) => {
  const { first = '', last = '' } = site.facts.parties.customers[0] ?? {};
  await page.getByText('Enter a range of numbers. All nodes are asked at once.').waitFor();
  await page.getByLabel('First number').fill(first);
  await page.getByLabel('Last number').fill(last);
  await page.getByRole('button', { name: 'Search' }).click();
  const rows = page.getByRole('region', { name: 'Who is registered' }).locator('tbody tr');
  await rows.first().waitFor({ timeout: 20_000 });
  const { items, unreached } = await (await operator()).get(`/bindings?first=${first}&last=${last}&limit=500`);
  assert.deepEqual(unreached, []);
  assert.ok(items.length > 0);
  const texts = await rows.allInnerTexts();
  for (const text of texts) {
    const number = /^\d+/.exec(text)?.[0] ?? '';
    assert.ok(number >= first && number <= last, text);
    assert.ok(site.facts.nodes.some((n) => text.includes(n)), text);
  }
});
