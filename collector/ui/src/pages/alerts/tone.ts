import type { AlertLevel } from '../../api/types';

export const levels: AlertLevel[] = ['info', 'warning', 'critical'];
export const tone = { info: '', warning: 'warn', critical: 'bad' } as const;
