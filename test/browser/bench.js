// Prints how fast the pages are on this machine, each figure the middle of several.
import { close } from './lib/chromium.js';
import { firstView, month, scrolling } from './lib/speed.js';

const times = 5;

/** @template T @param {() => Promise<T>} measure */
async function several(measure) {
  const all = [];
  for (let i = 0; i < times; i++) all.push(await measure());
  return all;
}

/** @param {number[]} all */
const middle = (all) => [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)] ?? 0;

/** @param {string} what @param {number} value @param {string} unit @param {string} target */
const line = (what, value, unit, target) => console.log(`${what.padEnd(52)} ${value.toFixed(0).padStart(8)} ${unit.padEnd(6)} ${target}`);

const views = await several(firstView);
const months = await several(month);
const scrolls = await several(scrolling);
line('login page, cold cache', middle(views.map((v) => v.loginMs)), 'ms', 'under 1000');
line('four graphs, cold cache', middle(views.map((v) => v.graphsMs)), 'ms', 'under 1000');
line('sent for it', middle(views.map((v) => v.bytes)) / 1000, 'kB', 'under 400');
line('a month of 5-minute points of 50 carriers, one chart', middle(months.map((m) => Math.max(...m))), 'ms', 'under 200');
line('a frame while 10,000 rows scroll, p95', middle(scrolls.map((s) => s.p95Ms)), 'ms', '');
await close();
