// Result says how a call ended. The words of release are those of the records and
// of the documentation, in every language.
export function Result({ status, release, answered }: { status: number; release: string; answered: boolean }) {
  return (
    <span className="nowrap">
      <span className={`tag ${answered ? 'ok' : status >= 500 && status < 600 ? 'bad' : ''}`}>{status || '–'}</span> <span className="dim">{release}</span>
    </span>
  );
}
