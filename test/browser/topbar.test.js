// The bar at the top: checklist, clock, channels, balance, account.
import assert from 'node:assert/strict';
import { check, cookieOf, until } from './lib/dashboard.js';
import { Api } from './lib/api.js';
import { operator, person, unique } from './lib/people.js';
import { site } from './lib/site.js';

check('the bell counts what is open, and leads to where it is done', { at: 'graphs' }, async ({ page }) => {
  const api = await operator();
  const bell = page.getByTestId('bell');
  const { list } = await until( // other tests make accounts and alerts meanwhile
    async () => ({ list: await api.get('/checklist'), shown: await bell.innerText() }),
    (x) => x.shown === String(x.list.open), 'the count at the bell', 60_000,
  );
  const where = { first_node: 'nodes', customers: 'parties', carriers: 'parties', blocks: 'blocks', two_factor: /accounts|account\?tab=security/, email: 'alerts' };
  const words = {
    first_node: 'Connect the first node', customers: 'Define customers', carriers: 'Define carriers', blocks: 'Assign number blocks',
    two_factor: 'Two-factor for every account', email: 'Test the delivery of e-mail',
  };
  await bell.click();
  const panel = page.getByRole('dialog', { name: 'Checklist' });
  for (const item of list.items) {
    const id = /** @type {keyof typeof words} */ (item.id);
    const row = panel.getByRole('listitem').filter({ hasText: words[id] });
    assert.match(await row.innerText(), item.done ? /\(done\)/ : /\(to do\)/, id);
    if (!item.done) assert.match((await row.getByRole('link').getAttribute('href')) ?? '', new RegExp(where[id]), id);
  }
  assert.ok(list.items.some((/** @type {any} */ i) => i.id === 'first_node' && i.done), 'the nodes of the demo are connected');
  const open = list.items.find((/** @type {any} */ i) => !i.done);
  assert.ok(open, 'nothing is open: the test accounts have no second factor');
  await panel.getByRole('link', { name: words[/** @type {keyof typeof words} */ (open.id)] }).click();
  await panel.waitFor({ state: 'hidden' });
  assert.doesNotMatch(page.url(), /#\/graphs/);
});

check('a time zone is searched for, kept with the account, and followed by lists but not by summaries', { as: 'nobody' }, async ({ page, context, go }) => {
  const who = await person('operator');
  await context.addCookies([cookieOf(who.cookie)]);
  const { items: [call] } = await who.api.get('/calls?limit=1&to=' + (Date.now() - 60_000));
  const inZone = (/** @type {string} */ timeZone) => new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(call.invited_unix_ms);
  const row = `calls?call_id=${encodeURIComponent(call.call_id)}`;
  await go(row);
  await page.getByRole('link', { name: inZone('UTC') }).waitFor();

  const clock = page.getByTestId('clock');
  await clock.click();
  const search = page.getByRole('combobox', { name: 'Time zone' });
  await search.fill('kathm');
  await page.getByRole('option', { name: 'Asia/Kathmandu' }).click();
  await page.getByRole('link', { name: inZone('Asia/Kathmandu') }).waitFor();
  const said = await clock.innerText();
  const now = new Intl.DateTimeFormat('en-GB', { timeZone: 'Asia/Kathmandu', hour: '2-digit', minute: '2-digit' });
  assert.ok([0, 60_000].some((ms) => said.startsWith(now.format(Date.now() - ms))), said);

  await page.reload(); // kept
  await page.getByRole('link', { name: inZone('Asia/Kathmandu') }).waitFor();
  assert.equal((await who.api.get('/me')).time_zone, 'Asia/Kathmandu');

  const hour = (/** @type {number} */ ms) => new Date(ms).toISOString().slice(0, 13).replace('T', ' ') + ':00';
  const before = Date.now() - 5_000; // for which the collector may keep an answer
  await go('summary');
  const first = await page.locator('.tabulator-row a').first().innerText();
  assert.ok([before, Date.now()].map(hour).includes(first), first);
  await page.getByRole('columnheader', { name: 'Period (UTC)' }).waitFor();
  await page.getByText('All times on it are 24-hour UTC.').waitFor();

  await go('graphs?range=24h');
  const chart = page.getByRole('application').first();
  const [time] = await until(async () => {
    await page.mouse.move(1, 1); // a chart that is drawn anew says nothing before the mouse moves
    await chart.hover();
    return chart.locator('.charttip:visible .time').allInnerTexts();
  }, (x) => x.length === 1, 'the tooltip');
  const shown = /(\d\d):(\d\d)/.exec(time ?? '');
  assert.ok(shown && Number(shown[2]) % 15 === 0 || Number(shown?.[2]) % 5 === 0, String(shown)); // of a zone 5:45 ahead
});

check('the channel count is that of the calls in progress, anew each second', { at: 'graphs' }, async ({ page }) => {
  const source = await page.evaluateHandle(() => {
    const live = new EventSource('/api/v1/live');
    const seen = /** @type {any[]} */ ([]);
    live.addEventListener('live', (e) => seen.push({ at: performance.now(), ...JSON.parse(/** @type {MessageEvent} */ (e).data) }));
    return seen;
  });
  const frames = await until(() => source.evaluate((x) => x), (x) => x.length >= 6, 'six frames', 15_000);
  const apart = (frames.at(-1).at - frames[1].at) / (frames.length - 2); // the first comes at once
  assert.ok(apart > 800 && apart < 2000, `frames came ${apart} ms apart`);
  const channels = page.getByTestId('channels');
  await until(async () => {
    const last = (await source.evaluate((x) => x)).at(-1);
    return [Number((await channels.locator('b').innerText()).replaceAll(',', '')), last.setup + last.answered];
  }, ([shown, live]) => shown === live && (shown ?? 0) > 0, 'the count shown and the live one');

  await channels.hover();
  const tip = page.getByRole('tooltip');
  const facts = await until(async () => {
    const text = await tip.innerText();
    const n = (/** @type {string} */ word) => Number(new RegExp(`${word}\\s+([\\d,]+)`).exec(text)?.[1]?.replaceAll(',', ''));
    return { answered: n('Answered'), setup: n('Being set up'), total: Number((await channels.locator('b').innerText()).replaceAll(',', '')) };
  }, (f) => f.answered + f.setup === f.total, 'answered and being set up, of all');
  assert.ok(facts.total > 0);
  const before = await tip.innerText();
  await until(() => tip.innerText(), (now) => now !== before, 'the split, a moment later'); // it lives
});

check("a customer's channel count is its own", { as: 'customer', at: 'graphs' }, async ({ page }) => {
  const live = await page.evaluate(() => new Promise((done) => {
    new EventSource('/api/v1/live').addEventListener('live', (e) => done(JSON.parse(/** @type {MessageEvent} */ (e).data)));
  }));
  assert.deepEqual(live.parties.map((/** @type {any} */ p) => `${p.kind} ${p.id}`), [`customer ${site.customer.id}`]);
  assert.equal(live.setup + live.answered, live.parties[0].setup + live.parties[0].answered);
  await page.getByTestId('channels').hover();
  await page.getByRole('tooltip').waitFor();
  assert.equal(await page.getByTestId('bell').count(), 0); // the checklist is the operator's
});

check('a balance comes from the billing system by a token, and is hidden where none is set', { as: 'nobody' }, async ({ page, context, go }) => {
  const api = await operator();
  const who = await person('customer', site.customer.id);
  await context.addCookies([cookieOf(who.cookie)]);
  const { secret } = await api.post('/tokens', { name: unique('billing'), role: 'operator', customer: '', expires_unix_ms: Date.now() + 3_600_000 });
  const billing = new Api(site.url);
  billing.token = secret;
  const at = `/balances/${encodeURIComponent(site.customer.id)}`;
  await billing.ask('DELETE', at).catch(() => undefined);
  await go('graphs');
  assert.equal(await page.getByTestId('balance').count(), 0);
  await billing.ask('PUT', at, { amount: '-12.50', currency: 'EUR', payment_url: 'https://pay.example.org/acme' });
  await page.reload();
  const balance = page.getByTestId('balance');
  await balance.waitFor();
  assert.match(await balance.innerText(), /-€12\.50\s*Pay/);
  assert.equal(await balance.getAttribute('href'), 'https://pay.example.org/acme');
  assert.equal(await balance.getAttribute('rel'), 'noopener noreferrer');
  assert.match((await balance.getAttribute('title')) ?? '', /as of \d\d\/\d\d\/\d{4}/);
  await billing.ask('DELETE', at);
  await page.reload();
  await page.getByTestId('account').waitFor();
  assert.equal(await page.getByTestId('balance').count(), 0);
});

check('the own profile is edited; e-mail and role are not', { as: 'nobody' }, async ({ page, context, go }) => {
  const who = await person('customer', site.customer.id);
  await context.addCookies([cookieOf(who.cookie)]);
  await go('graphs');
  await page.getByTestId('account').click();
  await page.getByRole('menuitem', { name: 'Profile' }).click();
  for (const fixed of ['E-mail', 'Role']) assert.equal(await page.getByRole('textbox', { name: fixed }).isEditable(), false, fixed);
  const profile = { Name: 'Carla Customer', Phone: '+49 30 1234567', Mobile: '+49 170 1234567', Department: 'Voice' };
  for (const [label, text] of Object.entries(profile)) await page.getByLabel(label, { exact: true }).fill(text);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved.').waitFor();
  await page.reload();
  for (const [label, text] of Object.entries(profile)) assert.equal(await page.getByLabel(label, { exact: true }).inputValue(), text);
  assert.match(await page.getByTestId('account').innerText(), /Carla Customer/);
});

check("a customer's company profile", { as: 'customer', at: 'account?tab=company' }, async ({ page }) => {
  const name = unique('Example Telecom');
  await page.getByRole('textbox', { name: 'Company', exact: true }).fill(name);
  await page.getByRole('textbox', { name: 'Address' }).fill('1 Example Street\n12345 Example City');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved.').waitFor();
  await page.reload();
  await until(() => page.getByRole('textbox', { name: 'Company', exact: true }).inputValue(), (x) => x === name, "the company's name");
});

check('the password is changed, and other sessions end', { as: 'nobody', expect: [/\b4(01|22)\b/] }, async ({ page, context, go }) => {
  const who = await person('viewer');
  await context.addCookies([cookieOf(who.cookie)]);
  const other = new Api(site.url);
  await other.login(who);
  await other.get('/me');
  await go('account?tab=password');
  const change = async (/** @type {string} */ current, /** @type {string} */ next) => {
    await page.getByRole('textbox', { name: 'Current password' }).fill(current);
    await page.getByRole('textbox', { name: /^New password(?!, again)/ }).fill(next);
    await page.getByRole('textbox', { name: 'New password, again' }).fill(next);
    await page.getByRole('button', { name: 'Change password' }).click();
  };
  await change('not the password', 'another long enough password');
  await page.getByText(/password is wrong/).first().waitFor();
  await change(who.password, 'another long enough password');
  await page.getByText('Password changed.').waitFor();
  await assert.rejects(other.get('/me'), /401/);
  await other.login({ email: who.email, password: 'another long enough password' });
  await page.reload();
  await page.getByTestId('account').waitFor(); // this session goes on
});

check('English and German', { as: 'nobody' }, async ({ page, context, go }) => {
  const who = await person('operator');
  await context.addCookies([cookieOf(who.cookie)]);
  await go('graphs');
  await page.getByTestId('account').click();
  await page.getByRole('menuitem', { name: 'Deutsch' }).click();
  await page.getByRole('heading', { name: 'Grafiken' }).waitFor();
  assert.equal(await page.locator('html').getAttribute('lang'), 'de');
  assert.equal((await who.api.get('/me')).language, 'de');
  await page.reload();
  await page.getByRole('navigation', { name: 'Seiten' }).waitFor();
  assert.doesNotMatch(await page.locator('body').innerText(), /\b(Graphs|Summary|Calls|Customers|Number blocks)\b/);
  await page.getByTestId('account').click();
  await page.getByRole('menuitem', { name: 'English' }).click();
  await page.getByRole('navigation', { name: 'Pages' }).waitFor();
});
