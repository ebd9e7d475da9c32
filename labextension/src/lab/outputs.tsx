import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import { Widget } from '@lumino/widgets';
import type { Message } from '@lumino/messaging';
import { createRoot, type Root } from 'react-dom/client';
import { PanelContext, type PanelHost } from '../core/context';
import { PanelView, targetOf, type PanelState } from '../panels/PanelView';
import { IML } from './tokens';

const MIME_TYPE = 'application/vnd.jupyter-ml.panel+json';

/** Before the widget view, whose comm ends with its kernel: this output comes back after any restart. */
const RANK = -10;

class PanelOutput extends Widget implements IRenderMime.IRenderer {
  private root: Root | undefined;
  private state: PanelState | undefined;

  constructor(private host: PanelHost) {
    super();
    this.addClass('jp-ml-output');
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const data = model.data[MIME_TYPE];
    if (typeof data === 'object' && data !== null && !Array.isArray(data)) {
      this.state = data as unknown as PanelState;
      this.paint();
    }
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this.paint();
  }

  /** A notebook detaches outputs that are scrolled away; following them all would be a waste. */
  protected override onBeforeDetach(message: Message): void {
    this.root?.unmount();
    this.root = undefined;
    super.onBeforeDetach(message);
  }

  private paint(): void {
    const target = this.state && targetOf(this.state);
    if (!target || !this.isAttached) {
      return;
    }
    this.root ??= createRoot(this.node);
    this.root.render(
      <PanelContext.Provider value={this.host}>
        <PanelView target={target} snapshot={this.state?.snapshot} embedded />
      </PanelContext.Provider>
    );
  }
}

export const outputsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-ml:outputs',
  description: 'Shows panels in notebook outputs, connected to the server.',
  autoStart: true,
  requires: [IML, IRenderMimeRegistry],
  activate: (_app: JupyterFrontEnd, ml: IML, registry: IRenderMimeRegistry): void => {
    registry.addFactory(
      { safe: true, mimeTypes: [MIME_TYPE], createRenderer: () => new PanelOutput(ml.host) },
      RANK
    );
  }
};
