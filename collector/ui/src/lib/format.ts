import type { Ratio } from '../api/types';

// Numbers, times and spans of time as text, in the account's language and zone.
// "no calls" is blank, never 0.
export interface Format {
  count(n: number): string;
  decimal(n: number, digits: number): string;
  percent(r: Ratio | null): string;
  share(v: number | null): string;
  seconds(v: number | null): string; // an ACD, as m:ss
  span(ms: number): string; // h:mm:ss
  milliseconds(v: number | null): string;
  bytes(n: number): string;
  age(ms: number): string; // "12 s", "3 min"
  time(ms: number): string; // date and time to the second, in the account's zone
  clock(ms: number): string; // time of day
  stamp(ms: number): string; // short: day and minute
  utc(s: number, unit: 'hour' | 'day' | 'month'): string;
}

const two = (n: number) => String(n).padStart(2, '0');

function spanText(ms: number): string {
  const s = Math.round(ms / 1000);
  return `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}

function secondsText(v: number | null): string {
  if (v === null) return '';
  const s = Math.round(v);
  return `${Math.floor(s / 60)}:${two(s % 60)}`;
}

// utcText is the same in every language: summaries are in 24-hour UTC.
export function utcText(s: number, unit: 'hour' | 'day' | 'month'): string {
  const iso = new Date(s * 1000).toISOString();
  if (unit === 'month') return iso.slice(0, 7);
  if (unit === 'day') return iso.slice(0, 10);
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)}`;
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function makeFormat(language: string, zone: string): Format {
  const locale = language === 'en' ? 'en-GB' : language;
  const integer = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
  const fixed = [0, 1, 2, 3].map((d) => new Intl.NumberFormat(locale, { minimumFractionDigits: d, maximumFractionDigits: d }));
  const times = (o: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(locale, { timeZone: safeZone(zone), hourCycle: 'h23', ...o });
  const full = times({ year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' });
  const day = times({ hour: '2-digit', minute: '2-digit', second: '2-digit' });
  const short = times({ month: 'short', day: '2-digit', hour: '2-digit', minute: '2-digit' });
  const decimal = (n: number, digits: number) => (fixed[digits] ?? fixed[1]!).format(n);
  const share = (v: number | null) => (v === null ? '' : `${decimal(v * 100, 1)} %`);
  const format: Format = {
    count: (n) => integer.format(n),
    decimal,
    percent: (r) => (r === null || r.den === 0 ? '' : share(r.num / r.den)),
    share,
    seconds: secondsText,
    span: spanText,
    milliseconds: (v) => (v === null ? '' : `${integer.format(v)} ms`),
    bytes: (n) => {
      let i = 0;
      for (; n >= 1024 && i < units.length - 1; i++) n /= 1024;
      return `${decimal(n, i === 0 ? 0 : 1)} ${units[i]}`;
    },
    age: (ms) => {
      const s = Math.max(0, ms / 1000);
      if (s < 90) return `${integer.format(s)} s`;
      if (s < 5400) return `${integer.format(s / 60)} min`;
      if (s < 172800) return `${integer.format(s / 3600)} h`;
      return `${integer.format(s / 86400)} d`;
    },
    time: (ms) => full.format(ms),
    clock: (ms) => day.format(ms),
    stamp: (ms) => short.format(ms),
    utc: utcText,
  };
  return format;
}

// safeZone is the zone when the browser knows it, else UTC.
export function safeZone(zone: string): string {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return zone;
  } catch {
    return 'UTC';
  }
}

// Browsers list some zones by names that they had decades ago.
const renamed: Record<string, string> = {
  'Africa/Asmera': 'Africa/Asmara', 'America/Buenos_Aires': 'America/Argentina/Buenos_Aires', 'America/Catamarca': 'America/Argentina/Catamarca',
  'America/Cordoba': 'America/Argentina/Cordoba', 'America/Jujuy': 'America/Argentina/Jujuy', 'America/Mendoza': 'America/Argentina/Mendoza',
  'America/Coral_Harbour': 'America/Atikokan', 'America/Godthab': 'America/Nuuk', 'America/Indianapolis': 'America/Indiana/Indianapolis',
  'America/Louisville': 'America/Kentucky/Louisville', 'Asia/Calcutta': 'Asia/Kolkata', 'Asia/Katmandu': 'Asia/Kathmandu', 'Asia/Rangoon': 'Asia/Yangon',
  'Asia/Saigon': 'Asia/Ho_Chi_Minh', 'Atlantic/Faeroe': 'Atlantic/Faroe', 'Europe/Kiev': 'Europe/Kyiv', 'Pacific/Enderbury': 'Pacific/Kanton',
  'Pacific/Ponape': 'Pacific/Pohnpei', 'Pacific/Truk': 'Pacific/Chuuk',
};

// zones lists IANA zones by the names that people look for; UTC, which browsers leave
// out, first.
export function zones(): string[] {
  const all = Intl.supportedValuesOf('timeZone').map((z) => (renamed[z] && safeZone(renamed[z]) !== 'UTC' ? renamed[z] : z)).filter((z) => z !== 'UTC');
  return ['UTC', ...[...new Set(all)].sort()];
}

// zoneOffset says how far a zone is from UTC now, as "UTC+02:00".
export function zoneOffset(zone: string, at: number): string {
  const parts = new Intl.DateTimeFormat('en', { timeZone: safeZone(zone), timeZoneName: 'longOffset' }).formatToParts(at);
  const name = parts.find((p) => p.type === 'timeZoneName')?.value ?? 'GMT';
  return /^GMT([+-]00:00)?$/.test(name) ? 'UTC' : name.replace('GMT', 'UTC');
}

// offsetMs is how far ahead of UTC the zone's clocks are at a time.
export function offsetMs(zone: string, at: number): number {
  const m = /UTC([+-])(\d\d):(\d\d)(?::(\d\d))?/.exec(zoneOffset(zone, at));
  if (!m) return 0;
  const ms = ((Number(m[2]) * 60 + Number(m[3])) * 60 + Number(m[4] ?? 0)) * 1000;
  return m[1] === '-' ? -ms : ms;
}

// fromLocal reads what an input of type datetime-local holds as a time in the
// zone; null when it is none. An hour that clocks leave out is moved on.
export function fromLocal(text: string, zone: string): number | null {
  const guess = Date.parse(`${text}Z`);
  if (Number.isNaN(guess)) return null;
  const first = guess - offsetMs(zone, guess);
  return guess - offsetMs(zone, first);
}

// toLocal is the other way round.
export function toLocal(ms: number, zone: string): string {
  return new Date(ms + offsetMs(zone, ms)).toISOString().slice(0, 16);
}
