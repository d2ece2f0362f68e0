// People that a test makes for itself, so that what it changes is nobody else's.
import { randomBytes } from 'node:crypto';
import { Api, resume } from './api.js';
import { site } from './site.js';

/** @returns {Promise<Api>} */
export const operator = () => resume(site.url, site.operator.cookie);

/** @returns {Promise<Api>} */
export const customer = () => resume(site.url, site.customer.cookie);

/** A name that no other test has. @param {string} what */
export const unique = (what) => `${what}-${randomBytes(4).toString('hex')}`;

export const password = 'correct horse battery staple';

/**
 * The set-up link of a new account.
 * @param {'operator' | 'viewer' | 'customer'} role
 * @param {string} [of] the customer, of a customer's account
 */
export async function invite(role, of = '') {
  const api = await operator();
  const email = `${unique(role)}@example.org`;
  const made = await api.post('/accounts', { email, name: '', role, customer: of });
  return { email, link: /** @type {string} */ (made.link), id: /** @type {string} */ (made.account.id) };
}

/**
 * An account that is logged in.
 * @param {'operator' | 'viewer' | 'customer'} role
 * @param {string} [of]
 */
export async function person(role, of = '') {
  const { email, link, id } = await invite(role, of);
  const api = new Api(site.url);
  await api.post('/setup', { token: link.split('/setup/')[1], name: `Test ${role}`, email, password });
  await api.login({ email, password });
  return { email, password, id, cookie: api.cookie, api };
}
