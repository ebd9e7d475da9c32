import { useLayoutEffect, useMemo, useRef, useState, type ReactNode } from 'react';

/** Rows that come into the document together; a list that is not longer is there in full. */
const CHUNK = 40;
/** How far outside of view rows are kept, so that scrolling finds them there. */
const MARGIN = '1200px 0px';

interface LongListProps<T> {
  items: readonly T[];
  /** About how high a row is, in CSS pixels, until one was measured. */
  rowHeight: number;
  /** The item that has the focus; it stays in the document wherever the view is. */
  active?: T;
  children(item: T, index: number): ReactNode;
}

/** A list of any length, its rows as high as they like: only those near the view are in the document. */
export function LongList<T>({ items, rowHeight, active, children }: LongListProps<T>): JSX.Element {
  const chunks = useMemo(
    () =>
      Array.from({ length: Math.ceil(items.length / CHUNK) }, (_, index) =>
        items.slice(index * CHUNK, (index + 1) * CHUNK)
      ),
    [items]
  );
  return (
    <>
      {chunks.map((chunk, index) => (
        <Chunk
          key={index}
          estimate={chunk.length * rowHeight}
          isFirst={index === 0}
          isNeeded={active !== undefined && chunk.includes(active)}
        >
          {() => chunk.map((item, offset) => children(item, index * CHUNK + offset))}
        </Chunk>
      ))}
    </>
  );
}

interface ChunkProps {
  estimate: number;
  isFirst: boolean;
  isNeeded: boolean;
  children(): ReactNode;
}

function Chunk({ estimate, isFirst, isNeeded, children }: ChunkProps): JSX.Element {
  const ref = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ isNear: isFirst, height: undefined as number | undefined });
  const isThere = view.isNear || isNeeded;

  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) {
      return;
    }
    const observer = new IntersectionObserver(
      entries => {
        const isNear = entries.at(-1)?.isIntersecting ?? false;
        setView({ isNear, height: element.offsetHeight });
      },
      { root: scrollerOf(element), rootMargin: MARGIN }
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  return (
    <div
      ref={ref}
      role="rowgroup"
      style={isThere ? undefined : { height: view.height ?? estimate }}
    >
      {isThere && children()}
    </div>
  );
}

/** What scrolls an element; without it the margin around the view would not count. */
function scrollerOf(element: HTMLElement): HTMLElement | null {
  for (let outer = element.parentElement; outer; outer = outer.parentElement) {
    if (/auto|scroll/.test(getComputedStyle(outer).overflowY)) {
      return outer;
    }
  }
  return null;
}
