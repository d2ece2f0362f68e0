import { TextInput } from '@mantine/core';
import { useT } from '../i18n/i18n';
import { useApp } from '../lib/app';
import { fromLocal, toLocal } from '../lib/format';

// TimeRange edits two times in the account's zone. The browser's own picker is
// used: it is accessible, and known.
export function TimeRange({ from, to, onChange }: { from: number | undefined; to: number | undefined; onChange: (from: number | undefined, to: number | undefined) => void }) {
  const t = useT();
  const { zone } = useApp();
  const show = (ms: number | undefined) => (ms === undefined ? '' : toLocal(ms, zone));
  const read = (text: string) => fromLocal(text, zone) ?? undefined;
  return (
    <>
      <TextInput size="xs" w={178} type="datetime-local" label={t('from')} value={show(from)} onChange={(e) => onChange(read(e.currentTarget.value), to)} />
      <TextInput size="xs" w={178} type="datetime-local" label={t('to')} value={show(to)} onChange={(e) => onChange(from, read(e.currentTarget.value))} />
    </>
  );
}
