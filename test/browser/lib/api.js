// The API as a program uses it: to prepare what a test looks at, and to hold what the
// page shows against what the collector says.

/** An answer that is not 2xx. */
export class ApiError extends Error {
  /** @param {number} status @param {string} text */
  constructor(status, text) {
    super(`${status}: ${text}`);
    this.status = status;
  }
}

export class Api {
  cookie = '';
  csrf = '';
  token = '';

  /** @param {string} url the dashboard's, without a path */
  constructor(url) {
    this.url = url;
  }

  /**
   * @param {string} method
   * @param {string} path below /api/v1
   * @param {unknown} [body]
   * @returns {Promise<any>}
   */
  async ask(method, path, body) {
    /** @type {Record<string, string>} */
    const headers = {};
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    if (this.cookie) headers.Cookie = this.cookie;
    if (this.csrf && method !== 'GET') headers['X-CSRF'] = this.csrf;
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    const answer = await fetch(`${this.url}/api/v1${path}`, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const set = answer.headers.getSetCookie()[0];
    if (set) this.cookie = set.split(';', 1)[0] ?? '';
    const text = await answer.text();
    if (!answer.ok) throw new ApiError(answer.status, `${method} ${path}: ${text}`);
    return text ? JSON.parse(text) : undefined;
  }

  /** @param {string} path @returns {Promise<any>} */
  get(path) {
    return this.ask('GET', path);
  }

  /** @param {string} path @param {unknown} [body] @returns {Promise<any>} */
  post(path, body = {}) {
    return this.ask('POST', path, body);
  }

  /**
   * Every page of a list.
   * @param {string} path
   * @returns {Promise<any[]>}
   */
  async list(path) {
    const all = [];
    let after = '';
    do {
      const page = await this.get(`${path}${path.includes('?') ? '&' : '?'}limit=1000${after && `&after=${encodeURIComponent(after)}`}`);
      all.push(...page.items);
      after = page.next ?? '';
    } while (after);
    return all;
  }

  /** @param {import('./site.js').Login} who */
  async login(who) {
    const session = await this.post('/session', { email: who.email, password: who.password });
    this.csrf = session.csrf ?? '';
    return session.state;
  }
}

/**
 * An API that has a session already.
 * @param {string} url
 * @param {string} cookie
 */
export async function resume(url, cookie) {
  const api = new Api(url);
  api.cookie = cookie;
  api.csrf = (await api.get('/session')).csrf;
  return api;
}
