// What the dashboard lets one save, read back by other means than it was written with.
import { readFileSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';

/**
 * Reads CSV (RFC 4180).
 * @param {string} text
 * @returns {string[][]}
 */
export function readCsv(text) {
  const rows = [];
  /** @type {string[]} */
  let row = [];
  for (const m of text.matchAll(/(?:"((?:[^"]|"")*)"|([^,\r\n]*))(,|\r?\n|$)/g)) {
    row.push(m[1] === undefined ? (m[2] ?? '') : m[1].replaceAll('""', '"'));
    if (m[3] === ',') continue;
    if (row.length > 1 || row[0] !== '') rows.push(row);
    row = [];
  }
  return rows;
}

/**
 * Reads the files of a ZIP archive by its central directory.
 * @param {Buffer} zip
 * @returns {Map<string, string>}
 */
export function readZip(zip) {
  const files = new Map();
  const end = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  if (end < 0) throw new Error('this is no ZIP archive');
  let at = zip.readUInt32LE(end + 16);
  for (let n = zip.readUInt16LE(end + 10); n > 0; n--) {
    const method = zip.readUInt16LE(at + 10);
    const packed = zip.readUInt32LE(at + 20);
    const [name, extra, comment] = [28, 30, 32].map((o) => zip.readUInt16LE(at + o));
    const local = zip.readUInt32LE(at + 42);
    const from = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    const body = zip.subarray(from, from + packed);
    files.set(zip.toString('utf8', at + 46, at + 46 + (name ?? 0)), (method === 8 ? inflateRawSync(body) : body).toString('utf8'));
    at += 46 + (name ?? 0) + (extra ?? 0) + (comment ?? 0);
  }
  return files;
}

/** @param {string} text */
const plain = (text) => text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&');

/**
 * The first sheet of a workbook, a cell as its text or number.
 * @param {string} path
 * @returns {(string | number | null)[][]}
 */
export function readXlsx(path) {
  const files = readZip(readFileSync(path));
  const shared = [...(files.get('xl/sharedStrings.xml') ?? '').matchAll(/<si>(.*?)<\/si>/gs)].map((m) => plain((m[1] ?? '').replace(/<[^>]*>/g, '')));
  const sheet = [...files].find(([name]) => /^xl\/worksheets\/sheet\w*\.xml$/.test(name))?.[1] ?? '';
  return [...sheet.matchAll(/<row\b[^>]*?(?:\/>|>(.*?)<\/row>)/gs)].map((row) => {
    /** @type {(string | number | null)[]} */
    const cells = [];
    for (const m of (row[1] ?? '').matchAll(/<c\b([^>]*?)(?:\/>|>(.*?)<\/c>)/gs)) {
      const column = [...(/r="([A-Z]+)/.exec(m[1] ?? '')?.[1] ?? '')].reduce((n, c) => n * 26 + c.charCodeAt(0) - 64, 0) - 1;
      const value = /<v>(.*?)<\/v>/s.exec(m[2] ?? '')?.[1];
      while (cells.length < column) cells.push(null);
      if (/t="s"/.test(m[1] ?? '')) cells.push(shared[Number(value)] ?? '');
      else if (/t="inlineStr"/.test(m[1] ?? '')) cells.push(plain((m[2] ?? '').replace(/<[^>]*>/g, '')));
      else cells.push(value === undefined ? null : Number(value));
    }
    return cells;
  });
}
