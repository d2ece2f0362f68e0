import { afterEach } from 'vitest';
import { cleanup, configure } from '@testing-library/react';

configure({ asyncUtilTimeout: 10_000 }); // a busy machine is slow, not wrong
afterEach(cleanup);

// What jsdom lacks and Mantine asks for.
Object.defineProperty(window, 'matchMedia', {
  value: (query: string) => ({ matches: false, media: query, addEventListener: () => undefined, removeEventListener: () => undefined, addListener: () => undefined, removeListener: () => undefined }),
});
class NoObserver {
  observe(): void { /* nothing has a size here */ }
  unobserve(): void { /* nothing has a size here */ }
  disconnect(): void { /* nothing has a size here */ }
}
Object.assign(globalThis, { ResizeObserver: NoObserver });
