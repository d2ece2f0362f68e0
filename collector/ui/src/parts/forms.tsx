import { Button } from '@mantine/core';
import { useState, type FormEvent, type ReactNode } from 'react';
import { ApiError, passwordMin } from '../api/client';
import type { Problem } from '../api/types';
import { isKey, useT, type T } from '../i18n/i18n';

// fieldText says what is wrong with a field, in the account's language where the collector
// gave a word for it that the page has a text for.
export function fieldText(t: T, p: Problem, name: string): string | undefined {
  const word = `invalid.${p.words?.[name] ?? ''}`;
  if (isKey(word)) return t(word, { n: passwordMin(), ...p.values?.[name] });
  return p.fields?.[name];
}

// problemText says a problem in the account's language where its type is one of
// the words that the collector and the page agreed on, else as the collector did.
export function problemText(t: T, p: Problem): string {
  if (p.status === 0) return t('error.unreachable');
  if (p.status === 429) return t('error.locked', { seconds: p.retry_after_s ?? 60 });
  if (p.status >= 500) return t('error.server', { detail: p.detail || p.title });
  const fields = Object.keys(p.fields ?? {});
  if (fields.length > 0) return fields.map((name) => fieldText(t, p, name)).join(' ');
  const word = `error.${p.type?.split('#')[1] ?? ''}`;
  if (isKey(word)) return t(word);
  if (p.status === 403) return t('error.forbidden');
  return p.detail || p.title;
}

export function problemOf(e: unknown): Problem {
  if (e instanceof ApiError) return e.problem;
  return { title: e instanceof Error ? e.message : String(e), status: -1 };
}

export interface Submit {
  busy: boolean;
  problem: Problem | null;
  field(name: string): string | undefined;
  run(what: () => Promise<void>): Promise<void>;
}

// useSubmit runs a change once at a time and keeps what went wrong.
export function useSubmit(): Submit {
  const t = useT();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  return {
    busy,
    problem,
    field: (name) => (problem ? fieldText(t, problem, name) : undefined),
    run: async (what) => {
      if (busy) return;
      setBusy(true);
      setProblem(null);
      try {
        await what();
      } catch (e) {
        setProblem(problemOf(e));
      } finally {
        setBusy(false);
      }
    },
  };
}

interface FormProps {
  submit: Submit;
  onSubmit: () => Promise<void>;
  label: string;
  children: ReactNode;
  danger?: boolean;
  readOnly?: boolean; // nothing to send
  fullWidth?: boolean;
  extra?: ReactNode;
}

export function Form({ submit, onSubmit, label, children, danger, readOnly, fullWidth, extra }: FormProps) {
  const send = (e: FormEvent) => {
    e.preventDefault();
    void submit.run(onSubmit);
  };
  return (
    <form className="form" onSubmit={send} noValidate={false}>
      {children}
      <FormProblem submit={submit} />
      <div className="row">
        {!readOnly && (
          <Button type="submit" loading={submit.busy} fullWidth={fullWidth ?? false} {...(danger ? { color: 'red' } : {})}>
            {label}
          </Button>
        )}
        {extra}
      </div>
    </form>
  );
}

export function FormProblem({ submit }: { submit: Submit }) {
  const t = useT();
  return (
    <div role="alert">
      {submit.problem && <span className="bad">{problemText(t, submit.problem)}</span>}
    </div>
  );
}
