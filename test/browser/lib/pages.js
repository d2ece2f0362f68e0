// Every page of the dashboard, for those tests that look at all of them.

/** Pages that every account has. */
export const ofAll = {
  graphs: 'graphs',
  'graphs-month': 'graphs?range=30d',
  summary: 'summary',
  'summary-daily': 'summary?tab=daily',
  calls: 'calls',
  'calls-in-progress': 'calls?list=live',
  blocks: 'blocks',
  refusals: 'registrations',
  bindings: 'registrations?tab=bindings&first=1000&last=1999',
  'account-profile': 'account',
  'account-company': 'account?tab=company',
  'account-password': 'account?tab=password',
  'account-security': 'account?tab=security',
};

/** Those of an operator beside them. */
export const ofOperator = {
  'graphs-by-carrier': 'graphs?by=carrier&range=24h',
  'summary-by-customer': 'summary?by=customer',
  attempts: 'calls?list=attempts',
  customers: 'parties',
  carriers: 'parties?tab=carriers',
  nodes: 'nodes',
  alerts: 'alerts',
  'alert-rules': 'alerts?tab=rules',
  accounts: 'accounts',
  tokens: 'accounts?tab=tokens',
  audit: 'audit',
};
