import { useState, type ReactNode, type RefObject } from 'react';
import { Button, CopyButton } from './Button';
import { Icon } from './Icon';

interface FilterFieldProps {
  value: string;
  placeholder: string;
  inputRef?: RefObject<HTMLInputElement>;
  onChange(value: string): void;
  onEscape?(): void;
}

export function FilterField({
  value,
  placeholder,
  inputRef,
  onChange,
  onEscape
}: FilterFieldProps): JSX.Element {
  return (
    <div className="jp-ml-filter">
      <Icon name="search" size={14} />
      <input
        ref={inputRef}
        type="text"
        value={value}
        placeholder={placeholder}
        aria-label={placeholder}
        spellCheck={false}
        onChange={event => onChange(event.target.value)}
        onKeyDown={event => {
          if (event.key === 'Escape') {
            event.stopPropagation();
            onChange('');
            onEscape?.();
          }
        }}
      />
      {value && <Button look="quiet" icon="cross" title="Clear" onClick={() => onChange('')} />}
    </div>
  );
}

export function Section({
  title,
  aside,
  children
}: {
  title: string;
  aside?: ReactNode;
  children: ReactNode;
}): JSX.Element {
  return (
    <section className="jp-ml-section">
      <header>
        <h2>{title}</h2>
        {aside && <div className="jp-ml-section-aside">{aside}</div>}
      </header>
      {children}
    </section>
  );
}

export interface Fact {
  name: string;
  value: ReactNode;
  /** Offered to copy where the value is long or meant to be pasted. */
  copy?: string;
}

export function Facts({ facts }: { facts: Fact[] }): JSX.Element {
  return (
    <dl className="jp-ml-facts">
      {facts.map(fact => (
        <div key={fact.name}>
          <dt>{fact.name}</dt>
          <dd>
            <span>{fact.value}</span>
            {fact.copy && <CopyButton text={fact.copy} />}
          </dd>
        </div>
      ))}
    </dl>
  );
}

export function Tile({
  label,
  value,
  note,
  tone
}: {
  label: string;
  value: ReactNode;
  note?: ReactNode;
  tone?: 'bad';
}): JSX.Element {
  return (
    <div className="jp-ml-tile" data-tone={tone}>
      <span className="jp-ml-tile-label">{label}</span>
      <span className="jp-ml-tile-value">{value}</span>
      {note !== undefined && <span className="jp-ml-tile-note">{note}</span>}
    </div>
  );
}

/** Says the latest message to a screen reader, but not the one that was true when the panel opened. */
export function Announcer({ message }: { message: string }): JSX.Element {
  const [first] = useState(message);
  return (
    <div className="jp-ml-visually-hidden" role="status" aria-live="polite">
      {message === first ? '' : message}
    </div>
  );
}
