import type { AuditRow } from '../api/types';
import { useT } from '../i18n/i18n';
import { useApp } from '../lib/app';
import { PageHead } from '../parts/common';
import { PagedList, usePages, type Col } from '../parts/List';

export default function Audit() {
  const t = useT();
  const { format } = useApp();
  const pages = usePages<AuditRow>('/audit', {});
  const cols: Col<AuditRow>[] = [
    { title: t('calls.time'), cell: (r) => <span className="num nowrap">{format.time(r.at_unix_ms)}</span> },
    { title: t('audit.who'), cell: (r) => r.who },
    { title: t('audit.address'), cell: (r) => <span className="mono">{r.address}</span> },
    { title: t('audit.action'), cell: (r) => <span className="mono">{r.action}</span> },
    { title: t('audit.object'), cell: (r) => r.object },
    { title: t('audit.detail'), cell: (r) => <span className="break">{r.detail}</span> },
  ];
  return (
    <>
      <PageHead title={t('nav.audit')} />
      <PagedList pages={pages} cols={cols} id={(r) => r.id} label={t('nav.audit')} empty={t('audit.nothing')} />
    </>
  );
}
