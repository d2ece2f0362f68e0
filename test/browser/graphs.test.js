// Graphs: four figures over time, held against what the API says.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { check, launched, saved, settled, until } from './lib/dashboard.js';
import { calm, card, chart, hover, listen, pointAt, seconds, titles } from './lib/charts.js';
import { operator } from './lib/people.js';
import { readCsv } from './lib/files.js';
import { site } from './lib/site.js';

/** @typedef {import('./lib/charts.js').Figure} Figure */

// A day of the history: what runs now is drawn with a step more, from the live figures.
const day = `from=${site.facts.history.to_unix_s - (site.facts.history.to_unix_s % 3600) - 90_000}&to=${site.facts.history.to_unix_s - (site.facts.history.to_unix_s % 3600) - 3600}`;
const figures = /** @type {Figure[]} */ (Object.keys(titles));

/** The last point that has a value in each figure. @param {Map<string, {series: any}>} all */
function busyPoint(all) {
  const lines = figures.map((f) => all.get(f)?.series.lines[0]);
  for (let i = lines[0].num.length - 1; i >= 0; i--) {
    if (lines.every((l, n) => l.num[i] !== null && (n === 0 || l.den[i] > 0))) return i;
  }
  assert.fail('no step of the day has all four figures');
}

check('tooltips name numerator and denominator, and all four charts share the crosshair', async ({ page, go }) => {
  const series = listen(page);
  await go(`graphs?${day}`);
  const all = await series.all();
  const i = busyPoint(all);
  const points = all.get('asr')?.series.points;
  const tips = await hover(page, 'asr', i, points);
  const of = (/** @type {Figure} */ f) => all.get(f)?.series.lines[0];
  const count = (/** @type {number} */ n) => new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 }).format(n);
  for (const f of /** @type {const} */ (['asr', 'dtmf'])) {
    const [num, den] = [of(f).num[i], of(f).den[i]];
    assert.match(tips[f], new RegExp(`${((100 * num) / den).toFixed(1)} %\\s*${count(num)} / ${count(den)}`), f);
  }
  assert.match(tips.acd, new RegExp(`${count(of('acd').num[i])} s / ${count(of('acd').den[i])}`));
  assert.match(tips.channels, new RegExp(`${count(of('channels').num[i])}\\s*${count(of('channels').answered[i])} answered`));
  const times = new Set(Object.values(tips).map((t) => t.split('\n')[0]));
  assert.equal(times.size, 1, [...times].join());
  const lines = await page.locator('.u-cursor-x').evaluateAll((all) => all.map((x) => new DOMMatrix(getComputedStyle(x).transform).e));
  assert.equal(lines.length, 4);
  assert.ok(lines.every((x) => Math.abs(x - (lines[0] ?? 0)) < 2), `crosshairs at ${lines}`);
});

check('the figure beside a title is that of the newest point', async ({ page, go }) => {
  const series = listen(page);
  await go(`graphs?${day}`);
  const { num, den } = (await series.all()).get('asr')?.series.lines[0];
  const i = num.findLastIndex((/** @type {number | null} */ n, /** @type {number} */ at) => n !== null && den[at] > 0);
  assert.equal(await card(page, 'asr').locator('.now').innerText(), `${((100 * num[i]) / den[i]).toFixed(1)} %`);
});

check('ranges from an hour to a month', async ({ page, go }) => {
  const series = listen(page);
  await go('graphs');
  await series.all('of 24 hours, unless another range is chosen', (q) => seconds(q) === 86_400);
  const ranges = { '1 hour': 3600, '6 hours': 21_600, '24 hours': 86_400, '7 days': 604_800, '30 days': 2_592_000 };
  for (const [label, long] of Object.entries(ranges)) {
    if (label === '24 hours') await page.reload(); // else they are still there from the first, and not asked for again
    series.forget();
    await page.getByRole('radiogroup', { name: 'Time range' }).getByText(label, { exact: true }).click();
    await until(() => page.getByRole('radio', { name: label }).isChecked(), (x) => x, label);
    await series.all(`of ${label}`, (q) => seconds(q) === long);
  }
});

check('one carrier alone, each customer, and back to all', async ({ page, go }) => {
  const { carriers, customers } = await (await operator()).get('/parties');
  const series = listen(page);
  await go('graphs?range=1h');
  await series.all();
  const show = async (/** @type {string} */ option, /** @type {string} */ by) => {
    series.forget();
    await page.getByRole('combobox', { name: 'Show' }).click();
    await page.getByRole('option', { name: option, exact: true }).click();
    return (await series.all(`by ${by}`, (q) => q.get('by') === by)).get('asr');
  };
  const one = await show(carriers[0].id, `carrier:${carriers[0].id}`);
  assert.deepEqual(one?.series.lines.map((/** @type {any} */ l) => `${l.kind} ${l.party}`), [`carrier ${carriers[0].id}`]);
  const each = await show('Each customer', 'customer');
  const legend = card(page, 'asr').locator('.legend');
  for (const c of customers) await legend.getByText(c.id).first().waitFor();
  assert.ok((each?.series.lines.length ?? 0) >= 2);
  await page.getByRole('combobox', { name: 'Show' }).click();
  await page.getByRole('option', { name: 'Total', exact: true }).click();
  await legend.waitFor({ state: 'detached' });
});

check('dragging zooms all four, a double click shows all again', async ({ page, go }) => {
  const series = listen(page);
  await go('graphs?range=24h');
  const before = (await series.all()).get('channels');
  const points = before?.series.points;
  await calm();
  const a = await pointAt(page, 'channels', Math.round(points * 0.7), points);
  const b = await pointAt(page, 'channels', Math.round(points * 0.9), points);
  series.forget();
  await page.mouse.move(a.x, a.y);
  await page.mouse.down();
  await page.mouse.move(b.x, b.y, { steps: 5 });
  await page.mouse.up();
  const after = await series.all('of less than 24 hours', (q) => seconds(q) < 86_400);
  const wide = 86_400 * 0.2;
  for (const { query } of after.values()) {
    const got = seconds(query);
    assert.ok(got > wide * 0.8 && got < wide * 1.2 + 1800, `zoomed to ${got} s instead of about ${wide} s`);
    assert.equal(query.get('from'), after.get('asr')?.query.get('from'));
  }
  await page.getByRole('button', { name: /: show all$/ }).waitFor();
  assert.match(page.url(), /from=\d+&to=\d+/); // can be sent to somebody
  await chart(page, 'dtmf').locator('.u-over').dblclick();
  await page.getByRole('button', { name: /: show all$/ }).waitFor({ state: 'detached' });
  assert.doesNotMatch(page.url(), /from=/);
});

check('what nobody watched is a gap, not zero', { expect: [/willReadFrequently/] }, async ({ page, go }) => {
  const series = listen(page);
  const begin = site.facts.history.from_unix_s;
  await go(`graphs?from=${begin - 86_400}&to=${begin + 86_400}`);
  const all = await series.all();
  const { num } = all.get('channels')?.series.lines[0];
  const points = num.length;
  const gap = Math.round(points / 4);
  assert.equal(num[gap], null, 'nobody watched before the history begins');
  const tips = await hover(page, 'channels', gap, points);
  assert.match(tips.channels, /No data/);
  const drawn = await inkAt(page, 'channels', gap / (points - 1));
  assert.equal(drawn, 0, 'the line goes through a gap');
  const there = num.findLastIndex((/** @type {number | null} */ n) => (n ?? 0) > 0);
  assert.ok(await inkAt(page, 'channels', there / (points - 1)) > 0, 'nothing is drawn where there are calls');
});

/**
 * How many pixels of a chart have the colour of its first line, in the column at a
 * share of its width.
 * @param {import('playwright-core').Page} page
 * @param {Figure} figure
 * @param {number} share
 */
async function inkAt(page, figure, share) {
  await page.mouse.move(1, 1);
  return chart(page, figure).evaluate((box, at) => {
    const canvas = /** @type {HTMLCanvasElement} */ (box.querySelector('canvas'));
    const over = /** @type {HTMLElement} */ (box.querySelector('.u-over')).getBoundingClientRect();
    const to = canvas.width / canvas.clientWidth;
    const x = Math.min(canvas.width - 2, Math.round((over.left - canvas.getBoundingClientRect().left + at * over.width) * to));
    const { data } = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d')).getImageData(x - 1, 0, 3, canvas.height);
    let n = 0;
    for (let i = 0; i < data.length; i += 4) {
      const [r, g, b] = [data[i] ?? 0, data[i + 1] ?? 0, data[i + 2] ?? 0];
      if ((data[i + 3] ?? 0) > 200 && Math.abs(r - 0x0e) < 24 && Math.abs(g - 0x6f) < 24 && Math.abs(b - 0x86) < 24) n++;
    }
    return n;
  }, share);
}

check('a time that a node has not yet delivered is marked', async ({ page, go }) => {
  const series = listen(page);
  await go('graphs?range=1h');
  const points = (await series.all()).get('channels')?.series.points;
  const tip = async () => (await hover(page, 'channels', points, points + 1)).channels; // the minute that runs
  await until(tip, (text) => /A node has not delivered all of this yet/.test(text), 'the minute that runs, marked');
});

check('a chart is saved as CSV with every number that it shows', async ({ page, go }) => {
  const series = listen(page);
  await go(`graphs?${day}`);
  const { series: s } = (await series.all()).get('asr') ?? assert.fail();
  const file = await saved(page, () => page.getByRole('button', { name: 'Save ASR as CSV' }).click());
  assert.match(file.name, /^sipward-asr-total-.*\.csv$/);
  const [head, ...rows] = readCsv(readFileSync(file.path, 'utf8'));
  assert.deepEqual(head, ['time_utc', 'party', 'numerator', 'denominator', 'asr', 'pending']);
  assert.equal(rows.length, s.points);
  rows.forEach((row, i) => {
    assert.equal(row[0], new Date((s.from_unix_s + i * s.step_s) * 1000).toISOString());
    assert.deepEqual(row.slice(2, 4), [s.lines[0].num[i] ?? '', s.lines[0].den[i] ?? ''].map(String));
  });
});

check('a chart is saved as PNG', async ({ page, go }) => {
  await go('graphs?range=24h');
  await chart(page, 'channels').locator('.u-over').waitFor();
  const file = await saved(page, () => page.getByRole('button', { name: 'Save Live channels as PNG' }).click());
  assert.match(file.name, /^sipward-channels-total-.*\.png$/);
  const png = readFileSync(file.path);
  assert.equal(png.toString('latin1', 1, 4), 'PNG');
  assert.ok(png.readUInt32BE(16) > 400 && png.readUInt32BE(20) > 200);
  const blank = await (await launched()).newPage();
  const colours = await blank.evaluate(async (data) => {
    const image = new Image();
    image.src = data;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height);
    const ctx = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext('2d'));
    ctx.drawImage(image, 0, 0);
    return new Set(new Uint32Array(ctx.getImageData(0, 0, image.width, image.height).data.buffer)).size;
  }, `data:image/png;base64,${png.toString('base64')}`);
  await blank.close();
  assert.ok(colours > 20, `${colours} colours: a blank picture`);
});

check('a customer sees its own figures, and can ask for no other', { as: 'customer', expect: [/\b403\b/], at: 'graphs?by=total&range=1h' }, async ({ page }) => {
  assert.equal(await page.getByRole('combobox', { name: 'Show' }).count(), 0);
  const other = (await (await operator()).get('/parties')).customers.find((/** @type {any} */ c) => c.id !== site.customer.id);
  const series = listen(page);
  await page.goto(`${site.url}/#/graphs?range=1h`);
  await page.reload();
  await settled(page);
  for (const { series: s } of (await series.all()).values()) assert.ok(s.lines.every((/** @type {any} */ l) => l.party === '' || l.party === site.customer.id));
  const status = await page.evaluate(async (id) => {
    const at = Math.floor(Date.now() / 60_000) * 60;
    const answer = await fetch(`/api/v1/series?figure=asr&by=customer:${id}&from=${at - 3600}&to=${at}&step=60`);
    return answer.ok ? (await answer.json()).lines.map((/** @type {any} */ l) => l.party).join() : answer.status;
  }, other.id);
  assert.notEqual(status, other.id, 'figures of another customer');
});
