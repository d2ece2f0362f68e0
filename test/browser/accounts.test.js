// Accounts, tokens for programs, and the log of who changed what.
import assert from 'node:assert/strict';
import { check, settled, until } from './lib/dashboard.js';
import { Api } from './lib/api.js';
import { customer, invite, operator, password, person, unique } from './lib/people.js';
import { site } from './lib/site.js';

/** @typedef {import('playwright-core').Page} Page */

/** @param {Page} page @param {string} name */
const row = (page, name) => page.getByRole('row').filter({ hasText: name });

check('an account is made, disabled and removed', { at: 'accounts' }, async ({ page }) => {
  const email = `${unique('someone')}@example.org`;
  await page.getByRole('button', { name: 'Add account' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'E-mail' }).fill(email);
  await dialog.getByRole('textbox', { name: 'Name' }).fill('Some One');
  await dialog.getByRole('combobox', { name: 'Customer' }).click();
  await page.getByRole('option', { name: site.customer.id, exact: true }).click();
  await dialog.getByRole('button', { name: 'Save' }).click();
  const link = await page.getByTestId('secret').innerText();
  assert.match(link, /\/#\/setup\/\S{20,}$/);
  await page.getByRole('dialog', { name: 'One-time link' }).getByRole('button', { name: 'Copy' }).click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), link);
  await page.getByRole('button', { name: 'Close' }).click();
  await row(page, email).getByText(`Customer · ${site.customer.id}`).waitFor();

  const owner = new Api(site.url);
  await owner.post('/setup', { token: link.split('/setup/')[1], name: 'Some One', email, password });
  await owner.login({ email, password });
  await owner.get('/me');
  await page.getByRole('button', { name: `Edit ${email}` }).click();
  await dialog.getByRole('switch', { name: 'Disabled: cannot log in' }).click();
  await dialog.getByRole('button', { name: 'Save' }).click();
  await until(() => row(page, email).innerText(), (text) => /disabled/.test(text), 'that it is disabled');
  await assert.rejects(owner.get('/me'), /401/); // at once

  await page.getByRole('button', { name: `Edit ${email}` }).click();
  await dialog.getByRole('button', { name: 'Remove' }).click();
  await row(page, email).waitFor({ state: 'detached' });
});

check('what is shown but once comes at once, and not over its form', { at: 'accounts' }, async ({ page }) => {
  /** @type {() => void} */
  let release = () => undefined;
  const held = new Promise((done) => { release = () => done(undefined); });
  const dialog = page.getByRole('dialog');
  const alone = async (/** @type {string} */ title, /** @type {string} */ opener) => {
    await page.getByTestId('secret').waitFor();
    assert.deepEqual(await dialog.getByRole('heading').allInnerTexts(), [title]);
    await page.getByRole('button', { name: 'Close' }).click();
    await dialog.waitFor({ state: 'detached' });
    await until(() => page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent), (x) => x === opener, 'the focus where it was');
  };
  const { email } = await invite('viewer');
  await page.reload();
  await page.getByRole('button', { name: 'Add account' }).waitFor();
  await row(page, email).waitFor();
  await page.getByRole('tab', { name: 'Tokens for programs' }).click();
  await page.getByRole('button', { name: 'Add token' }).waitFor();
  await settled(page);
  await page.route(/\/api\/v1\/(accounts|tokens|checklist)\b/, async (route) => { // the lists, which are asked for anew
    if (route.request().method() === 'GET') await held;
    await route.fallback().catch(() => undefined); // it may be over
  });
  await page.getByRole('button', { name: 'Add token' }).click();
  await dialog.getByRole('textbox', { name: 'Name' }).fill(unique('held'));
  await dialog.getByRole('button', { name: 'Save' }).click();
  await alone('Token', 'Add token');

  await page.getByRole('tab', { name: 'People' }).click();
  await page.getByRole('button', { name: `Edit ${email}` }).click();
  await dialog.getByRole('button', { name: 'New password link' }).click();
  await alone('One-time link', `Edit ${email}`);
  await page.getByRole('button', { name: 'Add account' }).click();
  await dialog.getByRole('textbox', { name: 'E-mail' }).fill(`${unique('held')}@example.org`);
  await dialog.getByRole('combobox', { name: 'Customer' }).click();
  await page.getByRole('option', { name: site.customer.id, exact: true }).click();
  await dialog.getByRole('button', { name: 'Save' }).click();
  await alone('One-time link', 'Add account');
  release();
});

check('a token is shown once, works, and is revoked', { at: 'accounts?tab=tokens' }, async ({ page }) => {
  const name = unique('billing');
  await page.getByRole('button', { name: 'Add token' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Name' }).fill(name);
  await dialog.getByRole('button', { name: 'Save' }).click();
  const program = new Api(site.url);
  program.token = await page.getByTestId('secret').innerText();
  await program.get('/summaries?tab=daily');
  await page.getByRole('button', { name: 'Close' }).click();
  await page.getByRole('button', { name: `Revoke ${name}` }).click();
  await page.getByText('The token is revoked.').waitFor();
  await row(page, name).waitFor({ state: 'detached' });
  await assert.rejects(program.get('/summaries?tab=daily'), /401/);
});

check('every change is in the audit log, with who and what', { at: 'audit' }, async ({ page }) => {
  const api = await operator();
  const name = unique('audited');
  const { token } = await api.post('/tokens', { name, role: 'viewer', customer: '', expires_unix_ms: Date.now() + 3_600_000 });
  await api.ask('DELETE', `/tokens/${token.id}`);
  await page.reload();
  const lines = await until(() => row(page, name).allInnerTexts(), (x) => x.length === 2, 'two lines on the token');
  for (const line of lines) assert.match(line, new RegExp(site.operator.email.replace('.', '\\.')));
  assert.match(lines.join(), /token\.\w+/);
});

check('a viewer has no accounts and no audit log, a customer no operator’s pages', { as: 'nobody', expect: [/\b403\b/] }, async ({ page, context, go }) => {
  const { cookieOf } = await import('./lib/dashboard.js');
  for (const [role, hidden] of /** @type {const} */ ([['viewer', ['Accounts', 'Audit log']], ['customer', ['Customers and carriers', 'Nodes', 'Alerts', 'Accounts', 'Audit log']]])) {
    const who = await person(role, role === 'customer' ? site.customer.id : '');
    await page.goto('about:blank'); // first: the page must not ask without its cookie
    await context.clearCookies();
    await context.addCookies([cookieOf(who.cookie)]);
    await go('graphs');
    const nav = page.getByRole('navigation', { name: 'Pages' });
    await nav.getByRole('link', { name: 'Graphs' }).waitFor();
    for (const name of hidden) assert.equal(await nav.getByRole('link', { name, exact: true }).count(), 0, `${role}: ${name}`);
    for (const path of ['accounts', 'audit']) {
      await go(path);
      await page.waitForURL(/#\/graphs/); // it is not a page of that account
      await assert.rejects(who.api.get(`/${path}`), /403/);
    }
  }
});

check('a customer finds its own number blocks and phones, and changes nothing', { as: 'customer', at: 'blocks' }, async ({ page, go }) => {
  const { blocks } = await (await customer()).get('/blocks');
  assert.ok(blocks.length > 0 && blocks.every((/** @type {{customer: string}} */ b) => b.customer === site.customer.id));
  const list = page.getByRole('region', { name: 'Number blocks' });
  for (const b of blocks) await list.getByText(`${b.first} – ${b.last}`).waitFor();
  assert.equal(await page.getByRole('button', { name: /^(Assign|Release)/ }).count(), 0);
  await list.getByRole('link', { name: 'Who is registered' }).first().click();
  await page.waitForURL(/registrations\?.*first=/);
  await page.getByRole('region', { name: 'Who is registered' }).waitFor();
  await go('registrations');
  await page.getByRole('region', { name: 'Refusals' }).waitFor();
});
