import { useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react';

interface ListKeys {
  names: string[];
  onOpen(name: string): void;
  onToggle?(name: string): void;
  onEscape?(): void;
  /** Single letters, without modifiers. */
  letters?: Record<string, (name: string | undefined) => void>;
}

export interface ListNavigation {
  active: string | undefined;
  setActive(name: string): void;
  onKeyDown(event: KeyboardEvent<HTMLElement>): void;
}

/** Up, Down, Home, End move through rows marked `data-row`; Enter opens, Space selects, letters act on the row. */
export function useListKeys({
  names,
  onOpen,
  onToggle,
  onEscape,
  letters
}: ListKeys): ListNavigation {
  const [chosen, setChosen] = useState<string>();
  const [moves, setMoves] = useState(0);
  const known = useMemo(() => new Set(names), [names]);
  const active = chosen !== undefined && known.has(chosen) ? chosen : names[0];
  const wanted = useRef<{ list: HTMLElement; name: string }>();

  // a row that was far out of view is in the document only after it was chosen
  useLayoutEffect(() => {
    const { list, name } = wanted.current ?? {};
    wanted.current = undefined;
    if (list && name !== undefined) {
      list.querySelector<HTMLElement>(`[data-row="${CSS.escape(name)}"]`)?.focus();
    }
  });

  const focus = (list: HTMLElement, index: number): void => {
    const name = names[Math.min(names.length - 1, Math.max(0, index))];
    if (name !== undefined) {
      wanted.current = { list, name };
      setChosen(name);
      setMoves(moves + 1);
    }
  };

  const onKeyDown = (event: KeyboardEvent<HTMLElement>): void => {
    const onRow = event.target instanceof HTMLElement && event.target.dataset['row'] !== undefined;
    if (event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const at = active === undefined ? -1 : names.indexOf(active);
    const actions: Record<string, () => void> = {
      ArrowDown: () => focus(event.currentTarget, onRow ? at + 1 : at),
      ArrowUp: () => focus(event.currentTarget, at - 1),
      Home: () => focus(event.currentTarget, 0),
      End: () => focus(event.currentTarget, names.length - 1),
      ...(onEscape && { Escape: onEscape }),
      ...(onRow &&
        active !== undefined && { Enter: () => onOpen(active), ' ': () => onToggle?.(active) })
    };
    const letter = letters?.[event.key];
    const action = actions[event.key] ?? (letter && (() => letter(onRow ? active : undefined)));
    if (action) {
      event.preventDefault();
      event.stopPropagation();
      action();
    }
  };
  return { active, setActive: setChosen, onKeyDown };
}
