import type { ReactNode } from 'react';

export function GatePage({ children }: { children: ReactNode }) {
  return (
    <div className="gate">
      <main>
        <div className="brand"><img src="./icon.svg" alt="" /><span>Sipward</span></div>
        <div className="card">{children}</div>
      </main>
    </div>
  );
}
