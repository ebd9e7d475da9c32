import type { Comparison } from '../../core/types/experiments';
import { CopyButton, Section } from '../../ui';
import { parseUnified, type DiffLine } from './model';

const SIGN: Record<DiffLine['kind'], string> = { same: ' ', added: '+', removed: '−', hunk: '' };
const SAID: Record<DiffLine['kind'], string> = {
  same: '',
  added: 'added',
  removed: 'removed',
  hunk: ''
};

/** What changed in the code between two runs. */
export function SourceDiff({ source }: { source: Comparison['Source'][number] }): JSX.Element {
  const lines = parseUnified(source.Unified);
  const changed = lines.filter(line => line.kind === 'added' || line.kind === 'removed').length;
  return (
    <Section
      title={`Code: ${source.From} → ${source.To}`}
      aside={changed > 0 && <CopyButton text={source.Unified} />}
    >
      {changed === 0 ? (
        <p className="jp-ml-hint">The code is the same.</p>
      ) : (
        <pre className="jp-ml-diff" tabIndex={0}>
          {lines.map((line, index) => (
            <span key={index} data-kind={line.kind}>
              <i>{line.before ?? ''}</i>
              <i>{line.after ?? ''}</i>
              <b aria-label={SAID[line.kind]}>{SIGN[line.kind]}</b>
              {line.kind === 'hunk' ? '⋯' : line.text}
              {'\n'}
            </span>
          ))}
        </pre>
      )}
    </Section>
  );
}
