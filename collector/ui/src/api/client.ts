import type { Problem, Session } from './types';

// ApiError is an answer that is not 2xx; status 0: the collector was not reached.
export class ApiError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail || problem.title);
    this.name = 'ApiError';
  }
  get status(): number {
    return this.problem.status;
  }
}

type Query = object;

let csrf = '';
let shortest = 0; // password; 0: not known yet
let expired: () => void = () => undefined;

// onExpired is told when a request shows that the session has ended.
export function onExpired(tell: () => void): void {
  expired = tell;
}

// keepSession remembers the token that the session's changes need.
export function keepSession(s: Session): Session {
  csrf = s.csrf ?? '';
  shortest = s.password_min;
  return s;
}

// passwordMin is how many characters the collector wants a new password to have.
export const passwordMin = (): number => shortest;

// address returns the URL of a path of the API. What is undefined or empty in the
// query is left out.
export function address(path: string, query: Query = {}): string {
  const q = new URLSearchParams();
  for (const [name, value] of Object.entries(query) as [string, unknown][]) {
    if (value !== undefined && value !== '' && value !== null) q.set(name, String(value));
  }
  const tail = q.toString();
  return `/api/v1${path}${tail ? `?${tail}` : ''}`;
}

async function request<T>(method: string, path: string, query?: Query, body?: unknown, signal?: AbortSignal): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json, application/problem+json' };
  if (method !== 'GET') headers['X-CSRF'] = csrf;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  let answer: Response;
  try {
    answer = await fetch(address(path, query), {
      method,
      headers,
      credentials: 'same-origin',
      cache: 'no-store',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
  } catch (e) {
    if (e instanceof DOMException && e.name === 'AbortError') throw e;
    throw new ApiError({ title: 'unreachable', status: 0 });
  }
  if (!answer.ok) {
    const problem = await readProblem(answer);
    if (answer.status === 401 && !path.startsWith('/session') && path !== '/setup') expired();
    throw new ApiError(problem);
  }
  if (answer.status === 204) return undefined as T;
  return (await answer.json()) as T;
}

async function readProblem(answer: Response): Promise<Problem> {
  const problem: Problem = { title: answer.statusText || `HTTP ${answer.status}`, status: answer.status };
  if (!/json/.test(answer.headers.get('Content-Type') ?? '')) return problem;
  try {
    return { ...problem, ...((await answer.json()) as Partial<Problem>), status: answer.status };
  } catch {
    return problem; // cut off on the way: its status says enough
  }
}

export const api = {
  get: <T>(path: string, query?: Query, signal?: AbortSignal) => request<T>('GET', path, query, undefined, signal),
  post: <T>(path: string, body?: unknown) => request<T>('POST', path, undefined, body ?? {}),
  put: <T>(path: string, body: unknown) => request<T>('PUT', path, undefined, body),
  patch: <T>(path: string, body: unknown, query?: Query) => request<T>('PATCH', path, query, body),
  delete: <T>(path: string, query?: Query, body?: unknown) => request<T>('DELETE', path, query, body),
};
