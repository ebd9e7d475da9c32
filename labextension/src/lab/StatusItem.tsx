import { ReactWidget } from '@jupyterlab/ui-components';
import { StatusIcon } from '../ui';
import type { Activity } from './activity';

/** `ML 2 running · 1 queued` in the status bar; nothing at all while idle, unless pinned. */
export class StatusItem extends ReactWidget {
  pinned = false;

  constructor(
    private activity: Activity,
    private onClick: () => void
  ) {
    super();
    activity.changed.connect(() => this.update());
  }

  get isShown(): boolean {
    return this.pinned || this.activity.running + this.activity.queued > 0;
  }

  render(): JSX.Element {
    const { running, queued } = this.activity;
    const parts = [
      running > 0 ? `${running} running` : '',
      queued > 0 ? `${queued} queued` : ''
    ].filter(Boolean);
    const text = parts.length ? parts.join(' · ') : 'idle';
    return (
      <button
        type="button"
        className="jp-ml-status-bar"
        title="Training jobs"
        aria-label={`ML ${text}`}
        onClick={this.onClick}
      >
        {running > 0 && (
          <span className="jp-ml jp-ml-status-bar-icon">
            <StatusIcon tone="running" size={12} />
          </span>
        )}
        ML {text}
      </button>
    );
  }
}
