import { expect, test } from 'vitest';
import { parseAnsi, stripAnsi } from '../../src/ui/ansi';
import { foldLog, levelOf, lineAtRow, rowTops, search } from '../../src/ui/logModel';

const update = (Text: string, more = {}) => ({
  Cursor: '1',
  Reset: false,
  Ended: false,
  FirstLine: 1,
  Text,
  DroppedBytes: 0,
  ...more
});

test('a line that arrives in two pieces is one line', () => {
  const state = foldLog(foldLog(undefined, update('one\ntw')), update('o\nthree\n'));
  expect(state.lines).toEqual(['one', 'two', 'three']);
});

test('a progress bar that redraws its line leaves its last drawing', () => {
  expect(foldLog(undefined, update(' 10%|#\r 50%|###\r100%|#####\ndone\n')).lines).toEqual([
    '100%|#####',
    'done'
  ]);
});

test('a progress bar that redraws across updates leaves its last drawing', () => {
  const state = foldLog(foldLog(undefined, update(' 10%|#')), update('\r 50%|###'));
  expect(state.lines).toEqual([' 50%|###']);
});

test('an empty update keeps an unfinished line open', () => {
  const state = foldLog(foldLog(foldLog(undefined, update('a')), update('')), update('b\n'));
  expect(state.lines).toEqual(['ab']);
});

test('the first error is found as the lines come', () => {
  const quiet = foldLog(undefined, update('all good\n'));
  expect(quiet.firstError).toBe(-1);
  const state = foldLog(quiet, update("Traceback (most recent call last):\nKeyError: 'x'\n"));
  expect(state.firstError).toBe(1);
});

test.each([
  ["ValueError: could not convert string to float: 'x'", 'error'],
  ['2026-01-01 ERROR worker died', 'error'],
  ['sklearn.exceptions.NotFittedError: not fitted', 'error'],
  ['UserWarning: X does not have valid feature names', 'warning'],
  ['epoch 3 error=0.12', undefined],
  ['mean absolute error: 12', undefined]
])('the level of %j is %s', (line, level) => {
  expect(levelOf(line)).toBe(level);
});

test('search ignores case and colour', () => {
  expect(search(['Loss', '\u001b[31mLo\u001b[0mss', 'x'], 'loss')).toEqual([0, 1]);
});

test('wrapped lines take as many rows as they need', () => {
  const tops = rowTops(['a'.repeat(25), '', 'b'], 10);
  expect([...tops]).toEqual([0, 3, 4, 5]);
  expect(lineAtRow(tops, 2)).toBe(0);
  expect(lineAtRow(tops, 3)).toBe(1);
  expect(lineAtRow(tops, 99)).toBe(2);
});

test('escape sequences become colours and weights', () => {
  expect(parseAnsi('\u001b[1;31mred\u001b[0m plain \u001b[92mbright')).toEqual([
    { text: 'red', bold: true, color: 1 },
    { text: ' plain ' },
    { text: 'bright', color: 10 }
  ]);
  expect(stripAnsi('\u001b[38;5;208morange\u001b[0m\u001b[2K')).toBe('orange');
});
