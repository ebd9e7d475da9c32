import { expect, test, vi } from 'vitest';
import { CommClient } from '../../src/widget/commClient';

class Kernel {
  sent: Record<string, unknown>[] = [];
  private listeners = new Set<(message: unknown) => void>();

  model = {
    send: (message: Record<string, unknown>) => void this.sent.push(message),
    on: (_event: string, listener: (message: unknown) => void) => void this.listeners.add(listener),
    off: (_event: string, listener: (message: unknown) => void) =>
      void this.listeners.delete(listener)
  };

  client(): CommClient {
    return new CommClient(this.model as unknown as ConstructorParameters<typeof CommClient>[0]);
  }

  answer(message: object): void {
    this.listeners.forEach(listener => listener(message));
  }
}

test('a call is answered by its id', async () => {
  const kernel = new Kernel();
  const client = kernel.client();
  const reply = client.call('StopTrainingJob', { TrainingJobName: 'a' });
  const id = kernel.sent[0]?.['id'];
  expect(kernel.sent[0]).toMatchObject({
    kind: 'call',
    operation: 'StopTrainingJob',
    input: { TrainingJobName: 'a' }
  });
  kernel.answer({ kind: 'reply', id: 'another', output: { wrong: true } });
  kernel.answer({ kind: 'reply', id, output: {} });
  expect(await reply).toEqual({});
  expect(client.connection.current()).toBe('live');
});

test('an error keeps the code and the words of the service', async () => {
  const kernel = new Kernel();
  const reply = kernel.client().call('StopTrainingJob', { TrainingJobName: 'a' });
  kernel.answer({
    kind: 'reply',
    id: kernel.sent[0]?.['id'],
    error: { __type: 'ValidationException', message: 'no' }
  });
  await expect(reply).rejects.toMatchObject({ code: 'ValidationException', message: 'no' });
});

test('updates arrive until the subscription is closed', () => {
  const kernel = new Kernel();
  const next = vi.fn();
  const stop = kernel.client().subscribe('WatchEndpoints', {}, { next, error: vi.fn() });
  const id = kernel.sent[0]?.['id'];
  kernel.answer({
    kind: 'update',
    id,
    output: { Cursor: '1', Reset: true, Endpoints: [], Removed: [] }
  });
  stop();
  kernel.answer({
    kind: 'update',
    id,
    output: { Cursor: '2', Reset: false, Endpoints: [], Removed: [] }
  });
  expect(next).toHaveBeenCalledTimes(1);
  expect(kernel.sent.at(-1)).toEqual({ kind: 'unsubscribe', id });
});

test('a kernel that stays silent is said to be offline', () => {
  vi.useFakeTimers();
  const kernel = new Kernel();
  const client = kernel.client();
  client.subscribe('WatchEndpoints', {}, { next: vi.fn(), error: vi.fn() });
  vi.advanceTimersByTime(20_000);
  expect(client.connection.current()).toBe('offline');
  vi.useRealTimers();
});
