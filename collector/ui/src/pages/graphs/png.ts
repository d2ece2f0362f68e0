import type uPlot from 'uplot';
import { download } from '../../lib/save';

// savePng writes a chart as it is on the screen, with its title, on the page's
// background.
export function savePng(name: string, title: string, plot: uPlot): void {
  const from = plot.ctx.canvas;
  const scale = devicePixelRatio;
  const head = 34 * scale;
  const to = document.createElement('canvas');
  to.width = from.width;
  to.height = from.height + head;
  const ctx = to.getContext('2d');
  if (!ctx) return;
  const style = getComputedStyle(document.documentElement);
  ctx.fillStyle = style.getPropertyValue('--sw-surface');
  ctx.fillRect(0, 0, to.width, to.height);
  ctx.fillStyle = style.getPropertyValue('--sw-text');
  ctx.font = `600 ${14 * scale}px ${getComputedStyle(document.body).fontFamily}`;
  ctx.fillText(title, 12 * scale, 22 * scale);
  ctx.drawImage(from, 0, head);
  to.toBlob((png) => {
    if (png) download(`${name}.png`, png);
  });
}
