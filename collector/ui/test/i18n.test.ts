import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import de from '../src/i18n/de.json';
import en from '../src/i18n/en.json';
import { makeT } from '../src/i18n/i18n';

const root = join(import.meta.dirname, '../src');
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((n) => /\.tsx?$/.test(n)).map((n) => readFileSync(join(root, n), 'utf8'));
const text = sources.join('\n');
const places = (m: string) => [...m.matchAll(/\{(\w+)/g)].map((x) => x[1]).sort();

describe('messages', () => {
  it('have the same keys in both languages, in the same order', () => {
    expect(Object.keys(de)).toEqual(Object.keys(en));
  });
  it('have the same places for values', () => {
    for (const [key, message] of Object.entries(en)) expect([key, [...new Set(places(de[key as keyof typeof de]))]]).toEqual([key, [...new Set(places(message))]]);
  });
  it('are never empty', () => {
    for (const m of [en, de]) for (const [key, message] of Object.entries(m)) expect(message.trim(), key).not.toBe('');
  });
  it('exist for every key that the sources name', () => {
    const named = [...text.matchAll(/\bt\(\s*'([^']+)'/g), ...text.matchAll(/(?:label|group|title|tip): '([a-z]+\.[a-z_.]+)'/g)].map((m) => m[1] ?? '');
    expect(named.length).toBeGreaterThan(80);
    for (const key of named) expect(en, key).toHaveProperty([key]);
  });
  it('are all used', () => {
    const prefixes = [...text.matchAll(/`([a-z_]+\.[a-z_]*)\$\{/g)].map((m) => m[1] ?? '');
    for (const key of Object.keys(en)) {
      const used = text.includes(`'${key}'`) || prefixes.some((p) => key.startsWith(p));
      expect(used, key).toBe(true);
    }
  });
});

describe('makeT', () => {
  it('puts values in, and chooses by number', () => {
    const t = makeT({ ...en, 'totp.left': '{n} {n|code|codes}' });
    expect(t('totp.left', { n: 1 })).toBe('1 code');
    expect(t('totp.left', { n: '1,001' })).toBe('1,001 codes');
    expect(t('since', { time: 'noon' })).toBe('since noon');
  });
});
