import type { IStateDB } from '@jupyterlab/statedb';
import { transientMemory, type Memory } from '../core/context';

const KEY = 'jupyter-ml:view-state';
const KEPT = 200;

/** View state in JupyterLab's state database, read once at start. */
export async function keptMemory(database: IStateDB | null): Promise<Memory> {
  if (!database) {
    return transientMemory();
  }
  const stored = await database.fetch(KEY);
  const values = new Map<string, unknown>(
    typeof stored === 'object' && stored !== null && !Array.isArray(stored)
      ? Object.entries(stored)
      : []
  );
  return {
    get: key => values.get(key),
    set: (key, value) => {
      values.delete(key);
      values.set(key, value);
      const newest = [...values].slice(-KEPT);
      void database.save(
        KEY,
        Object.fromEntries(newest) as Record<string, string | number | boolean>
      );
    }
  };
}
