// Accessibility as axe-core sees it. Evaluated through the debugger's protocol, which
// the content security policy of the page does not concern.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/**
 * What is wrong, one line a finding that is serious or critical.
 * @param {import('playwright-core').Page} page
 * @returns {Promise<string[]>}
 */
export async function findings(page) {
  await page.evaluate(source);
  return page.evaluate(async () => {
    const axe = /** @type {any} */ (globalThis).axe;
    const { violations } = await axe.run(document, { resultTypes: ['violations'] });
    return violations
      .filter((/** @type {any} */ v) => v.impact === 'serious' || v.impact === 'critical')
      .flatMap((/** @type {any} */ v) => v.nodes.map((/** @type {any} */ n) => `${v.id}: ${n.target.join(' ')}: ${n.failureSummary.replace(/\s+/g, ' ')}`));
  });
}
