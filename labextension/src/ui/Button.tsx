import { useEffect, useRef, useState, type ReactNode } from 'react';
import { Icon, type IconName } from './Icon';

interface ButtonProps {
  children?: ReactNode;
  icon?: IconName;
  /** Shown as a tooltip; the accessible name too where there is no text. */
  title?: string;
  look?: 'primary' | 'plain' | 'quiet' | 'danger';
  pressed?: boolean;
  disabled?: boolean;
  onClick(): void;
}

export function Button({
  children,
  icon,
  title,
  look = 'plain',
  pressed,
  disabled,
  onClick
}: ButtonProps): JSX.Element {
  return (
    <button
      type="button"
      className="jp-ml-button"
      data-look={look}
      data-square={children === undefined || undefined}
      title={title}
      aria-label={children === undefined ? title : undefined}
      aria-pressed={pressed}
      disabled={disabled}
      onClick={event => {
        event.stopPropagation();
        onClick();
      }}
    >
      {icon && <Icon name={icon} size={14} />}
      {children}
    </button>
  );
}

interface ConfirmButtonProps {
  label: string;
  confirm: string;
  icon?: IconName;
  /** Only the icon until it asks for confirmation. */
  compact?: boolean;
  busy?: boolean;
  title?: string;
  onConfirm(): void;
}

/** The first press asks in place, the second does it; leaving it alone for four seconds takes it back. */
export function ConfirmButton(props: ConfirmButtonProps): JSX.Element {
  const { label, confirm, icon = 'stop', compact = false, busy = false, title, onConfirm } = props;
  const [asking, setAsking] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!asking) {
      return;
    }
    const timer = setTimeout(() => setAsking(false), 4000);
    return () => clearTimeout(timer);
  }, [asking]);
  const press = (): void => {
    if (asking) {
      setAsking(false);
      onConfirm();
    } else {
      setAsking(true);
    }
  };
  const iconOnly = compact && !asking;
  return (
    <button
      ref={button}
      type="button"
      className="jp-ml-button jp-ml-confirm"
      data-look={asking ? 'danger' : compact ? 'quiet' : 'plain'}
      data-square={iconOnly || undefined}
      disabled={busy}
      title={asking ? undefined : (title ?? label)}
      aria-label={iconOnly ? (title ?? label) : undefined}
      onClick={event => {
        event.stopPropagation();
        press();
      }}
      onKeyDown={event => {
        if (event.key === 'Escape' && asking) {
          event.stopPropagation();
          setAsking(false);
        }
      }}
      onBlur={() => setAsking(false)}
    >
      <Icon name={icon} size={14} />
      {iconOnly ? null : asking ? confirm : label}
    </button>
  );
}

export function CopyButton({
  text,
  label
}: {
  text: string | (() => string);
  label?: string;
}): JSX.Element {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) {
      return;
    }
    const timer = setTimeout(() => setCopied(false), 1600);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <Button
      look="quiet"
      icon={copied ? 'check' : 'copy'}
      title={label === undefined ? (copied ? 'Copied' : 'Copy') : undefined}
      onClick={() => {
        void copyText(typeof text === 'string' ? text : text()).then(() => setCopied(true));
      }}
    >
      {label === undefined ? undefined : copied ? 'Copied' : label}
    </Button>
  );
}

/** The clipboard interface exists on secure origins only, and a Jupyter server on a LAN often is not one. */
async function copyText(text: string): Promise<void> {
  if (window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement('textarea');
  area.value = text;
  area.style.position = 'fixed';
  area.style.opacity = '0';
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}
