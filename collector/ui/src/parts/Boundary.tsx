import { Button } from '@mantine/core';
import { Component, type ReactNode } from 'react';

// Boundary keeps the rest of the dashboard when a page fails: a mistake of ours, or
// a chunk that is gone since the collector was updated (loading anew cures that).
export class Boundary extends Component<{ text: string; again: string; children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    return (
      <div className="trouble" role="alert">
        <span className="grow">{this.props.text}</span>
        <Button size="compact-sm" variant="default" onClick={() => location.reload()}>{this.props.again}</Button>
      </div>
    );
  }
}
