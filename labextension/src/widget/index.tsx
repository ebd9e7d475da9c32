import type { AnyModel } from '@anywidget/types';
import '../../style/index.css';
import { useMemo, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { PanelContext, transientMemory, type PanelHost, type Target } from '../core/context';
import { PanelView, targetOf, type PanelState } from '../panels/PanelView';
import { Button } from '../ui';
import { CommClient } from './commClient';

interface WidgetProps {
  client: CommClient;
  element: HTMLElement;
  state: PanelState;
}

/** A panel that opens others in JupyterLab where the extension listens, otherwise in its own place. */
function WidgetPanel({ client, element, state }: WidgetProps): JSX.Element {
  const [trail, setTrail] = useState<Target[]>([]);
  const host = useMemo<PanelHost>(
    () => ({
      client,
      memory: transientMemory(),
      open: target => {
        const event = new CustomEvent('jupyter-ml:open', {
          detail: target,
          bubbles: true,
          cancelable: true,
          composed: true
        });
        if (element.dispatchEvent(event)) {
          setTrail(previous => [...previous, target]);
        }
      }
    }),
    [client, element]
  );
  const own = targetOf(state);
  const target = trail.at(-1) ?? own;
  if (!target) {
    return <p>This version of jupyter_ml has no panel {state.panel}.</p>;
  }
  return (
    <PanelContext.Provider value={host}>
      {trail.length > 0 && (
        <div className="jp-ml jp-ml-widget-back">
          <Button look="quiet" icon="arrowLeft" onClick={() => setTrail(trail.slice(0, -1))}>
            Back
          </Button>
        </div>
      )}
      <PanelView
        target={target}
        snapshot={trail.length === 0 ? state.snapshot : undefined}
        embedded
      />
    </PanelContext.Provider>
  );
}

function render({ model, el }: { model: AnyModel; el: HTMLElement }): () => void {
  const client = new CommClient(model);
  const root = createRoot(el);
  const paint = (): void => {
    const state: PanelState = {
      panel: model.get('panel'),
      input: model.get('input'),
      snapshot: model.get('snapshot')
    };
    root.render(<WidgetPanel client={client} element={el} state={state} />);
  };
  model.on('change:panel', paint);
  model.on('change:input', paint);
  paint();
  return () => {
    model.off('change:panel', paint);
    model.off('change:input', paint);
    root.unmount();
    client.dispose();
  };
}

export default { render };
