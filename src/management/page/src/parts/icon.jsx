// The few icons, as lines on a grid of 20 × 20. They say nothing that the text beside them does not.

const PATHS = {
  overview: 'M3 11l7-7 7 7M5 9.5V17h10V9.5',
  connections: 'M7 6V3M13 6V3M5 6h10v4a5 5 0 0 1-10 0zM10 15v3',
  channels: 'M3 6h14M3 10h14M3 14h14',
  exchanges: 'M4 10h5l6-5M9 10l6 5M12.5 4.5H16V8M12.5 15.5H16V12',
  queues: 'M3 4h14v3.5H3zM3 8.5h14V12H3zM3 13h14v3.5H3z',
  consumers: 'M3 5h14v10H3zM3 6l7 5 7-5',
  admin: 'M10 10a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM4 17c0-3.5 2.7-5 6-5s6 1.5 6 5',
  light: 'M10 13a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM10 2v2M10 16v2M2 10h2M16 10h2M4.3 4.3l1.4 1.4M14.3 14.3l1.4 1.4M4.3 15.7l1.4-1.4M14.3 5.7l1.4-1.4',
  dark: 'M16 12A7 7 0 0 1 8 4a6.5 6.5 0 1 0 8 8z',
  auto: 'M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 0 1 0 14',
  leave: 'M8 4H4v12h4M9 10h8M14 7l3 3-3 3',
  menu: 'M3 5h14M3 10h14M3 15h14',
  close: 'M5 5l10 10M15 5L5 15',
  plus: 'M10 4v12M4 10h12',
  warning: 'M10 3l8 14H2zM10 8v4M10 14.2v.3',
  more: 'M7 4l6 6-6 6',
}

export function Icon({ of: name }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  )
}

export function Logo() {
  return <img class="logo" src="./icon.svg" alt="" width="28" height="28" />
}
