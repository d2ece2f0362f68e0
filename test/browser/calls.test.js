// Calls: search, filters, pages of a list, one call with its attempts, quality and digits.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { check, saved, until } from './lib/dashboard.js';
import { readCsv } from './lib/files.js';
import { customer, operator } from './lib/people.js';
import { site } from './lib/site.js';

/** @typedef {import('playwright-core').Page} Page */

/** @param {Page} page */
const listed = (page) => page.getByRole('region', { name: 'Calls' }).locator('tbody tr');

/** Waits for rows that are all of a kind. @param {Page} page @param {RegExp} of */
const only = (page, of) => until(async () => (await listed(page).allInnerTexts()).map((x) => x.replaceAll('\t', ' ')), (all) => all.length > 0 && all.every((x) => of.test(x)), `only rows with ${of}`);

check('a number is searched for, as one called and as one calling', { at: 'calls' }, async ({ page }) => {
  const { items: [call] } = await (await operator()).get('/calls?answered=true&limit=1');
  for (const number of [call.called, call.caller]) {
    await until(async () => { // a page that is still loading does not listen yet
      await page.keyboard.press('/');
      return page.locator('[data-search]').evaluateAll((fields) => fields.some((x) => x === document.activeElement));
    }, Boolean, 'the field by its key');
    await page.keyboard.press('Control+a');
    await page.keyboard.type(number);
    await page.keyboard.press('Enter');
    await only(page, new RegExp(`\\b${number}\\b`));
    assert.match(page.url(), new RegExp(`number=${number}`)); // can be sent to somebody
  }
  await page.getByRole('button', { name: 'Clear' }).click();
  await until(() => listed(page).count(), (n) => n === 100, 'a whole page of calls');
});

check('filters: customer, carrier, answered or not, a time, and a Call-ID', { at: 'calls' }, async ({ page }) => {
  const choose = async (/** @type {string} */ label, /** @type {string} */ option) => {
    await page.getByRole('combobox', { name: label, exact: true }).click();
    await page.getByRole('option', { name: option, exact: true }).click();
  };
  await choose('Customer', 'globex');
  await only(page, /globex/);
  await choose('Carrier', 'red');
  await only(page, /globex.*red/);
  await choose('Answered', 'no');
  await only(page, /globex.*red.* (?!200)[3-6]\d\d /);
  await page.getByRole('button', { name: 'Clear' }).click();
  const day = new Date((site.facts.history.to_unix_s - 5 * 86_400) * 1000).toISOString().slice(0, 10);
  await page.getByLabel('From', { exact: true }).fill(`${day}T10:00`);
  await page.getByLabel('To', { exact: true }).fill(`${day}T11:00`);
  const [y, m, d] = day.split('-');
  await only(page, new RegExp(`^${d}/${m}/${y}, (09|10):`)); // it lasts into the hour in which it is counted
  const { items: [call] } = await (await operator()).get('/calls?limit=1');
  await page.getByRole('button', { name: 'Clear' }).click();
  await page.getByLabel('Call-ID').fill(call.call_id);
  await page.keyboard.press('Enter');
  await only(page, new RegExp(call.called));
});

check('more calls are loaded page by page, none twice', { at: 'calls' }, async ({ page }) => {
  await until(() => listed(page).count(), (n) => n === 100, 'the first page');
  await page.getByRole('button', { name: 'Load more' }).click();
  await until(() => listed(page).count(), (n) => n === 200, 'the second page');
  const links = await listed(page).locator('a').evaluateAll((all) => all.map((a) => a.getAttribute('href')));
  assert.equal(new Set(links).size, links.length);
});

check('one call: its course, attempts, quality and digits', async ({ page, go }) => {
  const api = await operator();
  const { items } = await api.get('/calls?answered=true&limit=200');
  const row = items.find((/** @type {any} */ c) => c.digits > 0 && c.media_class) ?? assert.fail('no call with digits');
  const call = await api.get(`/calls/${row.key}`);
  await go(`calls?call_id=${encodeURIComponent(row.call_id)}`);
  await listed(page).first().getByRole('link').click();
  await page.getByRole('heading', { name: 'Call', exact: true }).waitFor();
  await page.getByRole('heading', { name: 'Attempts' }).waitFor();
  const text = (await page.locator('main').innerText()).replace(/\s+/g, ' ');
  for (const part of [call.call_id, call.caller, call.called, call.customer, call.carrier, call.node, call.user_agent].filter(Boolean)) assert.ok(text.includes(part), part);
  for (const side of [call.from_caller, call.from_callee].filter(Boolean)) {
    assert.ok(text.includes(`Packets ${new Intl.NumberFormat('en-GB').format(side.rtp_packets)}`), `packets ${side.rtp_packets} in ${text}`);
    if (side.mos !== null) assert.ok(text.includes(`MOS ${side.mos.toFixed(2)}`), `MOS ${side.mos}`);
    assert.ok(text.includes(`Digits ${side.dtmf_count}`), `digits ${side.dtmf_count}`);
  }
  const attempts = page.getByRole('region', { name: 'Attempts' }).locator('tbody tr');
  assert.equal(await attempts.count(), call.attempts.length);
  for (const [i, a] of call.attempts.entries()) assert.match(await attempts.nth(i).innerText(), new RegExp(`${a.carrier}[\\s\\S]*${a.status}`));
  await page.getByRole('link', { name: 'Back' }).click();
  await listed(page).first().waitFor();
});

check('a call that was tried with two carriers shows both attempts', async ({ page, go }) => {
  const api = await operator();
  const calls = await api.list('/calls?answered=true&from=' + (Date.now() - 86_400_000));
  let found;
  for (const c of calls.slice(0, 400)) {
    const one = await api.get(`/calls/${c.key}`);
    if (one.attempts.length > 1) {
      found = one;
      break;
    }
  }
  assert.ok(found, 'the demo has calls that fail over');
  await go(`calls/${encodeURIComponent(found.key)}`);
  const attempts = page.getByRole('region', { name: 'Attempts' }).locator('tbody tr');
  await until(() => attempts.count(), (n) => n === found.attempts.length, 'its attempts');
});

check('attempts are a list of their own', { at: 'calls' }, async ({ page }) => {
  await page.getByRole('tab', { name: 'Attempts' }).click();
  await page.getByRole('region', { name: 'Attempts' }).locator('tbody tr').first().waitFor();
  assert.match(page.url(), /list=attempts/);
});

check('a customer finds its own calls only, and no carrier', { as: 'customer', at: 'calls', expect: [/\b40[34]\b/] }, async ({ page, go }) => {
  await listed(page).first().waitFor();
  const heads = await page.getByRole('columnheader').allInnerTexts();
  for (const hidden of ['Carrier', 'Customer', 'Node']) assert.ok(!heads.includes(hidden), hidden);
  assert.equal(await page.getByRole('tab', { name: 'Attempts' }).count(), 0);
  const { items: [theirs] } = await (await operator()).get('/calls?customer=globex&limit=1');
  await go(`calls?number=${theirs.called}&call_id=${encodeURIComponent(theirs.call_id)}`);
  await page.getByText('No calls match.').waitFor();
  await page.goto(`${site.url}/#/calls/${theirs.key}`);
  await page.getByRole('alert').first().waitFor();
  assert.doesNotMatch(await page.locator('main').innerText(), new RegExp(theirs.called));
});

check('calls in progress, renewed by themselves', { at: 'calls' }, async ({ page }) => {
  await page.getByRole('tab', { name: 'In progress' }).click();
  const rows = page.getByRole('region', { name: 'In progress' }).locator('tbody tr');
  const first = await until(() => rows.allInnerTexts(), (x) => x.length > 0, 'calls in progress', 20_000);
  assert.ok(first.every((r) => /Answered|Being set up|On hold/i.test(r)), first[0]);
  await until(() => rows.allInnerTexts(), (x) => x.join() !== first.join(), 'a later state', 15_000);
  await page.getByRole('combobox', { name: 'Customer' }).click();
  await page.getByRole('option', { name: 'globex', exact: true }).click();
  await until(() => rows.allInnerTexts(), (x) => x.every((r) => /\tglobex\t/.test(r)), 'only those of globex');
});

check('a customer sees its own calls in progress, without carriers and nodes', { as: 'customer', at: 'calls?list=live' }, async ({ page }) => {
  await until(() => page.getByRole('region', { name: 'In progress' }).locator('tbody tr').count(), (n) => n > 0, 'calls in progress', 30_000);
  const heads = await page.getByRole('columnheader').allInnerTexts();
  for (const hidden of ['Carrier', 'Customer', 'Node']) assert.ok(!heads.includes(hidden), hidden);
  const { items } = await (await customer()).get('/calls/live');
  assert.ok(items.every((/** @type {any} */ c) => c.customer === site.customer.id && !c.carrier && !c.node), JSON.stringify(items[0]));
});

check('what was searched for is exported as CSV', { at: 'calls?customer=globex&answered=true' }, async ({ page }) => {
  await only(page, /globex/);
  const file = await saved(page, () => page.getByRole('link', { name: 'Export CSV' }).click());
  assert.match(file.name, /\.csv$/);
  const [head = [], ...rows] = readCsv(readFileSync(file.path, 'utf8'));
  const at = head.indexOf('customer');
  assert.ok(at >= 0, head.join());
  assert.ok(rows.length > 1000 && rows.every((r) => r[at] === 'globex'), `${rows.length} rows`);
});
