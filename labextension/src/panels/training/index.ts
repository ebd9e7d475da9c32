export { EXAMPLE_CELLS } from './example';
export { JobPage } from './JobPage';
export { JobsPanel } from './JobsPanel';
export { foldJobs, type JobsState } from './model';
