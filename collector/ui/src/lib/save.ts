// download hands a file to the browser.
export function download(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  const a = document.createElement('a');
  a.href = url;
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

// copyText needs a fall-back: the clipboard's interface is there on HTTPS and on
// loopback only.
export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'hidden-visually';
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  if (!done) throw new Error('the browser does not allow copying');
}

type Cell = string | number | null;

// A text that a spreadsheet would take for a formula: with = + - @ first, in full width
// too, and after what does not show. One that begins with a tab or a line break may be
// looked at again without it. The collector's own exports do the same: query/cell.go.
const formula = /^[\s\p{Cc}\u200b\ufeff]*[=+\-@＝＋－＠]|^[\t\r\n]/u;

// Where a decimal point is a comma, spreadsheets cut lines at semicolons and know no
// quotes that begin later: a formula can begin within a text too.
const within = /[;\t\r\n](?=(?:(?![;\t\r\n])[\s\p{Cc}\u200b\ufeff])*[=+\-@＝＋－＠])/gu;

// csv quotes as RFC 4180 says. A text that a spreadsheet would take for a formula
// is kept from being one.
export function csv(rows: Cell[][]): string {
  return rows.map((row) => row.map(csvCell).join(',')).join('\r\n') + '\r\n';
}

function csvCell(v: Cell): string {
  if (v === null) return '';
  if (typeof v === 'number') return String(v);
  const text = (formula.test(v) ? `'${v}` : v).replace(within, "$&'");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
