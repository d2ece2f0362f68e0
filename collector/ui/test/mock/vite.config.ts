// The built pages with made-up answers, for looking at them without a collector:
// npx vite preview -c test/mock/vite.config.ts
import type { IncomingMessage, ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import { mergeConfig, type Plugin } from 'vite';
import base from '../../vite.config';
import { answer, live, me, type World } from './api';

const world: World = { session: 'in', me };

function serve(req: IncomingMessage, res: ServerResponse, next: () => void): void {
  const url = new URL(req.url ?? '/', 'http://localhost');
  if (!url.pathname.startsWith('/api/v1')) {
    next();
    return;
  }
  const path = url.pathname.slice('/api/v1'.length);
  if (path === '/live') {
    res.writeHead(200, { 'Content-Type': 'text/event-stream' });
    const send = () => res.write(`event: live\ndata: ${JSON.stringify(live(Date.now()))}\n\n`);
    send();
    const timer = setInterval(send, 1000);
    res.on('close', () => clearInterval(timer));
    return;
  }
  let text = '';
  req.on('data', (part: Buffer) => (text += part.toString()));
  req.on('end', () => {
    const made = answer(world, req.method ?? 'GET', path, url.searchParams, text ? JSON.parse(text) : undefined) ?? { status: 404, body: { title: 'Not Found', status: 404 } };
    res.writeHead(made.status, { 'Content-Type': made.status < 400 ? 'application/json' : 'application/problem+json' });
    res.end(made.body === undefined ? '' : JSON.stringify(made.body));
  });
}

const mock: Plugin = { name: 'mock-api', configurePreviewServer: (server) => { server.middlewares.use(serve); } };
export default mergeConfig(base, { root: fileURLToPath(new URL('../..', import.meta.url)), plugins: [mock] });
