import { useT } from '../../i18n/i18n';
import { useApp } from '../../lib/app';
import { totals } from './columns';
import type { Part } from './Grid';

// StatusLine sums up what is selected, and names each average.
export function StatusLine({ part, rows }: { part: Part; rows: number }) {
  const t = useT();
  const { format } = useApp();
  const cells = part.rows.length * part.columns.length;
  if (cells < 2) return <div className="statusline dim" role="status">{t('summary.hint', { n: format.count(rows) })}</div>;
  return (
    <div className="statusline num" role="status" data-testid="statusline">
      <span className="dim">{t('summary.selected', { n: format.count(part.rows.length) })}</span>
      {totals(part.rows, part.columns).map(({ column, sum, weighted, plain }) => (
        <span key={column.id}>
          <b>{t(column.title)}</b>
          {sum !== null && <> {t('summary.sum')} {column.say(sum)}</>}
          {column.ratio && <> {t('summary.weighted')} {weighted === null ? '–' : column.say(weighted)}</>}
          {plain !== null && <span className="dim"> {column.ratio ? t('summary.plain') : t('summary.average')} {column.say(plain)}</span>}
        </span>
      ))}
    </div>
  );
}
