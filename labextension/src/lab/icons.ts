import { LabIcon } from '@jupyterlab/ui-components';

/** A stroke drawing; the theme recolours `jp-icon3` strokes, and a filled group would be filled by it too. */
const drawing = (path: string): string =>
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="16"><g fill="none" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">' +
  `<path class="jp-icon3 jp-icon-selectable" stroke="#616161" d="${path}"/></g></svg>`;

export const mlIcon = new LabIcon({
  name: 'jupyter-ml:ml',
  svgstr: drawing('M3 4v16h18M7 15l4-5 3.5 3L20 5')
});

export const endpointIcon = new LabIcon({
  name: 'jupyter-ml:endpoint',
  svgstr: drawing('M4 4h16v7H4zM4 13h16v7H4zM8 7.5h.01M8 16.5h.01')
});

export const compareIcon = new LabIcon({
  name: 'jupyter-ml:compare',
  svgstr: drawing('M7 4v16M17 4v16M7 8h10M7 16h10')
});
