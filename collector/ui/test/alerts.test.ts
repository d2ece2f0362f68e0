import { describe, expect, it } from 'vitest';
import type { AlertArea, AlertEvent } from '../src/api/types';
import { english, makeT } from '../src/i18n/i18n';
import { amountText, areas, areaWords, eventText, kindOf, scopeText } from '../src/lib/alerts';
import { makeFormat } from '../src/lib/format';
import { startWith } from '../src/pages/alerts/RuleForm';
import de from '../src/i18n/de.json';

const t = makeT(english);
const format = makeFormat('en', 'UTC');
const event: AlertEvent = {
  id: 'e', rule: 'r', name: 'n', text: 'said by the collector', area: 'asr', level: 'warning', scope: 'carrier:north', value: 33.333, num: 1, den: 3, operator: 'below', threshold: 50,
  since_unix_ms: 0, ended_unix_ms: 0, acked_by: '', acked_unix_ms: 0,
};

describe('eventText', () => {
  it('is in the language of the reader', () => {
    expect(eventText(t, format, event)).toBe('ASR, Carrier north: 33.3 % (1 of 3); threshold below 50 %');
    expect(eventText(makeT(de), makeFormat('de', 'UTC'), event)).toBe('ASR, Carrier north: 33,3 % (1 von 3); Schwelle unter 50 %');
  });
  it('says what a value is a mean of, and a count as it is', () => {
    expect(eventText(t, format, { ...event, area: 'acd', value: 12.5, num: 25_000, den: 2 })).toBe('ACD, Carrier north: 12.5 s (of 2 calls); threshold below 50 s');
    expect(eventText(t, format, { ...event, area: 'failures', scope: 'total', value: 60, den: 0, operator: 'above' })).toBe('Consecutive failures, Total: 60; threshold above 50');
    expect(eventText(t, format, { ...event, value: null })).toBe('ASR, Carrier north: no figure; threshold below 50 %');
  });
  it('is the collector\'s own where its rule is not known', () => {
    expect(eventText(t, format, { ...event, area: '', operator: '' })).toBe('said by the collector');
  });
});

describe('scopes', () => {
  it('are said in words', () => {
    expect(['total', 'customer', 'carrier', 'node', 'customer:acme', 'node:sw:1'].map((by) => scopeText(t, by))).toEqual(['Total', 'Each customer', 'Each carrier', 'Each node', 'Customer acme', 'Node sw:1']);
    expect(kindOf('node:sw:1')).toBe('node');
  });
});

describe('areas', () => {
  it('begin with what is sensible', () => {
    expect(startWith('node_down', 'customer:acme')).toEqual({ area: 'node_down', by: 'node', operator: 'above', threshold: 60, reset: 10, min_sample: 0, period_s: 0 });
    expect(startWith('acd', 'customer:acme').by).toBe('customer:acme');
    expect(startWith('refusals', 'carrier').by).toBe('total');
  });
  it('have a unit', () => {
    expect(areaWords.map((a: AlertArea) => amountText(format, a, 1.5))).toContain('1.5/s');
    expect(amountText(format, 'pdd', 8000)).toBe('8,000 ms');
    for (const a of areaWords) expect(areas[a].kinds.length).toBeGreaterThan(0);
  });
});
