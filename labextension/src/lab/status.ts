import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';
import { CommandIDs } from './commands';
import { StatusItem } from './StatusItem';
import { JobToasts } from './toasts';
import { IML } from './tokens';

const SETTINGS = 'jupyter-ml:plugin';

interface Preferences {
  pinned: boolean;
  toasts: boolean;
  desktop: boolean;
}

/** The status bar item and the notifications, which share their settings. */
export const statusPlugin: JupyterFrontEndPlugin<void> = {
  id: SETTINGS,
  description: 'Says in the status bar and in notifications what goes on.',
  autoStart: true,
  requires: [IML],
  optional: [IStatusBar, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    ml: IML,
    bar: IStatusBar | null,
    registry: ISettingRegistry | null
  ): void => {
    const preferences: Preferences = { pinned: false, toasts: true, desktop: false };
    const item = new StatusItem(
      ml.activity,
      () => void app.commands.execute(CommandIDs.showSidebar)
    );
    const toasts = new JobToasts({
      open: name => void app.commands.execute(CommandIDs.openTrainingJob, { name }),
      openAll: () => void app.commands.execute(CommandIDs.showSidebar),
      desktop: () => preferences.desktop
    });
    bar?.registerStatusItem('jupyter-ml:status', {
      item,
      align: 'left',
      rank: 50,
      isActive: () => item.isShown,
      activeStateChanged: ml.activity.changed
    });
    const look = (): void => {
      if (preferences.toasts) {
        toasts.update(ml.activity.jobs, Date.now() / 1000);
      }
    };
    ml.activity.changed.connect(look);
    setInterval(() => ml.activity.running > 0 && look(), 1000);
    void registry?.load(SETTINGS).then(settings => {
      const apply = (): void => {
        preferences.pinned = settings.composite['alwaysShowStatus'] === true;
        preferences.toasts = settings.composite['notifications'] !== false;
        preferences.desktop = settings.composite['desktopNotifications'] === true;
        item.pinned = preferences.pinned;
        item.update();
        if (preferences.desktop && window.Notification?.permission === 'default') {
          void window.Notification.requestPermission();
        }
      };
      settings.changed.connect(apply);
      apply();
    });
  }
};
