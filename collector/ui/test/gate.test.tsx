import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { act, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Gate } from '../src/shell/Gate';
import { pagesFor } from '../src/shell/pages';
import { answer, live, me, type World } from './mock/api';

// The charts need a canvas, which is for the tests in a browser.
vi.mock('../src/pages/Graphs', () => ({ default: () => <h1>Graphs</h1> }));

let world: World;
let asked: string[];

beforeEach(() => {
  world = { session: 'none', me: { ...me } };
  asked = [];
  location.hash = '';
  localStorage.clear();
  vi.stubGlobal('EventSource', class {
    addEventListener(_: string, tell: (e: { data: string }) => void): void { tell({ data: JSON.stringify(live(0)) }); }
    close(): void { /* nothing is open */ }
  });
  vi.stubGlobal('fetch', (text: string, init: RequestInit) => {
    const url = new URL(text, 'http://localhost');
    const path = url.pathname.replace('/api/v1', '');
    asked.push(`${init.method} ${path}`);
    const made = answer(world, init.method ?? 'GET', path, url.searchParams, init.body ? JSON.parse(init.body as string) : undefined) ?? { status: 404, body: { title: 'Not Found', status: 404 } };
    return Promise.resolve(new Response(made.body === undefined ? null : JSON.stringify(made.body), { status: made.status, headers: { 'Content-Type': 'application/json' } }));
  });
});
afterEach(() => vi.unstubAllGlobals());

function show() {
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  render(<MantineProvider env="test"><QueryClientProvider client={queries}><Gate /></QueryClientProvider></MantineProvider>);
}

async function login(password: string) {
  await userEvent.type(await screen.findByLabelText(/E-mail/), me.email);
  await userEvent.type(screen.getByLabelText(/^Password/), password);
  await userEvent.click(screen.getByRole('button', { name: 'Log in' }));
}

describe('the way in', () => {
  it('says that a password is wrong, and lets in with the right one', async () => {
    show();
    await login('wrong');
    expect(await screen.findByText('E-mail or password is wrong.')).toBeTruthy();
    await userEvent.clear(screen.getByLabelText(/^Password/));
    await userEvent.type(screen.getByLabelText(/^Password/), 'correct horse');
    await userEvent.click(screen.getByRole('button', { name: 'Log in' }));
    expect(await screen.findByRole('navigation', { name: 'Pages' })).toBeTruthy();
    expect(await screen.findByRole('button', { name: 'Checklist: 4 open' })).toBeTruthy();
    expect(screen.getByTestId('channels').textContent).toContain('/ 400');
  });
  it('asks for nothing twice when somebody is logged in', async () => {
    world.session = 'in';
    show();
    expect(await screen.findByRole('button', { name: 'Checklist: 4 open' })).toBeTruthy();
    expect(asked).toEqual(['GET /session', 'GET /checklist']);
  });
  it('asks for the checklist again when the live figures say that it changed', async () => {
    world.session = 'in';
    let tell: (e: { data: string }) => void = () => undefined;
    vi.stubGlobal('EventSource', class {
      addEventListener(_: string, f: (e: { data: string }) => void): void { tell = f; }
      close(): void { /* nothing is open */ }
    });
    show();
    await screen.findByRole('button', { name: 'Checklist: 4 open' });
    for (const open of [3, 3, 5]) act(() => tell({ data: JSON.stringify({ ...live(0), open }) }));
    await waitFor(() => expect(asked.filter((a) => a === 'GET /checklist')).toHaveLength(2));
  });
  it('shows the set-up page for a link, and keeps its token out of the query', async () => {
    location.hash = '#/setup/tok-1';
    show();
    expect(await screen.findByRole('heading', { name: 'Set up your account' })).toBeTruthy();
    expect(asked.every((a) => !a.includes('tok-1'))).toBe(true);
  });
  it('speaks the language of the account', async () => {
    world = { session: 'in', me: { ...me, language: 'de' } };
    show();
    expect(await screen.findByRole('link', { name: 'Übersicht' })).toBeTruthy();
    expect(document.documentElement.lang).toBe('de');
  });
  it('goes back to the login when the session has ended', async () => {
    world.session = 'in';
    show();
    await screen.findByRole('navigation', { name: 'Pages' });
    vi.stubGlobal('fetch', () => Promise.resolve(new Response('{"title":"Unauthorized"}', { status: 401, headers: { 'Content-Type': 'application/problem+json' } })));
    location.hash = '#/nodes';
    dispatchEvent(new HashChangeEvent('hashchange'));
    expect(await screen.findByText(/Your session has ended/)).toBeTruthy();
  });
});

describe('shortcuts', () => {
  it('go to pages, and are listed', async () => {
    world.session = 'in';
    show();
    await screen.findByRole('navigation', { name: 'Pages' });
    await userEvent.keyboard('gn');
    await waitFor(() => expect(location.hash).toBe('#/nodes'));
    await userEvent.keyboard('?');
    expect(await screen.findByRole('dialog', { name: 'Keyboard shortcuts' })).toBeTruthy();
  });
});

describe('pages', () => {
  const paths = (role: 'operator' | 'viewer' | 'customer') => pagesFor({ ...me, role }).map((p) => p.path);
  it('are what a role may see', () => {
    expect(paths('customer')).toEqual(['graphs', 'summary', 'calls', 'blocks', 'registrations']);
    expect(paths('viewer')).not.toContain('accounts');
    expect(paths('operator')).toContain('audit');
  });
  it('have keys of their own', () => {
    const keys = pagesFor(me).map((p) => p.key);
    expect(new Set(keys).size).toBe(keys.length);
  });
});
