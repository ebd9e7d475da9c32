import type { IStateDB } from '@jupyterlab/statedb';
import type { Memory } from '../core/context';

const KEY = 'jupyter-ml:view-state';
const KEPT = 200;

/** View state in JupyterLab's state database, which can be read only once the application has started. */
export class KeptMemory implements Memory {
  readonly ready: Promise<void>;
  private values = new Map<string, unknown>();

  constructor(private database: IStateDB | null) {
    this.ready = this.read();
  }

  get = (key: string): unknown => this.values.get(key);

  set = (key: string, value: string | number | boolean): void => {
    this.values.delete(key);
    this.values.set(key, value);
    const newest = [...this.values].slice(-KEPT);
    void this.database?.save(KEY, Object.fromEntries(newest) as Record<string, string>);
  };

  private async read(): Promise<void> {
    const stored = await this.database?.fetch(KEY);
    if (typeof stored === 'object' && stored !== null && !Array.isArray(stored)) {
      this.values = new Map<string, unknown>([...Object.entries(stored), ...this.values]);
    }
  }
}
