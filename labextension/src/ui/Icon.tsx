const PATHS = {
  activity: 'M3 12h4l3 8 4-16 3 8h4',
  alert:
    'M12 9v4m0 4h.01M10.3 3.9 1.8 18a2 2 0 0 0 1.7 3h17a2 2 0 0 0 1.7-3L13.7 3.9a2 2 0 0 0-3.4 0Z',
  arrowDown: 'm6 9 6 6 6-6',
  arrowLeft: 'm15 18-6-6 6-6',
  arrowRight: 'm9 18 6-6-6-6',
  arrowUp: 'm18 15-6-6-6 6',
  bottom: 'M12 4v12m0 0 5-5m-5 5-5-5M5 20h14',
  check: 'm5 12.5 4.5 4.5L19 7.5',
  circle: 'M12 12h.01',
  clock: 'M12 7v5l3 2m6-2a9 9 0 1 1-18 0 9 9 0 0 1 18 0Z',
  compare: 'M4 6h9M4 12h6M4 18h9m3-12 4 0m-8 6h8m-4 6h4',
  copy: 'M9 9h10v11H9zM5 15V4h10',
  cross: 'M6 6l12 12M18 6 6 18',
  eye: 'M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12Zm12.5 0a3 3 0 1 1-6 0 3 3 0 0 1 6 0Z',
  eyeOff:
    'M4 4l16 16M9.5 5.8A9 9 0 0 1 12 5.5c6 0 9.5 6.5 9.5 6.5a16 16 0 0 1-2.7 3.4M6.3 7.3A15 15 0 0 0 2.5 12S6 18.5 12 18.5a9 9 0 0 0 4.3-1.1',
  file: 'M14 3H6v18h12V7zM14 3v4h4',
  notebook: 'M6 3h12v18H6zM6 3v18M10 8h5M10 12h5',
  open: 'M14 4h6v6m0-6-9 9M18 14v6H4V6h6',
  play: 'm8 5 11 7-11 7z',
  plus: 'M12 5v14M5 12h14',
  refresh:
    'M20 11a8 8 0 0 0-14.5-4L3 9.5M3 4v5.5h5.5M4 13a8 8 0 0 0 14.5 4l2.5-2.5M21 20v-5.5h-5.5',
  search: 'm20 20-4.5-4.5m2-5a7 7 0 1 1-14 0 7 7 0 0 1 14 0Z',
  server: 'M4 4h16v7H4zM4 13h16v7H4zM8 7.5h.01M8 16.5h.01',
  stop: 'M6 6h12v12H6z',
  table: 'M4 5h16v14H4zM4 10h16M10 10v9',
  trash: 'M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13',
  wrap: 'M4 6h16M4 12h13a3.5 3.5 0 0 1 0 7h-4m0 0 2.5-2.5M13 19l2.5 2.5M4 18h5'
} as const;

export type IconName = keyof typeof PATHS;

/** A drawing in the colour of the text around it; the text says what it means. */
export function Icon({ name, size = 16 }: { name: IconName; size?: number }): JSX.Element {
  return (
    <svg
      className="jp-ml-icon"
      viewBox="0 0 24 24"
      width={size}
      height={size}
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
