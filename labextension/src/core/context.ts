import { createContext, useContext } from 'react';
import type { DataClient } from './client';

/** A place a panel can lead to. */
export type Target =
  | { panel: 'TrainingJobs' }
  | { panel: 'TrainingJob'; name: string }
  | { panel: 'Endpoints' }
  | { panel: 'Endpoint'; name: string }
  | { panel: 'Compare'; names: string[] };

/** Small view state (a chosen tab, a folded group) kept by the host. */
export interface Memory {
  get(key: string): unknown;
  set(key: string, value: string | number | boolean): void;
}

/** What a panel needs from whoever mounts it. */
export interface PanelHost {
  client: DataClient;
  memory: Memory;
  open(target: Target): void;
  /** Put cells into the notebook in front, where the host has one. */
  insertCells?(cells: string[]): void;
}

export function transientMemory(): Memory {
  const values = new Map<string, string | number | boolean>();
  return { get: key => values.get(key), set: (key, value) => void values.set(key, value) };
}

export const PanelContext = createContext<PanelHost | undefined>(undefined);

export function usePanel(): PanelHost {
  const host = useContext(PanelContext);
  if (!host) {
    throw new Error('A panel was rendered outside of PanelContext.');
  }
  return host;
}
