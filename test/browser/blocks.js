// Number blocks: the map of the number space, assigning and releasing.
import assert from 'node:assert/strict';
import { check, until } from './lib/dashboard.js';
import { operator, unique } from './lib/people.js';
import { site } from './lib/site.js';

/** A customer without blocks, for one test. @param {(id: string) => Promise<void>} body */
async function withCustomer(body) {
  const api = await operator();
  const id = unique('blocks');
  const at = `/parties/customers/${id}`;
  const version = async () => (await api.get('/parties')).version;
  await api.ask('PUT', at, { version: await version(), new: true, channels: 0, addresses: [], domains: [`${id}.example.org`], comment: '', non_numeric: '', max_contacts: 0 });
  try {
    await body(id);
  } finally {
    await api.ask('DELETE', `${at}?version=${await version()}`);
  }
}

/** @param {string} id @returns {Promise<string[]>} */
const blocksOf = async (id) => (await (await operator()).get('/blocks')).blocks.filter((/** @type {any} */ b) => b.customer === id).map((/** @type {any} */ b) => `${b.first}-${b.last}`);

check('the map shows who has which numbers, and what is free', { at: 'blocks' }, async ({ page }) => {
  await page.getByText('Grid: from 1000 in steps of 1,000').waitFor();
  const map = (await page.locator('.space').first().getAttribute('aria-label')) ?? '';
  for (const c of site.facts.parties.customers) assert.ok(map.includes(`${c.first}–${c.last} ${c.id}`), map);
  assert.match(map, /\d+–\d+ free/);
  for (const c of site.facts.parties.customers) {
    const row = page.getByRole('row').filter({ hasText: `${c.first} – ${c.last}` });
    assert.match(await row.innerText(), new RegExp(`${c.id}\\s+1,000`));
  }
});

check('who is registered in a block is one click away', { at: 'blocks' }, async ({ page }) => {
  const { first, last } = site.facts.parties.customers[0] ?? assert.fail();
  await page.getByRole('row').filter({ hasText: `${first} – ${last}` }).getByRole('link').click();
  await page.getByRole('region', { name: 'Who is registered' }).locator('tbody tr').first().waitFor({ timeout: 20_000 });
  assert.equal(await page.getByLabel('First number').inputValue(), first);
});

check('the next free block is assigned, and released', { at: 'blocks' }, async ({ page, go }) => {
  await withCustomer(async (id) => {
    await go('blocks');
    await page.getByRole('button', { name: 'Assign' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('combobox', { name: 'Customer' }).fill(id);
    await page.getByRole('option', { name: id }).click();
    const begins = /begins at (\d+)/.exec(await dialog.getByText(/The lowest free one begins at/).innerText())?.[1] ?? '';
    await dialog.getByRole('button', { name: 'Assign' }).click();
    await page.getByText(new RegExp(`${id} now has ${begins}-`)).waitFor();
    const [block = ''] = await blocksOf(id);
    assert.equal(block, `${begins}-${Number(begins) + 999}`);
    await until(async () => (await page.locator('.space').first().getAttribute('aria-label')) ?? '', (x) => x.includes(`${block.replace('-', '–')} ${id}`), 'the map with it');

    await page.getByRole('button', { name: `Release ${block}` }).click();
    await dialog.getByText('0 registered phones would be strays').waitFor({ timeout: 20_000 });
    await dialog.getByText(`This is the only block of ${id}.`).waitFor();
    await dialog.getByRole('button', { name: 'Release' }).click();
    await page.getByText(`${block} is free again.`).waitFor();
    assert.deepEqual(await blocksOf(id), []);
  });
});

check('a range is assigned; one that overlaps is refused', { at: 'blocks', expect: [/\b4(09|22)\b/] }, async ({ page, go }) => {
  await withCustomer(async (id) => {
    await go('blocks');
    const assign = async (/** @type {string} */ first, /** @type {string} */ last) => {
      await page.getByRole('button', { name: 'Assign' }).first().click();
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('combobox', { name: 'Customer' }).fill(id);
      await page.getByRole('option', { name: id }).click();
      await dialog.getByText('A range', { exact: true }).click();
      await dialog.getByLabel('First number').fill(first);
      await dialog.getByLabel('Last number').fill(last);
      await dialog.getByRole('button', { name: 'Assign' }).click();
      return dialog;
    };
    const dialog = await assign('70000', '70499');
    await dialog.waitFor({ state: 'detached' });
    assert.deepEqual(await blocksOf(id), ['70000-70499']);
    await assign('1500', '1599');
    await until(() => dialog.innerText(), (text) => text.includes(site.facts.parties.customers[0]?.id ?? ''), 'who has them');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Release 70000-70499' }).click();
    await dialog.getByRole('button', { name: 'Release' }).click();
    await dialog.waitFor({ state: 'detached' });
    assert.deepEqual(await blocksOf(id), []);
  });
});

check('who would be a stray is shown before a block is released', async ({ page, go }) => {
  const { id, first, last } = site.facts.parties.customers[0] ?? assert.fail();
  const api = await operator();
  const version = async () => (await api.get('/blocks')).version;
  // Who has no block at all may use any number: without a second one nobody would stray.
  const other = { first: '880000', last: '880099' };
  await api.post('/blocks', { version: await version(), customer: id, comment: '', range: other });
  try {
    await go('blocks');
    const before = await blocksOf(id);
    await page.getByRole('button', { name: `Release ${first}-${last}` }).click();
    const dialog = page.getByRole('dialog', { name: `Release ${first}–${last} of ${id}` });
    const rows = dialog.getByRole('region', { name: 'Who is registered' }).locator('tbody tr');
    await rows.first().waitFor({ timeout: 20_000 });
    const said = Number(/(\d+) registered/.exec(await dialog.getByText(/would be strays/).innerText())?.[1]);
    assert.equal(await rows.count(), said);
    assert.equal(await dialog.getByText('This is the only block').count(), 0);
    for (const text of await rows.allInnerTexts()) assert.match(text, new RegExp(id));
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    assert.deepEqual(await blocksOf(id), before);
  } finally {
    await api.ask('DELETE', `/blocks?customer=${id}&first=${other.first}&last=${other.last}&version=${await version()}`);
  }
});
