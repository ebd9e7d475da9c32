import type { LibraryCheck, SelfTest } from '../../core/types';
import { milliseconds } from '../../core/format';
import { Section, StatusIcon } from '../../ui';

/** Whether the model is served by the libraries it was trained with, and whether it answered its own sample. */
export function LibraryChecks({
  checks,
  selfTest
}: {
  checks: LibraryCheck[];
  selfTest: SelfTest | undefined;
}): JSX.Element {
  return (
    <div className="jp-ml-main">
      <Section title="Self-test">
        {selfTest ? (
          <p className="jp-ml-check">
            <StatusIcon tone={selfTest.Passed ? 'ok' : 'bad'} />
            {selfTest.Passed
              ? `Passed: the sample was answered in ${milliseconds(selfTest.Milliseconds)}.`
              : 'Failed.'}{' '}
            {selfTest.Message}
          </p>
        ) : (
          <p className="jp-ml-hint">Not run yet.</p>
        )}
      </Section>
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
