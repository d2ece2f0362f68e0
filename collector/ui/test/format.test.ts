import { describe, expect, it } from 'vitest';
import { fromLocal, makeFormat, offsetMs, safeZone, toLocal, utcText, zoneOffset, zones } from '../src/lib/format';

const summer = Date.UTC(2026, 6, 1, 22, 30, 5);
const winter = Date.UTC(2026, 0, 1, 22, 30, 5);

describe('numbers', () => {
  const en = makeFormat('en', 'UTC');
  const de = makeFormat('de', 'UTC');
  it('follow the language', () => {
    expect(en.count(1234567)).toBe('1,234,567');
    expect(de.count(1234567)).toBe('1.234.567');
    expect(en.share(0.6184)).toBe('61.8 %');
    expect(de.share(0.6184)).toBe('61,8 %');
  });
  it('are blank, not 0, when there was nothing to divide by', () => {
    expect(en.percent({ num: 0, den: 0, value: null })).toBe('');
    expect(en.percent(null)).toBe('');
    expect(en.percent({ num: 0, den: 4, value: 0 })).toBe('0.0 %');
    expect(en.seconds(null)).toBe('');
  });
  it('say spans of time', () => {
    expect(en.span(3_723_400)).toBe('1:02:03');
    expect(en.span(0)).toBe('0:00:00');
    expect(en.seconds(125.4)).toBe('2:05');
    expect(en.age(89_000)).toBe('89 s');
    expect(en.age(600_000)).toBe('10 min');
    expect(en.bytes(1536)).toBe('1.5 KiB');
  });
});

describe('times', () => {
  it('follow the zone of the account, with its summer time', () => {
    expect(makeFormat('en', 'Europe/Berlin').time(summer)).toBe('02/07/2026, 00:30:05');
    expect(makeFormat('en', 'Europe/Berlin').time(winter)).toBe('01/01/2026, 23:30:05');
    expect(makeFormat('de', 'Asia/Kolkata').clock(winter)).toBe('04:00:05');
  });
  it('of summaries are UTC in every language', () => {
    expect(utcText(summer / 1000, 'hour')).toBe('2026-07-01 22:30');
    expect(utcText(summer / 1000, 'day')).toBe('2026-07-01');
    expect(utcText(summer / 1000, 'month')).toBe('2026-07');
  });
});

describe('zones', () => {
  it('have UTC first, and many others', () => {
    expect(zones()[0]).toBe('UTC');
    expect(zones()).toContain('Europe/Berlin');
    expect(new Set(zones()).size).toBe(zones().length);
  });
  it('have offsets', () => {
    expect(zoneOffset('UTC', summer)).toBe('UTC');
    expect(zoneOffset('Europe/Berlin', summer)).toBe('UTC+02:00');
    expect(offsetMs('America/St_Johns', winter)).toBe(-(3.5 * 3_600_000));
  });
  it('that the browser does not know become UTC', () => {
    expect(safeZone('Mars/Olympus')).toBe('UTC');
  });
  it('turn what is typed into a time and back', () => {
    for (const zone of ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe']) {
      for (const at of [summer, winter, Date.UTC(2026, 2, 29, 3, 0), Date.UTC(2026, 9, 25, 4, 0)]) {
        const minute = Math.floor(at / 60_000) * 60_000;
        expect(fromLocal(toLocal(minute, zone), zone), `${zone} ${at}`).toBe(minute);
      }
    }
    expect(fromLocal('nonsense', 'UTC')).toBeNull();
  });
});
