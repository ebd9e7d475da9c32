import { useId, useRef, type KeyboardEvent, type ReactNode } from 'react';

export interface Tab {
  id: string;
  label: string;
  count?: number;
  alert?: boolean;
}

interface TabsProps {
  label: string;
  tabs: Tab[];
  selected: string;
  onSelect(id: string): void;
  children: ReactNode;
}

export function Tabs({ label, tabs, selected, onSelect, children }: TabsProps): JSX.Element {
  const prefix = useId();
  const list = useRef<HTMLDivElement>(null);
  const move = (event: KeyboardEvent): void => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step === 0) {
      return;
    }
    event.preventDefault();
    const at = tabs.findIndex(tab => tab.id === selected);
    const next = tabs[(at + step + tabs.length) % tabs.length];
    if (next) {
      onSelect(next.id);
      list.current?.querySelector<HTMLElement>(`[data-tab="${next.id}"]`)?.focus();
    }
  };
  return (
    <div className="jp-ml-tabs">
      <div ref={list} role="tablist" aria-label={label} className="jp-ml-tablist" onKeyDown={move}>
        {tabs.map(tab => (
          <button
            key={tab.id}
            type="button"
            role="tab"
            id={`${prefix}-${tab.id}`}
            data-tab={tab.id}
            className="jp-ml-tab"
            aria-selected={tab.id === selected}
            aria-controls={`${prefix}-panel`}
            tabIndex={tab.id === selected ? 0 : -1}
            onClick={() => onSelect(tab.id)}
          >
            {tab.label}
            {tab.count !== undefined && <span className="jp-ml-count">{tab.count}</span>}
            {tab.alert && <span className="jp-ml-tab-alert" title="Has an error" />}
          </button>
        ))}
      </div>
      <div
        role="tabpanel"
        id={`${prefix}-panel`}
        aria-labelledby={`${prefix}-${selected}`}
        className="jp-ml-tabpanel"
        data-tab={selected}
      >
        {children}
      </div>
    </div>
  );
}

interface SegmentsProps<T extends string> {
  label: string;
  options: readonly { id: T; label: string }[];
  selected: T;
  onSelect(id: T): void;
}

/** One choice of two or three, all visible. */
export function Segments<T extends string>({
  label,
  options,
  selected,
  onSelect
}: SegmentsProps<T>): JSX.Element {
  return (
    <div role="group" aria-label={label} className="jp-ml-segments">
      {options.map(option => (
        <button
          key={option.id}
          type="button"
          aria-pressed={option.id === selected}
          onClick={() => onSelect(option.id)}
        >
          {option.label}
        </button>
      ))}
    </div>
  );
}
