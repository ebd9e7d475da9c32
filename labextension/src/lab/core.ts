import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStateDB } from '@jupyterlab/statedb';
import type { PanelHost, Target } from '../core/context';
import { Activity } from './activity';
import { HttpClient } from './httpClient';
import { KeptMemory } from './memory';
import { insertCells, openTarget } from './navigation';
import { IML } from './tokens';

/** Fired on a panel inside a notebook output, which cannot reach JupyterLab's commands by itself. */
const OPEN_EVENT = 'jupyter-ml:open';

export const corePlugin: JupyterFrontEndPlugin<IML> = {
  id: 'jupyter-ml:core',
  description: 'Holds the connection to the server and follows what goes on.',
  autoStart: true,
  provides: IML,
  optional: [IStateDB],
  activate: (app: JupyterFrontEnd, database: IStateDB | null): IML => {
    const client = new HttpClient(app.serviceManager.serverSettings);
    const memory = new KeptMemory(database);
    const host: PanelHost = {
      client,
      memory,
      open: target => openTarget(app, target),
      insertCells: cells => void insertCells(app, cells)
    };
    document.addEventListener(OPEN_EVENT, event => {
      if (event instanceof CustomEvent) {
        event.preventDefault();
        openTarget(app, event.detail as Target);
      }
    });
    const activity = new Activity(client);
    void app.restored.then(() => activity.start());
    return { host, activity, ready: memory.ready };
  }
};
