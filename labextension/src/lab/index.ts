import { corePlugin } from './core';
import { outputsPlugin } from './outputs';
import { panelsPlugin } from './panels';
import { statusPlugin } from './status';

export { IML } from './tokens';

export default [corePlugin, panelsPlugin, statusPlugin, outputsPlugin];
