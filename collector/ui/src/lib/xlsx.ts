import writeExcelFile from 'write-excel-file/universal';

type Cell = string | number | null;

// xlsx makes a workbook of one sheet with a bold first row. The writer that uses no
// worker is taken: one made of a blob is what the content security policy forbids.
export async function xlsx(rows: Cell[][], name: string): Promise<Blob> {
  const [head = [], ...rest] = rows;
  const bold = head.map((value) => ({ value: value ?? '', fontWeight: 'bold' as const }));
  return writeExcelFile([bold, ...rest], { sheet: name.slice(0, 31), stickyRowsCount: 1 }).toBlob();
}
