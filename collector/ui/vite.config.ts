import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// What the collector sends with every page: no inline script, no inline style.
// The preview sends it too, so that whatever it forbids is seen at once.
export const csp =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; " +
  "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

export default defineConfig({
  plugins: [react()],
  base: './',
  build: {
    outDir: '../web/dist',
    emptyOutDir: false, // scripts/clean.mjs leaves the page that says how to build
    assetsInlineLimit: 0,
    target: 'es2022',
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
  },
  server: { proxy: { '/api': { target: process.env['SIPWARD_API'] ?? 'http://127.0.0.1:9480' } } },
  preview: { headers: { 'Content-Security-Policy': csp } },
  test: { environment: 'jsdom', include: ['test/**/*.test.{ts,tsx}'], setupFiles: ['test/setup.ts'], css: false, testTimeout: 30_000 },
});
