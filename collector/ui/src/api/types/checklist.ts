import type { AlertEvent } from './alerts';

// Checklist: GET /checklist

export type ChecklistId = 'first_node' | 'customers' | 'carriers' | 'blocks' | 'two_factor' | 'email';
export interface Checklist {
  items: { id: ChecklistId; done: boolean; missing: number }[]; // missing: e.g. accounts without two-factor
  alerts: AlertEvent[]; // that are on and nobody acknowledged, newest first
  open: number; // items that are not done, and these alerts
}
