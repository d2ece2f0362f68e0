// How fast the pages are. What is a figure of this machine is printed by "make bench-ui";
// here are bounds only that a slow machine keeps too, and the size of what is sent.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { close } from './lib/chromium.js';
import { firstView, month, scrolling } from './lib/speed.js';

after(close);

const slack = 5; // of a machine that does other things beside

test('the first view is small, and soon there', { timeout: 60_000 }, async () => {
  const view = await firstView();
  assert.ok(view.bytes < 400_000, `${view.bytes} bytes`);
  assert.ok(view.loginMs < 1000 * slack && view.graphsMs < 1000 * slack, JSON.stringify(view));
});

test('a month of 5-minute points for 50 carriers is drawn at once', { timeout: 60_000 }, async () => {
  const ms = (await month()).sort((a, b) => a - b);
  assert.equal(ms.length, 4);
  assert.ok((ms[1] ?? 0) < 200 * slack, `${ms} ms`);
});

// 300 frames that are as slow as they may be take 75 s.
test('10,000 rows of the summary scroll', { timeout: 180_000 }, async () => {
  const frames = await scrolling();
  assert.ok(frames.rows >= 10_000, `${frames.rows} rows`);
  assert.ok(frames.drawn < 200, `${frames.drawn} rows are drawn at a time`);
  assert.ok(frames.p50Ms < 50 * slack, JSON.stringify(frames));
});
