import { ReactWidget } from '@jupyterlab/ui-components';
import { PanelContext, type Target } from '../core/context';
import { assertNever } from '../core/status';
import { PanelView } from '../panels/PanelView';
import { compareIcon, endpointIcon, mlIcon } from './icons';
import type { IML } from './tokens';

/** A panel as a tab of the main area. */
export class PanelWidget extends ReactWidget {
  private ready = false;

  constructor(
    readonly target: Target,
    private ml: IML
  ) {
    super();
    void ml.ready.then(() => {
      this.ready = true;
      this.update();
    });
    this.addClass('jp-ml-scroll');
    this.id = `jupyter-ml-${targetKey(target)}`;
    this.title.label = targetTitle(target);
    this.title.caption = this.title.label;
    this.title.closable = true;
    this.title.icon = targetIcon(target);
  }

  render(): JSX.Element {
    if (!this.ready) {
      return <></>;
    }
    return (
      <PanelContext.Provider value={this.ml.host}>
        <PanelView target={this.target} />
      </PanelContext.Provider>
    );
  }
}

export function targetKey(target: Target): string {
  switch (target.panel) {
    case 'TrainingJobs':
    case 'Endpoints':
      return target.panel;
    case 'TrainingJob':
    case 'Endpoint':
      return `${target.panel}-${target.name}`;
    case 'Compare':
      return `Compare-${target.names.join('+')}`;
    default:
      return assertNever(target);
  }
}

function targetTitle(target: Target): string {
  switch (target.panel) {
    case 'TrainingJobs':
      return 'Jobs';
    case 'Endpoints':
      return 'Endpoints';
    case 'TrainingJob':
    case 'Endpoint':
      return target.name;
    case 'Compare':
      return `Compare ${target.names.join(', ')}`;
    default:
      return assertNever(target);
  }
}

function targetIcon(target: Target): typeof mlIcon {
  return target.panel === 'Compare'
    ? compareIcon
    : target.panel.startsWith('Endpoint')
      ? endpointIcon
      : mlIcon;
}
