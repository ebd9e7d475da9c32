import type { DataClient, ServiceError } from './client';
import type { Watches, WatchName } from './operations';

export type Fold<K extends WatchName, S> = (
  state: S | undefined,
  update: Watches[K]['output']
) => S;

interface Held<S> {
  state: S | undefined;
  error: ServiceError | undefined;
}

/** One followed operation, folded into a state that components read; it is followed while somebody listens. */
export class WatchStore<K extends WatchName, S> {
  private held: Held<S>;
  private listeners = new Set<() => void>();
  private stop: (() => void) | undefined;

  constructor(
    private client: DataClient,
    private operation: K,
    private input: Watches[K]['input'],
    private fold: Fold<K, S>,
    snapshot: Watches[K]['output'] | undefined
  ) {
    this.held = { state: snapshot && fold(undefined, snapshot), error: undefined };
  }

  current = (): Held<S> => this.held;

  listen = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    this.stop ??= this.client.subscribe(this.operation, this.input, {
      next: update => {
        const state = this.fold(update.Reset ? undefined : this.held.state, update);
        this.change({ state, error: undefined });
      },
      error: error => this.change({ ...this.held, error })
    });
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size === 0) {
        this.stop?.();
        this.stop = undefined;
      }
    };
  };

  private change(held: Held<S>): void {
    this.held = held;
    this.listeners.forEach(listener => listener());
  }
}
