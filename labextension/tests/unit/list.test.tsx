import { act, fireEvent, screen, within } from '@testing-library/react';
import { expect, test } from 'vitest';
import { JobsPanel } from '../../src/panels/training';
import { JOBS_UPDATE } from '../gallery/data';
import { ScriptedClient } from '../gallery/scripted';
import { mount } from './mount';

test('of ten thousand jobs only those near the view are in the document', () => {
  const [job] = JOBS_UPDATE.Jobs;
  const Jobs = Array.from({ length: 10_000 }, (_, index) => ({
    ...job,
    TrainingJobName: `job-${index}`,
    CreationTime: 20_000 - index
  }));
  const client = new ScriptedClient({
    WatchTrainingJobs: push => {
      push({ ...JOBS_UPDATE, Jobs });
      return undefined;
    }
  });
  mount(<JobsPanel />, client);
  const grid = screen.getByRole('grid', { name: 'Training jobs' });
  const rows = within(grid).getAllByRole('row');
  expect(rows.length).toBeLessThan(200);
  expect(grid.getAttribute('aria-rowcount')).toBe('10000');
  act(() => rows[0]?.focus());
  fireEvent.keyDown(rows[0] as HTMLElement, { key: 'End' });
  expect(document.activeElement?.getAttribute('data-row')).toBe('job-9999');
  expect(document.activeElement?.getAttribute('aria-rowindex')).toBe('10000');
  fireEvent.keyDown(document.activeElement as HTMLElement, { key: 'ArrowUp' });
  expect(document.activeElement?.getAttribute('data-row')).toBe('job-9998');
  expect(within(grid).getAllByRole('row').length).toBeLessThan(200);
});
