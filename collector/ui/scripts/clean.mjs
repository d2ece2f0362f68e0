// Empties the folder that the collector embeds, but for the page that says how
// to build: it is kept in the repository so that `go build` works without Node.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../../web/dist', import.meta.url));
for (const name of readdirSync(dist)) {
  if (name !== 'unbuilt.html') rmSync(join(dist, name), { recursive: true });
}
