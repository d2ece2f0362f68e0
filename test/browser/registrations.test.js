// Registrations: refusals, and who is registered where.
import assert from 'node:assert/strict';
import { check, until } from './lib/dashboard.js';
import { customer, operator } from './lib/people.js';
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

check('a customer is told of its own phones, all of them, and of nobody else', { as: 'customer', at: 'registrations?tab=bindings' }, async ({ page }) => {
  const own = await customer();
  const { id } = site.customer;
  const api = await operator();
  const counts = async () => {
    const all = await api.get('/bindings?limit=1000');
    const few = await own.get('/bindings?limit=1');
    assert.deepEqual([all.unreached, all.more, few.unreached], [[], 0, []]);
    return { all: all.items.filter((/** @type {{customer: string}} */ b) => b.customer === id).length, own: few.items.length + few.more, others: all.items.length };
  };
  const { all, others } = await until(counts, (n) => n.all > 1 && n.all === n.own, 'as many as the operator sees');
  assert.ok(others > all, 'nobody else is registered: the test says nothing');
  const { first = '', last = '' } = site.facts.parties.customers.find((c) => c.id === id) ?? {};
  await page.getByLabel('First number').fill(first);
  await page.getByLabel('Last number').fill(last);
  await page.getByRole('button', { name: 'Search' }).click();
  const rows = page.getByRole('region', { name: 'Who is registered' }).locator('tbody tr');
  await rows.first().waitFor({ timeout: 20_000 });
  for (const text of await rows.allInnerTexts()) {
    const number = /^\d+/.exec(text)?.[0] ?? '';
    assert.ok(number >= first && number <= last, text);
    assert.ok(!site.facts.nodes.some((n) => text.includes(n)), text);
  }
});
