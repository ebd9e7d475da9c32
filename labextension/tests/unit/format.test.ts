import { progressText } from '../../src/ui';
import { expect, test } from 'vitest';
import {
  bytes,
  delta,
  duration,
  elapsed,
  memory,
  metric,
  milliseconds,
  relativeTime
} from '../../src/core/format';

test.each([
  [0.42, '0.4 s'],
  [9.97, '10 s'],
  [59.6, '1m 00s'],
  [3599.7, '1h 00m'],
  [93_600, '1d 2h'],
  [NaN, '–']
])('a duration of %s seconds reads %s', (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});

test('a running time has no tenths, so that it ticks evenly', () => {
  expect(elapsed(3.9)).toBe('3 s');
  expect(elapsed(72.4)).toBe('1m 12s');
});

test.each([
  [0.991234, '0.9912'],
  [0, '0'],
  [12, '12'],
  [1234567, '1,234,567'],
  [0.00001234, '1.23e−5'],
  [-0.5, '−0.5'],
  [NaN, 'NaN'],
  [Infinity, '∞']
])('the metric %s reads %s', (value, text) => {
  expect(metric(value)).toBe(text);
});

test('a delta always has a sign', () => {
  expect(delta(0.0041)).toBe('+0.0041');
  expect(delta(-12)).toBe('−12');
  expect(delta(0)).toBe('±0');
});

test('sizes keep three digits', () => {
  expect(bytes(999)).toBe('999 B');
  expect(bytes(82_400)).toBe('82.4 kB');
  expect(memory(655)).toBe('655 MiB');
  expect(memory(8192)).toBe('8.0 GiB');
  expect(milliseconds(0.42)).toBe('0.42 ms');
});

test('times near the present are relative', () => {
  expect(relativeTime(100, 102)).toBe('just now');
  expect(relativeTime(100, 100 + 180)).toBe('3 min ago');
});

test('what is done has no time left', () => {
  expect(progressText({ Current: 5, Total: 5, Fraction: 1, EtaSeconds: 0 })).toBe('5/5 · 100 %');
});
