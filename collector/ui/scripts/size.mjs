// Says how many bytes the first view takes: index.html with all that it names.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const limit = 400_000;
const dist = fileURLToPath(new URL('../../web/dist', import.meta.url));
const html = readFileSync(join(dist, 'index.html'), 'utf8');
const names = ['index.html', ...[...html.matchAll(/(?:src|href)="\.\/([^"]+)"/g)].map((m) => m[1])];
let gz = 0;
let br = 0;
for (const name of names) {
  const path = join(dist, name);
  const of = (end) => statSync(existsSync(path + end) ? path + end : path).size;
  gz += of('.gz');
  br += of('.br');
  console.log(`${name}: ${of('.gz')} gzip, ${of('.br')} brotli`);
}
console.log(`first view: ${gz} bytes gzip, ${br} bytes brotli (limit ${limit})`);
if (gz > limit) process.exit(1);
