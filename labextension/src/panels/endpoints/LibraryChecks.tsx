import type { Compilation, LibraryCheck, SelfTest } from '../../core/types/endpoints';
import { milliseconds } from '../../core/format';
import { Section, StatusIcon } from '../../ui';

/** A test without a verdict could not be run, which says nothing bad about the model. */
function SelfTestResult({ test }: { test: SelfTest }): JSX.Element {
  const { Passed: passed, Message: message = '' } = test;
  if (passed) {
    return (
      <p className="jp-ml-check">
        <StatusIcon tone="ok" />
        Passed in {milliseconds(test.Milliseconds)}: {message}
      </p>
    );
  }
  const words = message || (passed === false ? 'failed' : 'not run');
  return (
    <p className="jp-ml-check">
      <StatusIcon tone={passed === false ? 'bad' : 'stopped'} />
      {words.charAt(0).toUpperCase() + words.slice(1)}
    </p>
  );
}

/** Whether the model is served by the libraries it was trained with, and whether it answered its own sample. */
export function LibraryChecks({
  checks,
  selfTest,
  compilation
}: {
  checks: LibraryCheck[];
  selfTest: SelfTest | undefined;
  compilation?: Compilation | undefined;
}): JSX.Element {
  return (
    <div className="jp-ml-main">
      <Section title="Self-test">
        {selfTest ? <SelfTestResult test={selfTest} /> : <p className="jp-ml-hint">Not run yet.</p>}
      </Section>
      {compilation && (
        <Section title="Compilation">
          <p className="jp-ml-check">
            {compilation.Status === 'Compiled' && <StatusIcon tone="ok" />}
            {compilation.Message}
          </p>
        </Section>
      )}
      <Section title="Libraries">
        {checks.length ? (
          <table className="jp-ml-table">
            <thead>
              <tr>
                <th scope="col">Library</th>
                <th scope="col">Trained with</th>
                <th scope="col">Served by</th>
                <th scope="col">Check</th>
              </tr>
            </thead>
            <tbody>
              {checks.map(check => (
                <tr key={check.Library} data-tone={check.Ok ? undefined : 'bad'}>
                  <th scope="row">{check.Library}</th>
                  <td>{check.Trained ?? '–'}</td>
                  <td>{check.Serving ?? 'not installed'}</td>
                  <td>
                    <span className="jp-ml-check">
                      <StatusIcon tone={check.Ok ? 'ok' : 'bad'} size={12} />
                      {check.Ok ? 'same' : 'differs'}
                    </span>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        ) : (
          <p className="jp-ml-hint">
            The model says nothing about the libraries it was trained with.
          </p>
        )}
      </Section>
    </div>
  );
}
