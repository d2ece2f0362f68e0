import { afterEach } from 'vitest';
import { cleanup } from '@testing-library/react';

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
