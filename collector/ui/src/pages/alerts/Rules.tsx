import { Button } from '@mantine/core';
import type { AlertRule } from '../../api/types';
import { useT } from '../../i18n/i18n';
import { amountText, areas, scopeText } from '../../lib/alerts';
import { useApp } from '../../lib/app';
import { PagedList, usePages, type Col } from '../../parts/List';
import { tone } from './tone';

export function Rules({ onEdit }: { onEdit?: (r: AlertRule) => void }) {
  const t = useT();
  const { format } = useApp();
  const pages = usePages<AlertRule>('/alerts/rules', {}, 30_000);
  const cols: (Col<AlertRule> | false)[] = [
    { title: t('field.name'), cell: (r) => <b>{r.name}</b> },
    { title: t('node.state'), cell: (r) => (!r.enabled ? <span className="tag">{t('alerts.off')}</span> : r.firing > 0 ? <span className={`tag ${tone[r.level]}`}>{t('alerts.firing', { n: r.firing })}</span> : <span className="tag ok">{t('alerts.quiet')}</span>) },
    { title: t('alerts.area'), cell: (r) => `${t(`area.${r.area}`)} ${t(`operator.${r.operator}`)} ${amountText(format, r.area, r.threshold)}` },
    { title: t('alerts.reset'), right: true, cell: (r) => amountText(format, r.area, r.reset) },
    { title: t('alerts.scope'), cell: (r) => scopeText(t, r.by) },
    { title: t('alerts.period'), right: true, cell: (r) => (r.period_s > 0 ? format.age(r.period_s * 1000) : '') },
    { title: t('alerts.min_sample'), right: true, cell: (r) => (areas[r.area].sample ? format.count(r.min_sample) : '') },
    { title: t('alerts.level'), cell: (r) => t(`level.${r.level}`) },
    { title: t('alerts.delivery'), cell: (r) => <span className="break">{[...r.email, r.webhook].filter(Boolean).join(', ') || <span className="dim">{t('alerts.by_default')}</span>}</span> },
    onEdit !== undefined && { title: t('edit'), cell: (r) => <Button size="compact-xs" variant="default" aria-label={`${t('edit')} ${r.name}`} onClick={() => onEdit(r)}>{t('edit')}</Button> },
  ];
  return <PagedList pages={pages} cols={cols.filter((c) => c !== false)} id={(r) => r.id} label={t('alerts.rules')} empty={t('alerts.no_rules')} />;
}
