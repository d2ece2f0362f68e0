// Summary: what is valid for billing, in UTC; sums, copies and files of it; and each row
// equal to the calls that it leads to.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { check, saved, settled, until } from './lib/dashboard.js';
import { customer, operator } from './lib/people.js';
import { readCsv, readXlsx } from './lib/files.js';
import { cell, clipboard, drag, rowOf, rows, status } from './lib/grid.js';
import { site } from './lib/site.js';

const count = (/** @type {number} */ n) => new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 }).format(n);
const share = (/** @type {number} */ v) => `${new Intl.NumberFormat('en-GB', { minimumFractionDigits: 1, maximumFractionDigits: 1 }).format(v * 100)} %`;
const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
const span = (/** @type {number} */ ms) => {
  const s = Math.round(ms / 1000);
  return `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
};

/** What is closed, so that no call changes it any more. @param {any[]} sums */
const closed = (sums) => sums.filter((d) => d.from_unix_s >= site.facts.history.from_unix_s && d.to_unix_s <= site.facts.history.to_unix_s);

check('three tabs with the same columns, in UTC, and a note on billing', async ({ page, go }) => {
  const api = await operator();
  const tabs = /** @type {const} */ ({ live: 'Live (24 hours)', daily: 'Daily', monthly: 'Monthly' });
  await go('summary');
  for (const [tab, name] of Object.entries(tabs)) {
    await page.getByRole('tab', { name }).click();
    await settled(page);
    const shape = { live: /^\d{4}-\d\d-\d\d \d\d:00$/, daily: /^\d{4}-\d\d-\d\d$/, monthly: /^\d{4}-\d\d$/ }[tab] ?? /./;
    await until(
      async () => [await rows(page).count(), (await api.list(`/summaries?tab=${tab}`)).length],
      ([shown = 0, all = 0]) => shown >= Math.min(all, 10), `${tab}: rows on the page, and all`, 30_000, // of a new period, the page shows the row within 20 s
    );
    assert.match(await cell(rows(page).first(), 'period').innerText(), shape);
    const heads = await page.locator('.tabulator-col-title').allInnerTexts();
    assert.deepEqual(heads.filter(Boolean), ['Period (UTC)', 'Attempts', 'Connected', 'ASR', 'ACD', 'Duration', 'DTMF share', 'NER', 'PDD', 'Completeness']);
    const cut = await page.locator('.tabulator-col-title').evaluateAll((all) => all.filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.textContent));
    assert.deepEqual(cut, [], 'titles are cut');
    await page.getByText('This page is what is valid for billing.').waitFor();
    await page.getByText('All times on it are 24-hour UTC.').waitFor();
  }
  assert.equal((await api.list('/summaries?tab=live')).length, 24);
});

check('the rows are those of the API, and what the history should come to', { at: 'summary?tab=daily' }, async ({ page }) => {
  const all = await (await operator()).list('/summaries?tab=daily');
  const days = closed(all);
  assert.ok(days.length > 20, `${days.length} closed days`);
  const want = days[0];
  const row = await rowOf(page, want);
  const texts = {
    period: new Date(want.from_unix_s * 1000).toISOString().slice(0, 10), attempts: count(want.attempts), connected: count(want.connected), asr: share(want.asr.value),
    duration: span(want.duration_ms), dtmf: share(want.dtmf.value), ner: share(want.ner.value), pdd: `${count(want.pdd.value)} ms`,
  };
  for (const [field, text] of Object.entries(texts)) assert.equal(await cell(row, field).innerText(), text, field);
  for (const d of days) {
    const made = site.facts.history.days.find((x) => x.kind === 'total' && x.from_unix_s === d.from_unix_s);
    assert.deepEqual([d.attempts, d.connected, d.duration_ms], [made?.calls, made?.answered, made?.answered_ms], new Date(d.from_unix_s * 1000).toISOString());
  }
});

/** The newest closed days, which stand below one another. */
async function fourDays() {
  const days = closed(await (await operator()).list('/summaries?tab=daily')).slice(0, 4);
  assert.equal(days.length, 4);
  assert.ok(days.every((d, i) => i === 0 || d.to_unix_s === days[i - 1].from_unix_s), 'a day between them is missing');
  return days;
}

/** Of the newest closed hour in which there were calls, the sum of the least of them. @param {any[]} hours */
function leastBusy(hours) {
  const busy = closed(hours).filter((r) => r.attempts > 0);
  const newest = Math.max(...busy.map((r) => r.from_unix_s));
  return busy.filter((r) => r.from_unix_s === newest).sort((a, b) => a.attempts - b.attempts)[0] ?? assert.fail('no closed hour with calls');
}

/** @param {any[]} part */
function expected(part) {
  const sum = (/** @type {(r: any) => number} */ of) => part.reduce((n, r) => n + of(r), 0);
  return {
    attempts: count(sum((r) => r.attempts)), duration: span(sum((r) => r.duration_ms)),
    weighted: share(sum((r) => r.asr.num) / sum((r) => r.asr.den)), plain: share(sum((r) => r.asr.num / r.asr.den) / part.length),
  };
}

check('dragging over cells sums them up, with a weighted and a plain average', { at: 'summary?tab=daily' }, async ({ page }) => {
  const days = await fourDays();
  await drag(page, cell(await rowOf(page, days[0]), 'attempts'), cell(await rowOf(page, days[3]), 'duration'));
  const text = await status(page, /4 rows:/);
  const want = expected(days);
  assert.match(text, new RegExp(`Attempts sum ${want.attempts}`));
  assert.match(text, new RegExp(`ASR weighted average ${want.weighted} plain average ${want.plain}`));
  assert.match(text, new RegExp(`Duration sum ${want.duration}`));
});

check('Shift and the arrow keys sum up too', { at: 'summary?tab=daily' }, async ({ page }) => {
  const days = await fourDays();
  await cell(await rowOf(page, days[0]), 'attempts').click();
  await page.keyboard.press('Shift+ArrowDown');
  await page.keyboard.press('Shift+ArrowDown');
  assert.match(await status(page, /3 rows:/), new RegExp(`Attempts sum ${expected(days.slice(0, 3)).attempts}`));
});

check('right-click: copy, with and without headers', { at: 'summary?tab=daily' }, async ({ page }) => {
  const days = (await fourDays()).slice(0, 2);
  const [first, last] = [await rowOf(page, days[0]), await rowOf(page, days[1])];
  const choose = async (/** @type {string} */ item) => {
    await cell(last, 'connected').click({ button: 'right' });
    await page.locator('.tabulator-menu-item').getByText(item, { exact: true }).click();
    await page.getByText(/Copied 2 rows/).last().waitFor();
  };
  await drag(page, cell(first, 'attempts'), cell(last, 'asr'));
  await status(page, /2 rows:/);
  const lines = days.map((r) => [count(r.attempts), count(r.connected), share(r.asr.value)].join('\t'));
  await choose('Copy');
  assert.equal(await clipboard(page), lines.join('\n'));
  await choose('Copy with Headers');
  const day = (/** @type {any} */ r) => new Date(r.from_unix_s * 1000).toISOString().slice(0, 10);
  const whole = ['Period (UTC)\tAttempts\tConnected\tASR', ...lines.map((l, i) => `${day(days[i])}\t${l}`)];
  assert.equal(await clipboard(page), whole.join('\n')); // each row's heading goes with the columns'
  await drag(page, cell(first, 'attempts'), cell(last, 'asr'));
  await page.keyboard.press('Control+c');
  await until(() => clipboard(page), (text) => text === lines.join('\n'), 'what Ctrl+C copies');
});

check('export as CSV and XLSX, by right-click and by the button', { at: 'summary?tab=daily' }, async ({ page }) => {
  const days = (await fourDays()).slice(0, 3);
  const [first, second, last] = [await rowOf(page, days[0]), await rowOf(page, days[1]), await rowOf(page, days[2])];
  await drag(page, cell(first, 'attempts'), cell(last, 'asr'));
  await status(page, /3 rows:/);
  const head = ['Period (UTC)', 'Attempts', 'Connected', 'ASR', 'ASR (numerator)', 'ASR (denominator)'];
  const body = days.map((r) => [new Date(r.from_unix_s * 1000).toISOString().slice(0, 10), r.attempts, r.connected, r.asr.num / r.asr.den, r.asr.num, r.asr.den]);
  const byMenu = (/** @type {string} */ item) => saved(page, async () => {
    await cell(second, 'connected').click({ button: 'right' });
    await page.locator('.tabulator-menu-item').getByText(item, { exact: true }).click();
  });
  const csv = await byMenu('Export CSV');
  assert.match(csv.name, /^sipward-summary-daily-.*\.csv$/);
  assert.deepEqual(readCsv(readFileSync(csv.path, 'utf8')), [head, ...body.map((r) => r.map(String))]);
  const xlsx = await byMenu('Export XLSX');
  assert.match(xlsx.name, /\.xlsx$/);
  assert.deepEqual(readXlsx(xlsx.path), [head, ...body]);
  const whole = await saved(page, async () => {
    await page.getByRole('button', { name: 'Export' }).click();
    await page.getByRole('menuitem', { name: 'CSV' }).click();
  });
  assert.deepEqual(readCsv(readFileSync(whole.path, 'utf8')).slice(0, 1), [head]);
});

check('each row leads to the calls that it sums up', { at: 'summary?by=customer' }, async ({ page }) => {
  const api = await operator();
  const row = leastBusy(await api.list('/summaries?tab=live&by=customer'));
  await cell(await rowOf(page, row), 'period').getByRole('link').click({ delay: 100 }); // as a hand does
  await page.getByRole('heading', { name: 'Calls', exact: true }).waitFor();
  const query = (page.url().split('?')[1] ?? '').replace(/list=\w+&?/, '');
  const calls = await api.list(`/calls?${query}`);
  assert.equal(calls.length, row.attempts);
  assert.ok(calls.every((c) => c.customer === row.party));
  assert.equal(calls.filter((c) => c.answered).length, row.connected);
  assert.equal(calls.reduce((n, c) => n + c.duration_ms, 0), row.duration_ms);
  await until(() => page.locator('.list tbody tr').count(), (n) => n === Math.min(100, row.attempts), 'the calls listed');
});

check("a carrier's row leads to its attempts", { at: 'summary?by=carrier' }, async ({ page }) => {
  const api = await operator();
  const row = leastBusy(await api.list('/summaries?tab=live&by=carrier'));
  await cell(await rowOf(page, row), 'period').getByRole('link').click({ delay: 100 }); // as a hand does
  await page.getByRole('tab', { name: 'Attempts', selected: true }).waitFor();
  const attempts = await api.list(`/attempts?${(page.url().split('?')[1] ?? '').replace(/list=\w+&?/, '')}`);
  assert.equal(attempts.length, row.attempts);
  assert.equal(attempts.filter((a) => a.answered).length, row.connected);
});

check('one customer alone, chosen from the list', { at: 'summary?tab=daily' }, async ({ page }) => {
  const { id } = site.facts.parties.customers[1] ?? assert.fail();
  await page.getByRole('combobox', { name: 'Show' }).click();
  await page.getByRole('option', { name: id, exact: true }).click();
  const all = await (await operator()).list(`/summaries?tab=daily&by=customer:${id}`);
  const [day] = closed(all);
  const shown = cell(await rowOf(page, day), 'attempts');
  await until(() => shown.innerText(), (x) => x === count(day.attempts), `the attempts of ${id}`);
});

check('a customer sees its own sums', { as: 'customer', at: 'summary?tab=daily' }, async ({ page }) => {
  assert.equal(await page.getByRole('combobox', { name: 'Show' }).count(), 0);
  const all = await (await customer()).list('/summaries?tab=daily');
  const [day] = closed(all);
  const made = site.facts.history.days.find((x) => x.kind === 'customer' && x.party === site.customer.id && x.from_unix_s === day.from_unix_s);
  assert.equal(day.attempts, made.calls);
  assert.equal(await cell(await rowOf(page, day), 'attempts').innerText(), count(made.calls));
});
