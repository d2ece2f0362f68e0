import 'tabulator-tables/dist/css/tabulator_simple.min.css';
import './summary.css';
import { useEffect, useRef } from 'react';
import {
  FormatModule, FrozenColumnsModule, InteractionModule, KeybindingsModule, MenuModule, ResizeColumnsModule, ResizeTableModule, SelectRangeModule, SortModule, Tabulator,
  TooltipModule,
  type CellComponent, type ColumnDefinition, type RangeComponent,
} from 'tabulator-tables';
import type { SummaryRow } from '../../api/types';
import { useT, type T } from '../../i18n/i18n';
import { href } from '../../lib/route';
import { callsOf, type Column } from './columns';

Tabulator.registerModule([
  FormatModule, FrozenColumnsModule, InteractionModule, KeybindingsModule, MenuModule, ResizeColumnsModule, ResizeTableModule, SelectRangeModule, SortModule, TooltipModule,
]);

const rowHeight = 28; // pixels without the border, as summary.css has it

export interface Part {
  rows: SummaryRow[];
  columns: Column[];
}
export type Act = 'copy' | 'copy_headers' | 'csv' | 'xlsx';

interface Props {
  rows: SummaryRow[];
  columns: Column[];
  label: string;
  onPart: (p: Part) => void;
  onAct: (a: Act, p: Part) => void;
}

// Grid is the table itself. Tabulator draws only the rows that are in view; it is
// made once, and given new rows.
export function Grid({ rows, columns, label, onPart, onAct }: Props) {
  const t = useT();
  const box = useRef<HTMLDivElement>(null);
  const table = useRef<Tabulator | null>(null);
  const kept = useRef({ onPart, onAct, columns, rows });
  kept.current = { onPart, onAct, columns, rows };

  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    let part: Part = { rows: [], columns: [] };
    const made = new Tabulator(element, {
      data: kept.current.rows,
      rowHeader: definition(kept.current.columns[0] as Column, t),
      columns: kept.current.columns.slice(1).map((c) => definition(c, t)),
      columnDefaults: { headerSort: true, resizable: 'header', headerHozAlign: 'left', headerSortTristate: true, contextMenu: menu(t, (a) => kept.current.onAct(a, part)) },
      layout: 'fitDataStretch',
      height: '100%',
      rowHeight, // else each row that comes into view is measured, and the page laid out for it
      selectableRange: 1,
      selectableRangeColumns: true,
      selectableRangeRows: true,
      headerSortClickElement: 'icon', // the rest of a heading selects its column
      selectableRangeClearCells: false,
      selectableRangeAutoFocus: false,
      keybindings: { navNext: false, navPrev: false }, // Tab leaves the table; arrow keys move in it
      placeholder: t('summary.nothing'),
    } as ConstructorParameters<typeof Tabulator>[1]);
    const told = () => {
      part = partOf(made, kept.current.columns);
      kept.current.onPart(part);
    };
    let waiting = 0;
    const later = () => { // once a frame, however fast the mouse moves
      cancelAnimationFrame(waiting);
      waiting = requestAnimationFrame(told);
    };
    made.on('rangeAdded', later);
    made.on('rangeChanged', later);
    made.on('rangeRemoved', later);
    made.on('tableBuilt', () => {
      table.current = made;
      // What scrolls can be focused and stands between the grid and its rows: it needs a
      // role that a grid may have inside.
      element.querySelector('.tabulator-tableholder')?.setAttribute('role', 'rowgroup');
      element.querySelector('.tabulator-table')?.setAttribute('role', 'none');
    });
    const press = (e: KeyboardEvent) => {
      if ((e.ctrlKey || e.metaKey) && e.key === 'c' && part.rows.length > 0 && !hasSelection(element)) {
        e.preventDefault();
        kept.current.onAct('copy', part);
      }
      if (e.key === 'Enter') {
        e.stopPropagation(); // Tabulator would edit the cell
        const row = part.rows[0];
        if (row) location.hash = href('calls', callsOf(row));
      }
    };
    element.addEventListener('keydown', press, true);
    return () => {
      cancelAnimationFrame(waiting);
      element.removeEventListener('keydown', press, true);
      table.current = null;
      made.destroy();
    };
  }, [columns, t]);

  useEffect(() => {
    void table.current?.replaceData(rows);
  }, [rows]);

  return <div ref={box} className="grid" aria-label={label} data-testid="summary" />;
}

// hasSelection says whether text inside of an element is selected. What is selected in
// a field elsewhere, as by Tab, is not what is to be copied.
function hasSelection(element: HTMLElement): boolean {
  const s = getSelection();
  return s !== null && !s.isCollapsed && element.contains(s.anchorNode);
}

function definition(c: Column, t: T): ColumnDefinition {
  return {
    title: t(c.title),
    field: c.id,
    width: c.width,
    minWidth: Math.min(c.width, 150),
    hozAlign: c.kind === 'count' || c.kind === 'ratio' ? 'right' : 'left',
    headerTooltip: t(c.tip),
    frozen: c.kind === 'period',
    headerSort: c.kind !== 'period', // the third click on another column goes back to the order of time
    cssClass: c.kind === 'period' ? 'period' : '',
    sorter: (_a, _b, rowA, rowB) => compare(c, rowA.getData() as SummaryRow, rowB.getData() as SummaryRow),
    formatter: (cell) => show(c, cell, t),
    tooltip: c.ratio ? (_e: unknown, cell: CellComponent) => partsOf(c, cell.getData() as SummaryRow) : false,
  } as ColumnDefinition;
}

function compare(c: Column, a: SummaryRow, b: SummaryRow): number {
  if (c.kind === 'period') return a.from_unix_s - b.from_unix_s;
  if (c.kind === 'party' || c.kind === 'state') return c.text(a).localeCompare(c.text(b));
  return (c.number(a) ?? -1) - (c.number(b) ?? -1);
}

function show(c: Column, cell: CellComponent, t: T): HTMLElement | string {
  const r = cell.getData() as SummaryRow;
  if (c.kind === 'period') {
    const a = document.createElement('a');
    a.href = href('calls', callsOf(r));
    a.textContent = c.text(r);
    a.title = t('summary.calls_of');
    a.tabIndex = -1; // Enter in the table does the same
    // To select its row would change the height of the status line, and so draw the table
    // anew under the mouse: the link would not be followed.
    a.addEventListener('mousedown', (e) => { e.stopPropagation(); });
    return a;
  }
  const span = document.createElement('span');
  span.textContent = c.text(r);
  if (c.kind === 'state') span.className = `tag ${r.completeness.state === 'complete' ? 'ok' : r.completeness.state === 'late' ? 'bad' : ''}`;
  return span;
}

function partsOf(c: Column, r: SummaryRow): string {
  const parts = c.ratio?.(r);
  return parts && parts.den > 0 ? `${parts.num} / ${parts.den}` : '';
}

function menu(t: T, act: (a: Act) => void): object[] {
  const item = (a: Act, label: string) => ({ label, action: () => act(a) });
  return [
    item('copy', t('copy')), item('copy_headers', t('copy_headers')), { separator: true },
    item('csv', t('export_csv')), item('xlsx', t('export_xlsx')),
  ];
}

function partOf(table: Tabulator, columns: Column[]): Part {
  const range: RangeComponent | undefined = table.getRanges()[0];
  if (!range) return { rows: [], columns: [] };
  const ids = new Set(range.getColumns().map((c) => c.getField()));
  return { rows: range.getRows().map((r) => r.getData() as SummaryRow), columns: columns.filter((c) => ids.has(c.id)) };
}
