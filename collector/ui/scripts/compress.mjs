// Writes .br and .gz beside each text file of the built pages, so that the
// collector compresses nothing while it serves.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const dist = fileURLToPath(new URL('../../web/dist', import.meta.url));
for (const name of readdirSync(dist, { recursive: true })) {
  const path = join(dist, name);
  if (!/\.(html|js|css|svg|json)$/.test(name) || name === 'unbuilt.html' || statSync(path).size < 512) continue;
  const text = readFileSync(path);
  writeFileSync(path + '.gz', gzipSync(text, { level: 9 }));
  writeFileSync(path + '.br', brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
}
