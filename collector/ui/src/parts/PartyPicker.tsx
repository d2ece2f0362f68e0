import { Select } from '@mantine/core';
import { useT } from '../i18n/i18n';
import { useApp } from '../lib/app';
import { useParties } from '../lib/parties';

// PartyPicker chooses the total, each customer or carrier, or one of them. A
// customer's account has nothing to choose.
export function PartyPicker({ value, onChange }: { value: string; onChange: (by: string) => void }) {
  const t = useT();
  const { all } = useApp();
  const parties = useParties();
  if (!all) return null;
  const one = (kind: string, ids: string[]) => ids.map((id) => ({ value: `${kind}:${id}`, label: id }));
  return (
    <Select
      size="xs" w={190} searchable allowDeselect={false} aria-label={t('show')} data-search value={value} limit={200} nothingFoundMessage={t('nothing')}
      data={[
        { group: t('all'), items: [{ value: 'total', label: t('total') }, { value: 'customer', label: t('each_customer') }, { value: 'carrier', label: t('each_carrier') }] },
        { group: t('customers'), items: one('customer', parties.customers) },
        { group: t('carriers'), items: one('carrier', parties.carriers) },
      ]}
      onChange={(x) => onChange(x ?? 'total')}
    />
  );
}
