// Icons are drawn on a grid of 24 by 24 and stroked in the colour of the text.
const shapes = {
  graphs: 'M4 4v16h16M8 15l3.500-4 3 2.500L20 8',
  summary: 'M4 5h16v14H4zM4 10h16M10 5v14',
  calls: 'M6 3.500h3l1.500 4.500-2 1.500a12 12 0 0 0 6 6l1.500-2 4.500 1.500v3a2 2 0 0 1-2 2A16 16 0 0 1 4 5.500a2 2 0 0 1 2-2z',
  parties: 'M9 11a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7zM2.500 20a6.500 6.500 0 0 1 13 0M16 4.500a3.500 3.500 0 0 1 0 6.500M18 14.500a6.500 6.500 0 0 1 3.500 5.500',
  blocks: 'M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h6v6h-6z',
  registrations: 'M7 3h10v18H7zM11 18h2',
  nodes: 'M4 4h16v6H4zM4 14h16v6H4zM8 7h.010M8 17h.010M12 7h5M12 17h5',
  alerts: 'M12 4 2.500 20h19zM12 10v4.500M12 17.300v.010',
  accounts: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21a8 8 0 0 1 16 0',
  audit: 'M6 3h9l4 4v14H6zM14 3v5h5M9 12h7M9 16h7',
  company: 'M4 21V5l8-2v18M12 9h8v12M2 21h20M8 8v.010M8 12v.010M8 16v.010M16 13v.010M16 17v.010',
  bell: 'M6 17V11a6 6 0 0 1 12 0v6l1.500 2h-15zM10 21h4',
  check: 'M5 12.500 10 17.500 19.500 7',
  open: 'M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16z',
  menu: 'M4 7h16M4 12h16M4 17h16',
  close: 'M6 6l12 12M18 6 6 18',
  clock: 'M12 20.500a8.500 8.500 0 1 0 0-17 8.500 8.500 0 0 0 0 17zM12 7.500V12l3 2',
  wallet: 'M4 6h14v3M4 6v13h16V9H4M16 14h.010',
  info: 'M12 20.500a8.500 8.500 0 1 0 0-17 8.500 8.500 0 0 0 0 17zM12 11v5.500M12 7.700v.010',
  back: 'M19 12H5M11 6l-6 6 6 6',
  image: 'M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.500 9h.010',
  download: 'M12 4v11M7 11l5 5 5-5M5 20h14',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  sun: 'M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.400 1.400M17.600 17.600 19 19M19 5l-1.400 1.400M6.400 17.600 5 19',
  moon: 'M20 14.500A8.500 8.500 0 0 1 9.500 4 8.500 8.500 0 1 0 20 14.500z',
} as const;

export type IconName = keyof typeof shapes;

export function Icon({ name, size = 18, className }: { name: IconName; size?: number; className?: string }) {
  return (
    <svg
      width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.8"
      strokeLinecap="round" strokeLinejoin="round" aria-hidden="true" focusable="false" className={className}
    >
      <path d={shapes[name]} />
    </svg>
  );
}
