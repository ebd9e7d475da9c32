import {
  ILabShell,
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  Dialog,
  ICommandPalette,
  InputDialog,
  MainAreaWidget,
  showDialog,
  showErrorMessage,
  WidgetTracker
} from '@jupyterlab/apputils';
import { ILauncher } from '@jupyterlab/launcher';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { toServiceError } from '../core/client';
import type { Target } from '../core/context';
import { isLive } from '../core/status';
import { EXAMPLE_CELLS } from '../panels/training';
import { CATEGORY, CommandIDs } from './commands';
import { compareIcon, endpointIcon, mlIcon } from './icons';
import { commandFor } from './navigation';
import { PanelWidget, targetKey } from './PanelWidget';
import { SidebarWidget } from './SidebarWidget';
import { IML } from './tokens';

export const panelsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-ml:panels',
  description: 'Adds the side bar, the pages, their commands and the launcher tile.',
  autoStart: true,
  requires: [IML],
  optional: [ILabShell, ILayoutRestorer, ICommandPalette, ILauncher],
  activate: (
    app: JupyterFrontEnd,
    ml: IML,
    shell: ILabShell | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    launcher: ILauncher | null
  ): void => {
    const sidebar = new SidebarWidget(ml);
    const tracker = new WidgetTracker<MainAreaWidget<PanelWidget>>({ namespace: 'jupyter-ml' });
    app.shell.add(sidebar, 'left', { rank: 350, type: 'ML' });
    addOpenCommands(app, ml, tracker);
    addActionCommands(app, ml);
    app.commands.addCommand(CommandIDs.showSidebar, {
      label: 'Show ML Jobs',
      caption: 'Show the side bar with jobs and endpoints',
      icon: mlIcon,
      execute: () => {
        (shell ?? app.shell).activateById(sidebar.id);
        requestAnimationFrame(() => sidebar.focusFirst());
      }
    });
    restorer?.add(sidebar, sidebar.id);
    void restorer?.restore(tracker, {
      command: 'jupyter-ml:restore',
      args: widget => ({
        id: commandFor(widget.content.target).id,
        args: commandFor(widget.content.target).args
      }),
      name: widget => targetKey(widget.content.target)
    });
    for (const command of Object.values(CommandIDs)) {
      palette?.addItem({ command, category: CATEGORY });
    }
    launcher?.add({ command: CommandIDs.openTrainingJobs, category: CATEGORY, rank: 0 });
  }
};

function addOpenCommands(
  app: JupyterFrontEnd,
  ml: IML,
  tracker: WidgetTracker<MainAreaWidget<PanelWidget>>
): void {
  const open = async (target: Target): Promise<MainAreaWidget<PanelWidget>> => {
    const key = targetKey(target);
    const found = tracker.find(widget => targetKey(widget.content.target) === key);
    const widget = found ?? new MainAreaWidget({ content: new PanelWidget(target, ml) });
    if (!found) {
      widget.id = `jupyter-ml-page-${key}`;
      widget.toolbar.hide();
      await tracker.add(widget);
    }
    if (!widget.isAttached) {
      app.shell.add(widget, 'main');
    }
    app.shell.activateById(widget.id);
    return widget;
  };
  const { commands } = app;
  commands.addCommand('jupyter-ml:restore', {
    execute: (args: ReadonlyPartialJSONObject) =>
      commands.execute(String(args['id']), args['args'] as ReadonlyPartialJSONObject)
  });
  commands.addCommand(CommandIDs.openTrainingJobs, {
    label: args => (args['isLauncher'] ? 'Jobs' : 'Open Training Jobs'),
    caption: 'Every training job of the workspace, in a tab',
    icon: mlIcon,
    execute: () => open({ panel: 'TrainingJobs' })
  });
  commands.addCommand(CommandIDs.openEndpoints, {
    label: 'Open Endpoints',
    caption: 'Every endpoint of the workspace, in a tab',
    icon: endpointIcon,
    execute: () => open({ panel: 'Endpoints' })
  });
  commands.addCommand(CommandIDs.openTrainingJob, {
    label: 'Open Training Job…',
    caption: 'The live page of one training job',
    icon: mlIcon,
    execute: async args => {
      const name =
        textArgument(args, 'name') ??
        (await pick(
          'Open training job',
          ml.activity.jobs.map(job => job.TrainingJobName)
        ));
      return name === undefined ? undefined : open({ panel: 'TrainingJob', name });
    }
  });
  commands.addCommand(CommandIDs.openEndpoint, {
    label: 'Open Endpoint…',
    caption: 'The page of one endpoint, with a form to try it',
    icon: endpointIcon,
    execute: async args => {
      const name =
        textArgument(args, 'name') ??
        (await pick(
          'Open endpoint',
          ml.activity.endpoints.map(one => one.EndpointName)
        ));
      return name === undefined ? undefined : open({ panel: 'Endpoint', name });
    }
  });
  commands.addCommand(CommandIDs.compareRuns, {
    label: 'Compare the Two Newest Jobs',
    caption: 'Parameters, metrics and code side by side',
    icon: compareIcon,
    isEnabled: args => namesArgument(args).length > 1 || ml.activity.jobs.length > 1,
    execute: args => {
      const given = namesArgument(args);
      const names =
        given.length > 1
          ? given
          : ml.activity.jobs
              .slice(0, 2)
              .map(job => job.TrainingJobName)
              .reverse();
      return open({ panel: 'Compare', names });
    }
  });
}

function addActionCommands(app: JupyterFrontEnd, ml: IML): void {
  const { commands } = app;
  const { client } = ml.host;
  const live = (): string[] =>
    ml.activity.jobs.filter(job => isLive(job.TrainingJobStatus)).map(job => job.TrainingJobName);
  const stop = async (name: string): Promise<void> => {
    try {
      await client.call('StopTrainingJob', { TrainingJobName: name });
    } catch (error) {
      await showErrorMessage(`${name} was not stopped`, toServiceError(error).message);
    }
  };
  commands.addCommand(CommandIDs.stopTrainingJob, {
    label: 'Stop Training Job…',
    caption: 'End a running job; what it has saved so far is kept',
    isEnabled: args => textArgument(args, 'name') !== undefined || live().length > 0,
    execute: async args => {
      const name = textArgument(args, 'name') ?? (await pick('Stop training job', live()));
      if (name !== undefined) {
        await stop(name);
      }
    }
  });
  commands.addCommand(CommandIDs.stopAllTrainingJobs, {
    label: 'Stop All Training Jobs…',
    caption: 'End every running and queued job of the workspace',
    isEnabled: () => live().length > 0,
    execute: async () => {
      const names = live();
      const { button } = await showDialog({
        title: `Stop ${names.length} training ${names.length === 1 ? 'job' : 'jobs'}?`,
        body: names.join(', '),
        buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: 'Stop All' })]
      });
      if (button.accept) {
        await Promise.all(names.map(stop));
      }
    }
  });
  commands.addCommand(CommandIDs.insertExample, {
    label: 'Insert Training Example',
    caption: 'Cells that train in the background, below the active one',
    execute: () => ml.host.insertCells?.(EXAMPLE_CELLS)
  });
}

async function pick(title: string, items: string[]): Promise<string | undefined> {
  if (items.length === 0) {
    await showErrorMessage(title, 'There is none.');
    return undefined;
  }
  const { button, value } = await InputDialog.getItem({ title, items });
  return button.accept && value !== null ? value : undefined;
}

function textArgument(args: ReadonlyPartialJSONObject, key: string): string | undefined {
  const value = args[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function namesArgument(args: ReadonlyPartialJSONObject): string[] {
  const value = args['names'];
  return Array.isArray(value) ? value.map(String) : [];
}
