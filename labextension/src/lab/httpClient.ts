import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import {
  ConnectionSignal,
  errorFromWire,
  ServiceError,
  toServiceError,
  type DataClient,
  type Observer
} from '../core/client';
import type { Calls, CallName, Watches, WatchName } from '../core/operations';
import type { Update } from '../core/types/stream';
import { Stream } from './stream';

const POLL_MS = 2000;
const POLL_FROM = 3;

interface Subscription {
  operation: WatchName;
  input: object;
  cursor: string | undefined;
  observer: Observer<Update>;
}

/** A row of polls, from the loss of the stream until it is back. */
interface Polling {
  timer?: ReturnType<typeof setTimeout>;
}

/** Speaks to the Jupyter server: one request per call, one web socket for everything that is followed. */
export class HttpClient implements DataClient {
  readonly connection = new ConnectionSignal();
  private subscriptions = new Map<string, Subscription>();
  private nextId = 1;
  private stream: Stream;
  private polling: Polling | undefined;

  constructor(private settings: ServerConnection.ISettings) {
    this.stream = new Stream(settings, URLExt.join(settings.wsUrl, 'jupyter-ml', 'api', 'stream'), {
      onOpen: () => {
        this.stopPolling();
        this.connection.set('live');
        this.subscriptions.forEach((_, id) => this.announce(id));
      },
      onMessage: message => this.receive(message),
      onLost: failures => {
        // Without a socket the polls know best whether the server answers at all.
        if (failures < POLL_FROM) {
          this.connection.set('offline');
        } else {
          this.startPolling();
        }
      }
    });
  }

  call = async <K extends CallName>(
    operation: K,
    input: Calls[K]['input']
  ): Promise<Calls[K]['output']> => {
    if (operation === 'InvokeEndpoint') {
      return (await this.invoke(input as Calls['InvokeEndpoint']['input'])) as Calls[K]['output'];
    }
    return (await this.post(operation, input)) as Calls[K]['output'];
  };

  subscribe = <K extends WatchName>(
    operation: K,
    input: Watches[K]['input'],
    observer: Observer<Watches[K]['output']>
  ): (() => void) => {
    const id = `s${this.nextId++}`;
    this.subscriptions.set(id, {
      operation,
      input,
      cursor: undefined,
      observer: observer as Observer<Update>
    });
    this.stream.open();
    this.announce(id);
    return () => {
      this.subscriptions.delete(id);
      this.stream.send({ type: 'unsubscribe', id });
      if (this.subscriptions.size === 0) {
        this.stopPolling();
      }
    };
  };

  dispose(): void {
    this.subscriptions.clear();
    this.stopPolling();
    this.stream.close();
  }

  private announce(id: string): void {
    const subscription = this.subscriptions.get(id);
    if (subscription) {
      this.stream.send({
        type: 'subscribe',
        id,
        operation: subscription.operation,
        input: request(subscription)
      });
    }
  }

  private receive(message: Record<string, unknown>): void {
    const subscription = this.subscriptions.get(String(message['id']));
    if (!subscription) {
      return;
    }
    if (message['type'] === 'update') {
      deliver(subscription, message['output'] as Update);
    } else if (message['type'] === 'error') {
      subscription.observer.error(errorFromWire(message['error']));
    }
  }

  private startPolling(): void {
    if (this.polling) {
      return;
    }
    const mine: Polling = {};
    this.polling = mine;
    const round = async (): Promise<void> => {
      await Promise.all([...this.subscriptions.values()].map(one => this.poll(one, mine)));
      if (this.polling === mine) {
        mine.timer = setTimeout(() => void round(), POLL_MS);
      }
    };
    void round();
  }

  /** Ask once; an answer that comes when the stream is back is older than what that sends. */
  private async poll(subscription: Subscription, mine: Polling): Promise<void> {
    try {
      const update = await this.post(subscription.operation, request(subscription));
      if (this.polling !== mine) {
        return;
      }
      deliver(subscription, update as Update);
      if (this.connection.current() === 'offline') {
        this.stream.hurry();
      }
      this.connection.set('polling');
    } catch (error) {
      if (this.polling !== mine) {
        return;
      }
      const problem = toServiceError(error);
      if (problem.code === 'NetworkError') {
        this.connection.set('offline');
      } else {
        subscription.observer.error(problem);
      }
    }
  }

  private stopPolling(): void {
    clearTimeout(this.polling?.timer);
    this.polling = undefined;
  }

  private async post(operation: string, input: object): Promise<unknown> {
    const url = URLExt.join(this.settings.baseUrl, 'jupyter-ml', 'api', operation);
    const response = await this.request(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(input)
    });
    return response.json();
  }

  private async invoke(
    input: Calls['InvokeEndpoint']['input']
  ): Promise<Calls['InvokeEndpoint']['output']> {
    const url = URLExt.join(
      this.settings.baseUrl,
      'jupyter-ml',
      'endpoints',
      encodeURIComponent(input.EndpointName),
      'invocations'
    );
    const response = await this.request(url, {
      method: 'POST',
      headers: { 'Content-Type': input.ContentType, Accept: input.Accept },
      body: input.Body
    });
    return { Body: await response.text(), ContentType: response.headers.get('Content-Type') ?? '' };
  }

  private async request(url: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await ServerConnection.makeRequest(url, init, this.settings);
    } catch (error) {
      throw new ServiceError(
        'NetworkError',
        `The Jupyter server does not answer: ${toServiceError(error).message}`
      );
    }
    if (!response.ok) {
      throw await errorFromResponse(response);
    }
    return response;
  }
}

async function errorFromResponse(response: Response): Promise<ServiceError> {
  const text = await response.text();
  try {
    return errorFromWire(JSON.parse(text));
  } catch {
    return new ServiceError(
      response.status === 404 ? 'ExtensionNotFound' : 'InternalFailure',
      response.status === 404
        ? 'The Jupyter server does not run the jupyter_ml extension. Check with `jupyter server extension list`.'
        : `The Jupyter server answered ${response.status} ${response.statusText}.`
    );
  }
}

function request(subscription: Subscription): object {
  return subscription.cursor === undefined
    ? subscription.input
    : { ...subscription.input, Cursor: subscription.cursor };
}

function deliver(subscription: Subscription, output: Update): void {
  // A poll that found nothing new answers the same cursor; the fold need not run for it.
  if (output.Cursor === subscription.cursor && !output.Reset) {
    return;
  }
  subscription.cursor = output.Cursor;
  subscription.observer.next(output);
}
