import { expect, test } from 'vitest';
import { decimate, insideTicks, nearest, niceScale, smooth } from '../../src/ui/chartScale';

test('ticks are round and cover the data', () => {
  expect(niceScale(0.62, 0.991, 4).ticks).toEqual([0.6, 0.7, 0.8, 0.9, 1]);
});

test('a flat series still has a scale', () => {
  const scale = niceScale(5, 5, 4);
  expect(scale.low).toBeLessThan(5);
  expect(scale.high).toBeGreaterThan(5);
});

test('a time axis has ticks at round times', () => {
  expect(insideTicks(3, 130, 5, true)).toEqual([30, 60, 90, 120]);
});

test('a long series is thinned without losing its spike', () => {
  const xs = Array.from({ length: 100_000 }, (_, index) => index);
  const ys = xs.map(x => (x === 54_321 ? 1000 : Math.sin(x / 1000)));
  const thin = decimate({ name: 'a', xs, ys, color: 0 }, 300);
  expect(thin.xs.length).toBeLessThanOrEqual(1200);
  expect(Math.max(...thin.ys)).toBe(1000);
  expect(thin.xs.at(-1)).toBe(99_999);
});

test('a spike behind a value that is none is not lost', () => {
  const xs = Array.from({ length: 4000 }, (_, index) => index);
  const ys = xs.map(x => (x % 10 === 0 ? NaN : x === 1234 ? 50 : x === 2345 ? -50 : 1));
  const thin = decimate({ name: 'a', xs, ys, color: 0 }, 400);
  expect(thin.ys).toContain(50);
  expect(thin.ys).toContain(-50);
});

test('smoothing keeps a constant and does not lean on the first value', () => {
  smooth([3, 3, 3], 0.9).forEach(value => expect(value).toBeCloseTo(3));
  expect(smooth([1, 2], 0)).toEqual([1, 2]);
});

test('the nearest point is found on both sides', () => {
  expect(nearest([0, 10, 20], 14)).toBe(1);
  expect(nearest([0, 10, 20], 16)).toBe(2);
  expect(nearest([], 1)).toBe(-1);
});
