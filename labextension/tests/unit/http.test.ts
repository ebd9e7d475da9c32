import { ServerConnection } from '@jupyterlab/services';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { HttpClient } from '../../src/lab/httpClient';

/** A server that refuses sockets until it is told to take them, and answers polls when told to. */
class Server {
  sockets: Socket[] = [];
  polls: ((response: Response) => void)[] = [];

  get settings(): ServerConnection.ISettings {
    const opened = (socket: Socket): void => void this.sockets.push(socket);
    return ServerConnection.makeSettings({
      baseUrl: 'http://localhost/',
      wsUrl: 'ws://localhost/',
      fetch: () => new Promise<Response>(resolve => this.polls.push(resolve)),
      WebSocket: class extends Socket {
        constructor() {
          super();
          opened(this);
        }
      } as unknown as typeof WebSocket
    });
  }

  answer(): void {
    this.polls
      .splice(0)
      .forEach(resolve => resolve(Response.json({ Cursor: '1', Reset: true, Endpoints: [] })));
  }
}

class Socket {
  readyState = 0;
  onopen?: () => void;
  onclose?: () => void;
  send(): void {
    // what is asked over the stream does not matter here
  }
  close(): void {
    this.onclose?.();
  }
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

async function lose(server: Server): Promise<void> {
  for (let failed = 0; failed < 3; failed += 1) {
    server.sockets.at(-1)?.onclose?.();
    await vi.advanceTimersByTimeAsync(1500);
  }
}

function follow(server: Server): HttpClient {
  const client = new HttpClient(server.settings);
  client.subscribe('WatchEndpoints', {}, { next: () => undefined, error: () => undefined });
  server.sockets.at(-1)?.onopen?.();
  return client;
}

test('the connection counts as lost until a poll was answered', async () => {
  const server = new Server();
  const client = follow(server);
  expect(client.connection.current()).toBe('live');
  await lose(server);
  expect(client.connection.current()).toBe('offline');
  server.answer();
  await vi.advanceTimersByTimeAsync(0);
  expect(client.connection.current()).toBe('polling');
});

test('a poll that was under way when the stream came back does not undo it', async () => {
  const server = new Server();
  const client = follow(server);
  await lose(server);
  expect(server.polls).toHaveLength(1);
  server.sockets.at(-1)?.onopen?.();
  server.answer();
  await vi.advanceTimersByTimeAsync(5000);
  expect(client.connection.current()).toBe('live');
  expect(server.polls).toHaveLength(0);
});
