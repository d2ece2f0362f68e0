// Chromium, and how it comes to a page of the dashboard.
import { chromium } from 'playwright-core';
import { site } from './site.js';

/** @typedef {import('playwright-core').Page} Page */

export const desktop = { width: 1440, height: 900 };
export const phone = { width: 390, height: 844 };

/** @type {Promise<import('playwright-core').Browser> | undefined} */
let browser;

export function launched() {
  browser ??= chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
  return browser;
}

export async function close() {
  if (browser) await (await browser).close();
}

/** @param {string} pair as "name=value" */
export function cookieOf(pair) {
  const at = pair.indexOf('=');
  const { hostname } = new URL(site.url);
  return { name: pair.slice(0, at), value: pair.slice(at + 1), domain: hostname, path: '/', httpOnly: true, sameSite: /** @type {const} */ ('Strict') };
}

/**
 * Goes to a page of the dashboard and waits until it is there.
 * @param {Page} page
 * @param {string} path
 */
export async function visit(page, path) {
  const to = `${site.url}/#/${path}`;
  if (page.url() === to) await page.reload();
  else await page.goto(to);
  await settled(page);
}

/**
 * Waits until nothing on the page says that it is still waiting.
 * @param {Page} page
 */
export async function settled(page) {
  await page.locator('h1').first().waitFor();
  await page.waitForFunction(() => !document.querySelector('[role="status"] [class*="Loader"], .mantine-Loader-root'));
}
