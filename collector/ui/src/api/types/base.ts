export interface Ratio {
  num: number;
  den: number;
  value: number | null;
}

// Page is a part of a list; next is the `after` of the following one.
export interface Page<T> {
  items: T[];
  next?: string;
}

// Problem is an error (RFC 9457). Its type ends in #WORD where the page has a text for it, as
// `error.WORD`. `fields` names what is wrong with a form.
export interface Problem {
  type?: string;
  title: string;
  status: number;
  detail?: string;
  retry_after_s?: number;
  fields?: Record<string, string>;
  words?: Record<string, string>; // of fields: what the page has a text for, as `invalid.WORD`
  values?: Record<string, Record<string, string>>; // of fields with a word: what the text names
}

// PartyKind says whose a figure is.
export type PartyKind = 'total' | 'customer' | 'carrier';
