import {
  ConnectionSignal,
  ServiceError,
  type DataClient,
  type Observer
} from '../../src/core/client';
import type { Calls, CallName, Watches, WatchName } from '../../src/core/operations';

type Source = (push: (output: object) => void, input: object) => (() => void) | undefined;

/** A client whose answers are written down beforehand, for the gallery and the unit tests. */
export class ScriptedClient implements DataClient {
  readonly connection = new ConnectionSignal('live');
  readonly calls: { operation: string; input: object }[] = [];
  private observers = new Map<string, Set<Observer<object>>>();

  constructor(
    private watches: Partial<Record<WatchName, Source>>,
    private answers: Partial<Record<CallName, (input: object) => object>> = {}
  ) {}

  call = <K extends CallName>(
    operation: K,
    input: Calls[K]['input']
  ): Promise<Calls[K]['output']> => {
    this.calls.push({ operation, input });
    const answer = this.answers[operation];
    if (!answer) {
      return Promise.reject(
        new ServiceError('NotImplementedException', `${operation} is not scripted.`)
      );
    }
    return new Promise((resolve, reject) => {
      try {
        resolve(answer(input) as Calls[K]['output']);
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  };

  subscribe = <K extends WatchName>(
    operation: K,
    input: Watches[K]['input'],
    observer: Observer<Watches[K]['output']>
  ): (() => void) => {
    const listener = observer as Observer<object>;
    const held = this.observers.get(operation) ?? new Set();
    this.observers.set(operation, held.add(listener));
    const stop = this.watches[operation]?.(output => listener.next(output), input);
    return () => {
      held.delete(listener);
      stop?.();
    };
  };

  /** Push an update to everybody who follows the operation. */
  push<K extends WatchName>(operation: K, output: Watches[K]['output']): void {
    this.observers.get(operation)?.forEach(observer => observer.next(output));
  }

  fail(operation: WatchName, error: ServiceError): void {
    this.observers.get(operation)?.forEach(observer => observer.error(error));
  }
}
