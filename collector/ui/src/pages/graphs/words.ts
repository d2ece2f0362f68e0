import type { Figure } from '../../api/types';
import type { T } from '../../i18n/i18n';
import type { Format } from '../../lib/format';
import type { Words } from './tip';

// wordsOf says the numbers of a figure with what they were made of.
export function wordsOf(figure: Figure, t: T, f: Format): Words {
  const common = {
    limit: t('graphs.limit'),
    pending: t('graphs.pending'),
    gap: t('graphs.gap'),
    more: (n: number) => t('graphs.more', { n }),
    time: (s: number) => f.time(s * 1000).replace(/:00$/, ''),
  };
  const ratio = (num: number | null | undefined, den: number | null | undefined, unit: string) =>
    num == null || den == null ? '' : `${f.count(num)}${unit} / ${f.count(den)}`;
  switch (figure) {
    case 'channels':
      return {
        ...common, axis: (v) => f.count(v), value: (v) => f.count(v),
        parts: (d, j, i) => {
          const answered = d.lines[j]?.answered?.[i];
          return answered == null ? '' : t('graphs.answered', { n: f.count(answered) });
        },
      };
    case 'acd':
      return { ...common, axis: (v) => f.seconds(v), value: (v) => f.seconds(v), parts: (d, j, i) => ratio(d.lines[j]?.num[i], d.lines[j]?.den?.[i], ' s') };
    case 'asr':
    case 'dtmf':
      return { ...common, axis: (v) => `${f.count(v * 100)} %`, value: (v) => f.share(v), parts: (d, j, i) => ratio(d.lines[j]?.num[i], d.lines[j]?.den?.[i], '') };
  }
}
