import { createContext, useContext } from 'react';
import en from './en.json';

export type Key = keyof typeof en & string;
export type Messages = Record<Key, string>;
export type T = (key: Key, values?: Record<string, string | number>) => string;

// makeT puts values into {places}. `{n|one|other}` chooses by a number.
export function makeT(messages: Messages): T {
  return (key, values = {}) =>
    messages[key].replace(/\{(\w+)(?:\|([^|}]*)\|([^|}]*))?\}/g, (_, name: string, one?: string, other?: string) => {
      const value = values[name] ?? '';
      if (one === undefined || other === undefined) return String(value);
      return Number(String(value).replace(/\D/g, '')) === 1 ? one : other;
    });
}

export async function loadMessages(language: string): Promise<Messages> {
  if (language === 'de') return (await import('./de.json')).default;
  return en;
}

// has says whether a word of a closed set of the collector has a text of its own.
export function isKey(key: string): key is Key {
  return Object.hasOwn(en, key);
}

export const english: Messages = en;
export const TContext = createContext<T>(makeT(en));
export const useT = (): T => useContext(TContext);
