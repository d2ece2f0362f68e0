import { afterEach, describe, expect, it, vi } from 'vitest';
import { address, api, ApiError, keepSession, onExpired } from '../src/api/client';
import { fieldText, problemText } from '../src/parts/forms';
import de from '../src/i18n/de.json';
import en from '../src/i18n/en.json';
import { makeT } from '../src/i18n/i18n';

type Call = [string, RequestInit];
function stub(status: number, body?: unknown, type = 'application/json') {
  const fetched = vi.fn<(url: string, init: RequestInit) => Promise<Response>>(() =>
    Promise.resolve(new Response(body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body), { status, headers: { 'Content-Type': type } })));
  vi.stubGlobal('fetch', fetched);
  return fetched;
}
const caught = async (p: Promise<unknown>): Promise<ApiError> => p.then(() => { throw new Error('it did not fail'); }, (e: unknown) => e as ApiError);
const headers = (call: Call | undefined) => (call?.[1].headers ?? {}) as Record<string, string>;

afterEach(() => {
  vi.unstubAllGlobals();
  onExpired(() => undefined);
});

describe('the client', () => {
  it('leaves out what is not asked, and escapes the rest', () => {
    expect(address('/calls', { a: undefined, b: '', number: '+49 1&x', answered: false })).toBe('/api/v1/calls?number=%2B49+1%26x&answered=false');
  });
  it('sends the token of the session with changes only', async () => {
    keepSession({ state: 'in', password_min: 10, csrf: 'abc' });
    const fetched = stub(200, {});
    await api.get('/me');
    await api.patch('/me', { name: 'x' });
    expect(headers(fetched.mock.calls[0])['X-CSRF']).toBeUndefined();
    expect(headers(fetched.mock.calls[1])['X-CSRF']).toBe('abc');
    expect(fetched.mock.calls[1]?.[1].body).toBe('{"name":"x"}');
  });
  it('takes 204 for an answer', async () => {
    stub(204);
    await expect(api.delete('/session')).resolves.toBeUndefined();
  });
  it('reads problems', async () => {
    stub(409, { type: '/api/v1/openapi.yaml#conflict', title: 'Conflict', status: 409, detail: 'version 8 is newer' }, 'application/problem+json');
    const e = await caught(api.get('/parties'));
    expect(e.status).toBe(409);
    expect(e.message).toBe('version 8 is newer');
    expect(problemText(makeT(en), e.problem)).toBe(en['error.conflict']);
  });
  it('says what is wrong with a field in the language of the account, else as the collector did', () => {
    keepSession({ state: 'in', password_min: 10, csrf: 'abc' });
    const p = { type: '/api/v1/openapi.yaml#weak-password', title: '', status: 422, detail: 'd', fields: { new: 'it has 3 characters', range: 'it overlaps' }, words: { new: 'short' } };
    expect(fieldText(makeT(de), p, 'new')).toBe('Mindestens 10 Zeichen sind nötig.');
    expect(fieldText(makeT(de), { ...p, words: { first: 'overlap' }, values: { first: { block: '2000-2999', customer: 'globex' } } }, 'first')).toBe('Das überschneidet sich mit 2000-2999 von globex.');
    expect(fieldText(makeT(de), p, 'range')).toBe('it overlaps');
    expect(problemText(makeT(en), p)).toBe('At least 10 characters are needed. it overlaps');
  });
  it('bears answers that are no JSON, and broken ones', async () => {
    stub(502, '<html>bad gateway</html>', 'text/html');
    expect((await caught(api.get('/me'))).status).toBe(502);
    stub(500, '{"title":', 'application/problem+json');
    expect((await caught(api.get('/me'))).status).toBe(500);
  });
  it('says when nothing answers', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')));
    expect((await caught(api.get('/me'))).status).toBe(0);
  });
  it('tells of a session that has ended, but not of a wrong password', async () => {
    const told = vi.fn();
    onExpired(told);
    stub(401, { title: 'Unauthorized' });
    await caught(api.post('/session', {}));
    expect(told).not.toHaveBeenCalled();
    await caught(api.get('/me'));
    expect(told).toHaveBeenCalledOnce();
  });
});
