import {
  useCallback,
  useEffect,
  useMemo,
  useReducer,
  useRef,
  useState,
  useSyncExternalStore
} from 'react';
import { toServiceError, type Connection, type ServiceError } from './client';
import { usePanel } from './context';
import type { Watches, WatchName } from './operations';
import { WatchStore, type Fold } from './watchStore';

export interface Watched<S> {
  /** Undefined until the first snapshot. */
  state: S | undefined;
  error: ServiceError | undefined;
  retry(): void;
}

/** Follow a read operation and fold its updates into one state; `fold` must be a stable, pure function. */
export function useWatch<K extends WatchName, S>(
  operation: K,
  input: Watches[K]['input'],
  fold: Fold<K, S>,
  snapshot?: Watches[K]['output']
): Watched<S> {
  const { client } = usePanel();
  const key = JSON.stringify(input);
  const [attempt, retry] = useReducer((n: number) => n + 1, 0);
  const [first] = useState(snapshot);
  const store = useMemo(
    () =>
      new WatchStore(
        client,
        operation,
        JSON.parse(key) as Watches[K]['input'],
        fold,
        attempt === 0 ? first : undefined
      ),
    [client, operation, key, fold, first, attempt]
  );
  const { state, error } = useSyncExternalStore(store.listen, store.current);
  return { state, error, retry };
}

export interface Action {
  busy: boolean;
  error: ServiceError | undefined;
  run(): void;
  clear(): void;
}

/** Run something asynchronous on request, once at a time, and keep its error for display. */
export function useAction(perform: () => Promise<void>): Action {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ServiceError>();
  const latest = useRef(perform);
  useEffect(() => {
    latest.current = perform;
  });
  const run = useCallback(() => {
    setBusy(true);
    setError(undefined);
    latest
      .current()
      .catch((problem: unknown) => setError(toServiceError(problem)))
      .finally(() => setBusy(false));
  }, []);
  return { busy, error, run, clear: useCallback(() => setError(undefined), []) };
}

export function useConnection(): Connection {
  const { connection } = usePanel().client;
  return useSyncExternalStore(connection.onChange, connection.current);
}

/** The time in epoch seconds, refreshed once a second while something shown depends on it. */
export function useNow(active = true, everyMs = 1000): number {
  const [now, setNow] = useState(() => Date.now() / 1000);
  useEffect(() => {
    if (!active) {
      return;
    }
    const timer = setInterval(() => setNow(Date.now() / 1000), everyMs);
    return () => clearInterval(timer);
  }, [active, everyMs]);
  return now;
}

/** The width of an element in CSS pixels, 0 until measured. */
export function useWidth<E extends Element>(): [React.RefObject<E>, number] {
  const ref = useRef<E>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = ref.current;
    if (!element) {
      return;
    }
    setWidth(element.clientWidth);
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [ref, width];
}

/** A piece of view state that survives a reload where the host can keep it. */
export function useViewState<T extends string | number | boolean>(
  key: string,
  initial: T
): [T, (value: T) => void] {
  const { memory } = usePanel();
  const [value, setValue] = useState<T>(() => {
    const kept = memory.get(key);
    return typeof kept === typeof initial ? (kept as T) : initial;
  });
  const set = useCallback(
    (next: T) => {
      setValue(next);
      memory.set(key, next);
    },
    [memory, key]
  );
  return [value, set];
}
