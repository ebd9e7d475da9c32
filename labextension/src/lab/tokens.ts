import { Token } from '@lumino/coreutils';
import type { PanelHost } from '../core/context';
import type { Activity } from './activity';

export interface IML {
  /** Mounts panels: the client, navigation, view state. */
  readonly host: PanelHost;
  readonly activity: Activity;
  /** The view state has been read; a panel that is painted before would forget it. */
  readonly ready: Promise<void>;
}

/** What the plugins of jupyter_ml share, and what another extension needs to show a panel of its own. */
export const IML = new Token<IML>(
  'jupyter-ml:IML',
  'The client, the navigation and the live activity of jupyter_ml.'
);
