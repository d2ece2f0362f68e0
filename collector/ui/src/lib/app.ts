import { createContext, useContext } from 'react';
import type { Me } from '../api/types';
import type { Format } from './format';

// What every page knows: whose account it is, and how numbers and times look.
export interface App {
  me: Me;
  zone: string;
  format: Format;
  operator: boolean; // may change things
  all: boolean; // sees all customers
  notify(text: string, bad?: boolean): void;
}

export const AppContext = createContext<App | null>(null);

export function useApp(): App {
  const app = useContext(AppContext);
  if (!app) throw new Error('a page outside of the shell');
  return app;
}

// UpdateContext takes an account that was changed.
export const UpdateContext = createContext<(me: Me) => void>(() => undefined);
export const useUpdate = (): ((me: Me) => void) => useContext(UpdateContext);
