import { bytes } from '../../core/format';
import type { Artifact, InputRecord, TrainingJobDescription } from '../../core/types/training';
import { CopyButton, Facts, Section } from '../../ui';

interface JobDataProps {
  inputs: InputRecord[];
  artifacts: Artifact[];
  job: TrainingJobDescription | undefined;
}

/** What went into the job, with content hashes, and what came out of it. */
export function JobData({ inputs, artifacts, job }: JobDataProps): JSX.Element {
  const channels = job?.InputDataConfig ?? [];
  const environment = Object.entries(job?.Environment ?? {});
  return (
    <div className="jp-ml-main">
      <Section title="Inputs">
        {inputs.length ? (
          <table className="jp-ml-table">
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col">Kind</th>
                <th scope="col">Detail</th>
                <th scope="col" className="jp-ml-number">
                  Size
                </th>
                <th scope="col" className="jp-ml-nowrap">
                  SHA-256
                </th>
              </tr>
            </thead>
            <tbody>
              {inputs.map(input => (
                <tr key={input.Name}>
                  <th scope="row">{input.Name}</th>
                  <td>{input.Kind}</td>
                  <td className="jp-ml-anywhere">{input.Detail ?? ''}</td>
                  <td className="jp-ml-number">
                    {input.Bytes === undefined ? '' : bytes(input.Bytes)}
                  </td>
                  <td>{input.Sha256 && <Hash value={input.Sha256} />}</td>
                </tr>
              ))}
            </tbody>
          </table>
        ) : (
          <p className="jp-ml-hint">The job was sent no variables.</p>
        )}
      </Section>
      {channels.length > 0 && (
        <Section title="Channels">
          <Facts
            facts={channels.map(channel => {
              const source =
                channel.DataSource?.S3DataSource?.S3Uri ??
                channel.DataSource?.FileSystemDataSource?.DirectoryPath ??
                '–';
              return { name: channel.ChannelName, value: <code>{source}</code>, copy: source };
            })}
          />
        </Section>
      )}
      <Section title="Outputs">
        {artifacts.length ? (
          <Facts
            facts={artifacts.map(artifact => ({
              name: artifact.Name,
              value: (
                <>
                  <code>{artifact.Uri}</code> <small>{bytes(artifact.Bytes)}</small>
                </>
              ),
              copy: artifact.Uri
            }))}
          />
        ) : (
          <p className="jp-ml-hint">Outputs are published when the job ends.</p>
        )}
      </Section>
      {environment.length > 0 && (
        <Section title="Environment">
          <Facts
            facts={environment.map(([name, value]) => ({ name, value: <code>{value}</code> }))}
          />
        </Section>
      )}
    </div>
  );
}

function Hash({ value }: { value: string }): JSX.Element {
  return (
    <span className="jp-ml-hash">
      <code title={value}>{value.slice(0, 10)}</code>
      <CopyButton text={value} />
    </span>
  );
}
