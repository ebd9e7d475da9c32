/** Every command, named once for the palette, the menus, the shortcuts and the panels. */
export const CommandIDs = {
  showSidebar: 'jupyter-ml:show-sidebar',
  openTrainingJobs: 'jupyter-ml:open-training-jobs',
  openTrainingJob: 'jupyter-ml:open-training-job',
  openEndpoints: 'jupyter-ml:open-endpoints',
  openEndpoint: 'jupyter-ml:open-endpoint',
  compareRuns: 'jupyter-ml:compare-runs',
  stopTrainingJob: 'jupyter-ml:stop-training-job',
  stopAllTrainingJobs: 'jupyter-ml:stop-all-training-jobs',
  insertExample: 'jupyter-ml:insert-example'
} as const;

export const CATEGORY = 'ML';
