import type { AnyModel } from '@anywidget/types';
import {
  ConnectionSignal,
  errorFromWire,
  ServiceError,
  type DataClient,
  type Observer
} from '../core/client';
import type { Calls, CallName, Watches, WatchName } from '../core/operations';
import type { Update } from '../core/types/stream';

interface Waiting {
  resolve(output: unknown): void;
  reject(error: ServiceError): void;
}

const SILENCE_MS = 20_000;

/** Speaks to the kernel over the widget's comm: calls are answered by id, updates arrive on their own. */
export class CommClient implements DataClient {
  readonly connection = new ConnectionSignal('connecting');
  private waiting = new Map<string, Waiting>();
  private observers = new Map<string, Observer<Update>>();
  private silence: ReturnType<typeof setTimeout> | undefined;

  constructor(private model: AnyModel) {
    model.on('msg:custom', this.receive);
  }

  call = <K extends CallName>(
    operation: K,
    input: Calls[K]['input']
  ): Promise<Calls[K]['output']> =>
    new Promise((resolve, reject) => {
      const id = crypto.randomUUID();
      this.waiting.set(id, { resolve: output => resolve(output as Calls[K]['output']), reject });
      this.send({ kind: 'call', id, operation, input });
    });

  subscribe = <K extends WatchName>(
    operation: K,
    input: Watches[K]['input'],
    observer: Observer<Watches[K]['output']>
  ): (() => void) => {
    const id = crypto.randomUUID();
    this.observers.set(id, observer as Observer<Update>);
    this.send({ kind: 'subscribe', id, operation, input });
    return () => {
      this.observers.delete(id);
      this.send({ kind: 'unsubscribe', id });
    };
  };

  dispose(): void {
    clearTimeout(this.silence);
    this.model.off('msg:custom', this.receive);
    this.observers.forEach((_, id) => this.send({ kind: 'unsubscribe', id }));
    this.waiting.forEach(({ reject }) =>
      reject(new ServiceError('Closed', 'The output was closed.'))
    );
  }

  /** A busy kernel answers late, a dead one never; both look the same from here, so only say that it is quiet. */
  private send(message: object): void {
    this.model.send(message);
    this.silence ??= setTimeout(() => this.connection.set('offline'), SILENCE_MS);
  }

  private receive = (message: unknown): void => {
    clearTimeout(this.silence);
    this.silence = undefined;
    this.connection.set('live');
    const fields = message as Record<string, unknown>;
    const id = String(fields['id']);
    if (fields['kind'] === 'reply') {
      const waiting = this.waiting.get(id);
      this.waiting.delete(id);
      if (fields['error'] !== undefined && fields['error'] !== null) {
        waiting?.reject(errorFromWire(fields['error']));
      } else {
        waiting?.resolve(fields['output']);
      }
    } else if (fields['kind'] === 'update') {
      const observer = this.observers.get(id);
      if (fields['error'] !== undefined && fields['error'] !== null) {
        observer?.error(errorFromWire(fields['error']));
      } else {
        observer?.next(fields['output'] as Update);
      }
    }
  };
}
