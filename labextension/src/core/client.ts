import type { Calls, CallName, Watches, WatchName } from './operations';

/** How fresh the panels are: pushed, asked for every few seconds, or not at all for the moment. */
export type Connection = 'connecting' | 'live' | 'polling' | 'offline';

/** What the service refused, in its own words. */
export class ServiceError extends Error {
  constructor(
    readonly code: string,
    message: string,
    /** What the model server itself answered, where it was the one that refused. */
    readonly original?: { status: number; message: string }
  ) {
    super(message);
    this.name = 'ServiceError';
  }

  get isNotFound(): boolean {
    return (
      /NotFound/.test(this.code) || /not found|could not find|does not exist/i.test(this.message)
    );
  }
}

export interface Observer<T> {
  next(update: T): void;
  error(error: ServiceError): void;
}

export interface ConnectionState {
  current(): Connection;
  onChange(listener: () => void): () => void;
}

/**
 * The only way a panel reaches the services. One implementation speaks HTTP to the Jupyter server,
 * the other speaks over a widget's comm to the kernel.
 */
export interface DataClient {
  readonly connection: ConnectionState;
  call<K extends CallName>(operation: K, input: Calls[K]['input']): Promise<Calls[K]['output']>;
  /** Answer a snapshot, then every change, until the returned function is called. */
  subscribe<K extends WatchName>(
    operation: K,
    input: Watches[K]['input'],
    observer: Observer<Watches[K]['output']>
  ): () => void;
}

/** A connection whose value a client sets as it finds out. */
export class ConnectionSignal implements ConnectionState {
  private listeners = new Set<() => void>();

  constructor(private value: Connection = 'connecting') {}

  current = (): Connection => this.value;

  onChange = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  set(value: Connection): void {
    if (value !== this.value) {
      this.value = value;
      this.listeners.forEach(listener => listener());
    }
  }
}

/** An error as it travels: `{"__type": code, "message": text}`. */
export function errorFromWire(error: unknown): ServiceError {
  const fields =
    typeof error === 'object' && error !== null ? (error as Record<string, unknown>) : {};
  const message = fields['message'] ?? fields['Message'];
  const [status, original] = [fields['OriginalStatusCode'], fields['OriginalMessage']];
  return new ServiceError(
    typeof fields['__type'] === 'string' ? fields['__type'] : 'InternalFailure',
    typeof message === 'string' && message ? message : 'The service answered without a message.',
    typeof status === 'number' && typeof original === 'string' && original
      ? { status, message: original }
      : undefined
  );
}

export function toServiceError(error: unknown): ServiceError {
  if (error instanceof ServiceError) {
    return error;
  }
  return new ServiceError(
    'InternalFailure',
    error instanceof Error ? error.message : String(error)
  );
}
