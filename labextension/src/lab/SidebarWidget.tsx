import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import { PanelContext } from '../core/context';
import { mlIcon } from './icons';
import { Sidebar } from './Sidebar';
import type { IML } from './tokens';

export class SidebarWidget extends ReactWidget {
  private ready = false;

  constructor(private ml: IML) {
    super();
    void ml.ready.then(() => {
      this.ready = true;
      this.update();
    });
    this.id = 'jupyter-ml-sidebar';
    this.addClass('jp-ml-scroll');
    this.title.icon = mlIcon;
    this.title.caption = 'ML: jobs and endpoints';
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', 'ML');
  }

  /** The keyboard arrives on the first job, or on the heading where there is none. */
  focusFirst(): void {
    const target =
      this.node.querySelector<HTMLElement>('[data-row][tabindex="0"]') ??
      this.node.querySelector('button');
    target?.focus();
  }

  render(): JSX.Element {
    const { host, activity } = this.ml;
    if (!this.ready) {
      return <></>;
    }
    return (
      <PanelContext.Provider value={host}>
        <UseSignal signal={activity.changed}>
          {() => <Sidebar running={activity.running} endpoints={activity.inService} />}
        </UseSignal>
      </PanelContext.Provider>
    );
  }
}
