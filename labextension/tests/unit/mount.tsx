import { render, type RenderResult } from '@testing-library/react';
import { vi } from 'vitest';
import { PanelContext, transientMemory, type PanelHost } from '../../src/core/context';
import type { ScriptedClient } from '../gallery/scripted';

/** Mount a panel on a scripted client; `open` records where it leads. */
export function mount(
  panel: JSX.Element,
  client: ScriptedClient
): RenderResult & { open: ReturnType<typeof vi.fn> } {
  const open = vi.fn();
  const host: PanelHost = { client, memory: transientMemory(), open };
  return { open, ...render(<PanelContext.Provider value={host}>{panel}</PanelContext.Provider>) };
}
