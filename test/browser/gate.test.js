// The way in: logging in and out, lockout, one-time links, the second factor.
import assert from 'node:assert/strict';
import { check } from './lib/dashboard.js';
import { invite, password, person, unique } from './lib/people.js';
import { site } from './lib/site.js';
import { code, step } from './lib/totp.js';

/** @typedef {import('playwright-core').Page} Page */

const refused = [/\b4(01|22)\b/];

/** @param {Page} page @param {{email: string, password: string}} who */
async function fill(page, who) {
  await page.getByLabel('E-mail').fill(who.email);
  await page.getByRole('textbox', { name: 'Password' }).fill(who.password);
  await page.getByRole('button', { name: 'Log in' }).click();
}

/** @param {Page} page */
const isIn = (page) => page.getByTestId('account').waitFor();

check('an operator logs in, and out again', { as: 'nobody', at: '' }, async ({ page, go }) => {
  await fill(page, site.operator);
  await isIn(page);
  await page.getByRole('heading', { name: 'Graphs' }).waitFor();
  await page.getByTestId('account').click();
  await page.getByRole('menuitem', { name: 'Log out' }).click();
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  await go('summary');
  await page.getByRole('heading', { name: 'Log in' }).waitFor(); // and stays out
});

check('a link to a page leads there after the login', { as: 'nobody', at: 'calls?list=attempts' }, async ({ page }) => {
  await fill(page, site.operator);
  await page.getByRole('tab', { name: 'Attempts', selected: true }).waitFor();
});

check('a wrong password and an unknown name are told apart by nobody', { as: 'nobody', at: '', expect: refused }, async ({ page }) => {
  const { email } = await person('viewer');
  const said = [];
  for (const who of [{ email, password: 'not the password' }, { email: `${unique('nobody')}@example.org`, password: 'not the password' }]) {
    await fill(page, who);
    const alert = page.getByRole('alert').filter({ hasText: /\w/ });
    await alert.waitFor();
    said.push(await alert.innerText());
    await page.reload();
  }
  assert.match(said[0] ?? '', /e-mail.*password.*wrong/i);
  assert.equal(said[0], said[1]);
});

check('after five tries the page says how long to wait', { as: 'nobody', at: '', expect: [...refused, /\b429\b/] }, async ({ page }) => {
  const email = `${unique('nobody')}@example.org`;
  for (let i = 0; i < 6; i++) {
    const answer = page.waitForResponse((r) => r.url().endsWith('/session') && r.request().method() === 'POST');
    await fill(page, { email, password: `guess ${i}` });
    await answer;
  }
  await page.getByText(/Too many tries\. Wait \d+ seconds?, then try again\./).waitFor();
});

check('a one-time link sets the password, once', { as: 'nobody', expect: [/\b4(03|10)\b/] }, async ({ page }) => {
  const { email, link } = await invite('viewer');
  assert.match(link, /^http.*\/#\/setup\/.+/);
  await page.goto(link.replace(/^https?:\/\/[^/]+/, site.url));
  await page.getByRole('heading', { name: 'Set up your account' }).waitFor();
  const form = async (/** @type {string} */ again) => {
    await page.getByLabel('Name').fill('Vera Viewer');
    await page.getByLabel('E-mail').fill(email);
    await page.getByRole('textbox', { name: 'New password', exact: false }).first().fill(password);
    await page.getByRole('textbox', { name: 'New password, again' }).fill(again);
  };
  await form('something else entirely');
  await page.getByText('The two are not the same.').waitFor();
  await form(password);
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  await fill(page, { email, password });
  await isIn(page);
  await page.goto('about:blank'); // first: the page must not ask without its cookie
  await page.context().clearCookies();
  await page.goto(link.replace(/^https?:\/\/[^/]+/, site.url));
  await form(password);
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByRole('alert').filter({ hasText: /link was used/ }).waitFor();
});

check('the second factor: enabled, asked for, replaced by a recovery code, disabled', { as: 'nobody', expect: refused }, async ({ page, context, go }) => {
  const who = await person('customer', site.customer.id);
  await go('');
  await fill(page, who);
  await isIn(page);

  await go('account?tab=security');
  await page.getByRole('button', { name: 'Enable two-factor' }).click();
  await page.getByRole('img', { name: 'QR code for an authenticator app' }).waitFor();
  const secret = await page.locator('.mono').first().innerText();
  assert.match(secret, /^[A-Z2-7 ]{16,}$/);
  const begun = step();
  await page.getByRole('textbox', { name: /^Code/ }).fill(code(secret, begun));
  await page.getByRole('button', { name: 'Confirm' }).click();
  await page.getByRole('heading', { name: 'Recovery codes' }).waitFor();
  const codes = await page.locator('.codes li').allInnerTexts();
  assert.equal(codes.length, 10);
  await page.getByRole('button', { name: 'I have kept them' }).click();
  await page.getByText('10 recovery codes left.').waitFor();

  const again = async (/** @type {string} */ second) => {
    await context.clearCookies();
    await page.reload();
    await fill(page, who);
    await page.getByRole('heading', { name: 'Second factor' }).waitFor();
    await page.getByRole('textbox', { name: /^Code/ }).fill(second);
    await page.getByRole('button', { name: 'Log in' }).click();
  };
  const next = code(secret, begun + 1); // good for a minute yet, and each code once
  await again(next);
  await isIn(page);
  await again(next);
  await page.getByRole('alert').filter({ hasText: /code is wrong.*used/i }).waitFor();
  await again(codes[3] ?? '');
  await isIn(page);

  await go('account?tab=security');
  await page.getByText('9 recovery codes left.').waitFor();
  const disable = page.locator('section').filter({ hasText: 'Disable two-factor' });
  await disable.getByRole('textbox', { name: 'Current password' }).fill(who.password);
  await disable.getByRole('button', { name: 'Disable two-factor' }).click();
  await page.getByRole('button', { name: 'Enable two-factor' }).waitFor();
  await context.clearCookies();
  await page.reload();
  await fill(page, who);
  await isIn(page);
});
