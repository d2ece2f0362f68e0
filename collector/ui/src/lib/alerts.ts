import type { AlertArea, AlertEvent, AlertRuleInput } from '../api/types';
import { isKey, type T } from '../i18n/i18n';
import facts from './areas.json';
import type { Format } from './format';

export type ScopeKind = 'total' | 'customer' | 'carrier' | 'node';

// What the form must know of an area. A test of the collector holds areas.json to what
// the collector itself does.
export interface Area {
  kinds: ScopeKind[]; // whose it can be
  above: boolean; // only above makes sense
  counted: boolean; // over the period; else the threshold must be passed for so long
  sample: boolean; // a minimum sample means something
  lasts: boolean; // a period means something
  unit: string;
  most: number; // of a threshold
  operator: AlertRuleInput['operator']; // these and the following: to start with
  threshold: number;
  reset: number;
  min_sample: number;
  period_s: number;
}

export const areas = facts as Record<AlertArea, Area>;
export const areaWords = Object.keys(facts) as AlertArea[];

export const kindOf = (by: string): ScopeKind => by.split(':')[0] as ScopeKind;

// amountText says a value in the unit of its area.
export function amountText(format: Format, area: AlertArea, v: number): string {
  const text = format.decimal(v, Number.isInteger(v) ? 0 : 1);
  const { unit } = areas[area];
  return unit ? `${text}${unit.startsWith('/') ? '' : ' '}${unit}` : text;
}

// scopeText says whom a rule or an alert is about.
export function scopeText(t: T, by: string): string {
  const kind = kindOf(by);
  if (by === 'total') return t('total');
  if (by === kind) return kind === 'node' ? t('alerts.each_node') : t(kind === 'customer' ? 'each_customer' : 'each_carrier');
  const name = by.slice(kind.length + 1);
  return isKey(kind) ? `${t(kind)} ${name}` : by;
}

// eventText says in one sentence what an alert is about; without the structure of its
// rule it is the collector's own, which is English.
export function eventText(t: T, format: Format, e: AlertEvent): string {
  if (!e.area || !e.operator) return e.text;
  const of = e.den > 0 ? ` ${areas[e.area].unit === '%' ? t('alerts.part', { num: format.count(e.num), den: format.count(e.den) }) : t('alerts.mean', { n: format.count(e.den) })}` : '';
  const value = e.value === null ? t('alerts.no_value') : `${amountText(format, e.area, e.value)}${of}`;
  return t('alerts.sentence', { area: t(`area.${e.area}`), scope: scopeText(t, e.scope), value, operator: t(`operator.${e.operator}`), threshold: amountText(format, e.area, e.threshold) });
}
