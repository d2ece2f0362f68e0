// Alerts: GET, POST /alerts/rules; PUT, DELETE /alerts/rules/{id}; GET /alerts/events;
//     POST /alerts/events/{id}/ack; GET, PUT /alerts/delivery; POST /alerts/test

export type AlertArea =
  | 'asr' | 'acd' | 'pdd' | 'ner' | 'channels' | 'live_channels' | 'cps' | 'failures'
  | 'node_down' | 'refusals' | 'strays' | 'spool' | 'reconciliation';
export type AlertLevel = 'info' | 'warning' | 'critical';
export interface AlertRuleInput {
  name: string;
  enabled: boolean;
  area: AlertArea;
  by: string; // total, customer:ID, carrier:ID, node:ID; customer, carrier, node: each of them
  operator: 'above' | 'below';
  threshold: number; // asr, ner, channels, spool: percent; acd: s; pdd: ms; node_down: s; else a count
  reset: number;
  min_sample: number;
  period_s: number;
  repeat_s: number; // 0: said once
  level: AlertLevel;
  email: string[];
  webhook: string; // URL; empty: none
}
export interface AlertRule extends AlertRuleInput {
  id: string;
  firing: number;
}
export interface AlertEvent {
  id: string;
  rule: string; // id
  name: string;
  text: string; // what it said
  area: AlertArea | ''; // of its rule when it was raised; empty: not known
  level: AlertLevel;
  scope: string; // as of by
  value: number | null;
  num: number;
  den: number; // what the value is a part or a mean of; 0: it is a count
  operator: 'above' | 'below' | '';
  threshold: number;
  since_unix_ms: number;
  ended_unix_ms: number; // 0: still on
  acked_by: string;
  acked_unix_ms: number;
}
// DeliveryInput says where something is sent: POST /alerts/test, PUT /alerts/delivery.
export interface DeliveryInput {
  email: string[];
  webhook: string; // URL; empty: none
}
// Delivery is where alerts go whose rule names nobody.
export interface Delivery extends DeliveryInput {
  sender: string; // empty: no mail server is configured
  tested_unix_ms: number; // when the mail server last took a test; 0: never
}
