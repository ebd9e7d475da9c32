import { act, fireEvent, screen } from '@testing-library/react';
import { expect, test, vi } from 'vitest';
import { JobPage } from '../../src/panels/training';
import { LineChart, type Curve, type Finer } from '../../src/ui';
import { tickLabels } from '../../src/ui/chartScale';
import { between, cut, panned, scaled, spliced, viewOf } from '../../src/ui/chartZoom';
import { JOB_UPDATE } from '../gallery/data';
import { ScriptedClient } from '../gallery/scripted';
import { mount } from './mount';

const WHOLE = { low: 0, high: 100 };
const line = (xs: number[], name = 'loss'): Curve => ({ name, xs, ys: xs.map(x => x), color: 0 });
const count = (from: number, to: number, step = 1): number[] =>
  Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, index) => from + index * step);

test('a range is taken in either direction and is open where it meets the end of the data', () => {
  expect(between(60, 20, WHOLE)).toEqual({ low: 20, high: 60 });
  expect(between(20, 100, WHOLE)).toEqual({ low: 20, high: Infinity });
  expect(between(-5, 100, WHOLE)).toBeUndefined();
});

test('a range that is open shows what has come since, a closed one does not', () => {
  const later = { low: 0, high: 140 };
  expect(viewOf({ low: 20, high: Infinity }, later)).toEqual({ low: 20, high: 140 });
  expect(viewOf({ low: 20, high: 60 }, later)).toEqual({ low: 20, high: 60 });
  expect(viewOf({ low: 200, high: Infinity }, later)).toBeUndefined();
});

test('zooming keeps its place and ends at everything; panning ends at the data', () => {
  expect(scaled({ low: 20, high: 60 }, WHOLE, 0.5, 30)).toEqual({ low: 25, high: 45 });
  expect(scaled({ low: 20, high: 60 }, WHOLE, 4)).toBeUndefined();
  expect(panned({ low: 20, high: 60 }, WHOLE, 0.25)).toEqual({ low: 30, high: 70 });
  expect(panned({ low: 20, high: 60 }, WHOLE, -2)).toEqual({ low: -Infinity, high: 40 });
});

test('finer points take the place of coarse ones, and those around stay', () => {
  const merged = spliced(line(count(0, 100, 10)), line(count(35, 45)));
  expect(merged.xs).toEqual([0, 10, 20, 30, ...count(35, 45), 50, 60, 70, 80, 90, 100]);
  expect(cut(merged, { low: 34, high: 36 }, 1).xs).toEqual([30, 35, 36, 37]);
});

test('ticks that would say the same count from the first', () => {
  expect(tickLabels([7200, 7200.5], true, () => '2 h')).toEqual(['2 h', '+0.5 s']);
  expect(tickLabels([1, 2], false, String)).toEqual(['1', '2']);
});

function shown(coarse: number[], finer: Finer) {
  const chart = (xs: number[]) => <LineChart title="loss" curves={[line(xs)]} finer={finer} />;
  const mounted = mount(chart(coarse), new ScriptedClient({}));
  const plot = (): HTMLElement => screen.getByRole('img');
  const press = (key: string): boolean => fireEvent.keyDown(plot(), { key });
  return { ...mounted, press, label: () => plot().getAttribute('aria-label') ?? '' };
}

test('the coarse points stay until the answer is there, and an answer that comes late is dropped', async () => {
  const answers: ((curves: Curve[]) => void)[] = [];
  const finer = vi.fn<Finer>(() => new Promise(resolve => answers.push(resolve)));
  const { press, label } = shown(count(0, 100, 10), finer);
  press('+');
  expect(finer).toHaveBeenLastCalledWith({ low: 25, high: 75 });
  expect(label()).toContain('5 points');
  expect(screen.getByRole('figure').getAttribute('aria-busy')).toBe('true');
  press('+');
  expect(finer).toHaveBeenLastCalledWith({ low: 37.5, high: 62.5 });
  await act(async () => answers[1]?.([line(count(37, 63))]));
  expect(label()).toContain('25 points');
  expect(screen.getByRole('figure').getAttribute('aria-busy')).toBe('false');
  await act(async () => answers[0]?.([line([40])]));
  expect(label()).toContain('25 points');
});

test('Escape, a double click and the button show everything again', async () => {
  const { press, label } = shown(count(0, 100, 10), () => Promise.resolve([]));
  const resets = [
    () => press('Escape'),
    () => fireEvent.doubleClick(screen.getByRole('img')),
    () => fireEvent.click(screen.getByRole('button', { name: 'Reset zoom' }))
  ];
  for (const reset of resets) {
    await act(async () => void press('+'));
    expect(label()).toContain('5 points');
    await act(async () => void reset());
    expect(label()).toContain('11 points');
    expect(screen.queryByRole('button', { name: 'Reset zoom' })).toBeNull();
  }
  expect(screen.getByRole('status').textContent).toBe('loss: all points');
});

test('what the service refuses is said beside the coarse points', async () => {
  const { press, label } = shown(count(0, 100, 10), () => Promise.reject(new Error('It is gone.')));
  await act(async () => void press('+'));
  expect(screen.getByText('Finer points could not be read: It is gone.')).toBeTruthy();
  expect(label()).toContain('5 points');
});

test('the page of a job asks for the part of the series of a chart that is zoomed into', async () => {
  const client = new ScriptedClient(
    { WatchTrainingJob: push => void push(JOB_UPDATE) },
    { GetRunMetrics: () => ({ Series: [] }) }
  );
  mount(<JobPage name="cancer-4" />, client);
  const plot = screen.getByRole('img', { name: /^auc\./ });
  await act(async () => void fireEvent.keyDown(plot, { key: '+' }));
  expect(client.calls.at(-1)).toEqual({
    operation: 'GetRunMetrics',
    input: {
      RunName: 'cancer-4',
      Names: ['train:auc', 'validation:auc'],
      MaxPoints: 2000,
      Axis: 'Step',
      From: 30.75,
      To: 92.25
    }
  });
});
