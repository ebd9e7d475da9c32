import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { Target } from '../core/context';
import { assertNever } from '../core/status';
import { CommandIDs } from './commands';

type Arguments = Record<string, string | string[]>;

/** The command that shows a target; layout restoring and deep links use the same one. */
export function commandFor(target: Target): { id: string; args: Arguments } {
  switch (target.panel) {
    case 'TrainingJobs':
      return { id: CommandIDs.openTrainingJobs, args: {} };
    case 'TrainingJob':
      return { id: CommandIDs.openTrainingJob, args: { name: target.name } };
    case 'Endpoints':
      return { id: CommandIDs.openEndpoints, args: {} };
    case 'Endpoint':
      return { id: CommandIDs.openEndpoint, args: { name: target.name } };
    case 'Compare':
      return { id: CommandIDs.compareRuns, args: { names: target.names } };
    default:
      return assertNever(target);
  }
}

export function openTarget(app: JupyterFrontEnd, target: Target): void {
  const { id, args } = commandFor(target);
  void app.commands.execute(id, args);
}

/** What is waited for of a notebook that was just made. */
interface Notebook {
  revealed: Promise<void>;
}

/** New cells below the active one of the notebook in front, or in a notebook that is made for them. */
export async function insertCells(app: JupyterFrontEnd, cells: string[]): Promise<void> {
  const { commands } = app;
  let isEmpty = false;
  if (!commands.isEnabled('notebook:insert-cell-below')) {
    const kernelName = app.serviceManager.kernelspecs.specs?.default;
    const made = (await commands.execute('notebook:create-new', { kernelName })) as Notebook | null;
    await made?.revealed;
    isEmpty = true;
  }
  for (const code of cells) {
    if (!isEmpty) {
      await commands.execute('notebook:insert-cell-below');
    }
    isEmpty = false;
    await commands.execute('notebook:replace-selection', { text: code });
  }
  await commands.execute('notebook:enter-edit-mode').catch(() => undefined);
}
