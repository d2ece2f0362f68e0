// Nodes: state, versions, lag, spool, losses, clock, table.
import assert from 'node:assert/strict';
import { check, until } from './lib/dashboard.js';
import { operator } from './lib/people.js';
import { site } from './lib/site.js';

check('each node with its state, channels and version', { at: 'nodes' }, async ({ page }) => {
  const { items } = await (await operator()).get('/nodes');
  assert.deepEqual(items.map((/** @type {any} */ n) => n.id), site.facts.nodes);
  const heads = await page.getByRole('columnheader').allInnerTexts();
  for (const head of ['State', 'Spool', 'Lag', 'Clock skew', 'Records lost', 'Late hours', 'Registered', 'Table', 'Version']) assert.ok(heads.includes(head), head);
  for (const node of items) {
    const row = page.getByRole('row').filter({ has: page.getByRole('link', { name: node.id, exact: true }) });
    await until(() => row.innerText(), (text) => /\bup\b/.test(text) && text.includes(node.version), `${node.id}: up, ${node.version}`);
  }
});

check('one node, with its ledger of losses', { at: 'nodes' }, async ({ page }) => {
  const id = site.facts.nodes[1] ?? '';
  await page.getByRole('link', { name: id, exact: true }).click();
  await page.getByRole('heading', { name: id }).waitFor();
  const words = ['Version', 'Started', 'Spool', 'Clock skew', 'Guard', 'Registered', 'Loss ledger'];
  await until(() => page.locator('main').innerText(), (text) => words.every((word) => text.includes(word)), `all of ${words.join(', ')}`);
  await page.getByText('Nothing was lost.').waitFor();
  await page.getByRole('link', { name: 'Nodes' }).last().click();
  await page.getByRole('link', { name: site.facts.nodes[0] ?? '' }).waitFor();
});
