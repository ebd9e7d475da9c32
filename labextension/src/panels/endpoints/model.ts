import type {
  Compilation,
  EndpointCard,
  EndpointDescription,
  EndpointsUpdate,
  EndpointUpdate,
  Interval,
  LibraryCheck,
  RequestSchema,
  SelfTest
} from '../../core/types/endpoints';

export interface EndpointsState {
  endpoints: EndpointCard[];
}

export function foldEndpoints(
  state: EndpointsState | undefined,
  update: EndpointsUpdate
): EndpointsState {
  const gone = new Set([
    ...update.Removed,
    ...update.Endpoints.map(endpoint => endpoint.EndpointName)
  ]);
  const kept = (state?.endpoints ?? []).filter(endpoint => !gone.has(endpoint.EndpointName));
  const endpoints = [...kept, ...update.Endpoints].sort((a, b) => b.CreationTime - a.CreationTime);
  return { endpoints };
}

export interface EndpointState {
  card?: EndpointCard;
  endpoint?: EndpointDescription;
  schema?: RequestSchema;
  intervals: Interval[];
  checks: LibraryCheck[];
  selfTest?: SelfTest;
  compilation?: Compilation;
}

const INTERVALS_KEPT = 720;

export function foldEndpoint(
  state: EndpointState | undefined,
  update: EndpointUpdate
): EndpointState {
  const added = update.Intervals ?? [];
  const fresh = new Set(added.map(interval => interval.Time));
  return {
    card: update.Card ?? state?.card,
    endpoint: update.Endpoint ?? state?.endpoint,
    schema: update.Schema ?? state?.schema,
    intervals: [...(state?.intervals ?? []).filter(one => !fresh.has(one.Time)), ...added].slice(
      -INTERVALS_KEPT
    ),
    checks: update.Checks ?? state?.checks ?? [],
    selfTest: update.SelfTest ?? state?.selfTest,
    compilation: update.Compilation ?? state?.compilation
  };
}

/** One row of values by column, and how to write it back in the form that the sample has. */
export interface SampleForm {
  columns: string[];
  values: string[];
  write(values: string[]): string;
}

type Cell = string | number | boolean | null;

/** The sample as fields to fill, or undefined where it is not one flat row. */
export function sampleForm(schema: RequestSchema, body: string): SampleForm | undefined {
  return schema.ContentType.includes('csv') ? csvForm(schema, body) : jsonForm(schema, body);
}

function csvForm(schema: RequestSchema, body: string): SampleForm | undefined {
  const lines = body.trim().split(/\r?\n/);
  const names = (schema.Columns ?? []).map(column => column.Name);
  const headed = lines.length > 1 && names.length > 0 && lines[0]?.split(',')[0] === names[0];
  const row = lines[headed ? 1 : 0]?.split(',');
  if (!row || body.includes('"')) {
    return undefined;
  }
  const columns =
    names.length === row.length ? names : row.map((_, index) => `column ${index + 1}`);
  const rest = lines.slice(headed ? 2 : 1);
  return {
    columns,
    values: row,
    write: values => [...(headed ? [lines[0] ?? ''] : []), values.join(','), ...rest].join('\n')
  };
}

/** One row of cells by column, and how to write other cells in its place. */
interface JsonRow {
  columns: string[];
  cells: Cell[];
  write(cells: Cell[]): string;
}

/** The types of the fields are those of the sample, whatever was typed meanwhile. */
function jsonForm(schema: RequestSchema, body: string): SampleForm | undefined {
  const row = jsonRow(schema, body);
  if (!row) {
    return undefined;
  }
  const sample = jsonRow(schema, schema.SampleRequest);
  const known = sample?.columns.join('\n') === row.columns.join('\n') ? sample : row;
  return {
    columns: row.columns,
    values: row.cells.map(cellText),
    write: values =>
      row.write(values.map((text, index) => cellValue(text, known.cells[index] ?? null)))
  };
}

function jsonRow(schema: RequestSchema, body: string): JsonRow | undefined {
  const data = parse(body);
  const write = (wrap: (row: unknown) => unknown) => (row: unknown) =>
    JSON.stringify(wrap(row), null, 2);
  if (Array.isArray(data)) {
    return rowOf(
      schema,
      data[0],
      write(row => [row, ...data.slice(1)])
    );
  }
  if (isRecord(data) && Array.isArray(data['instances'])) {
    const rows: unknown[] = data['instances'];
    return rowOf(
      schema,
      rows[0],
      write(row => ({ ...data, instances: [row, ...rows.slice(1)] }))
    );
  }
  if (isRecord(data) && Array.isArray(data['data']) && Array.isArray(data['columns'])) {
    const rows: unknown[] = data['data'];
    const named = { ...schema, Columns: data['columns'].map(name => ({ Name: String(name) })) };
    return rowOf(
      named,
      rows[0],
      write(row => ({ ...data, data: [row, ...rows.slice(1)] }))
    );
  }
  return undefined;
}

function rowOf(
  schema: RequestSchema,
  row: unknown,
  write: (row: unknown) => string
): JsonRow | undefined {
  if (Array.isArray(row) && row.every(isCell)) {
    const cells: Cell[] = row;
    const names = (schema.Columns ?? []).map(column => column.Name);
    return {
      columns:
        names.length === cells.length ? names : cells.map((_, index) => `column ${index + 1}`),
      cells,
      write
    };
  }
  if (isRecord(row)) {
    const columns = Object.keys(row);
    const cells = Object.values(row);
    if (cells.every(isCell)) {
      return {
        columns,
        cells,
        write: next =>
          write(Object.fromEntries(columns.map((name, index) => [name, next[index] ?? null])))
      };
    }
  }
  return undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isCell = (value: unknown): value is Cell =>
  value === null || ['string', 'number', 'boolean'].includes(typeof value);

const cellText = (value: Cell): string => (value === null ? '' : String(value));

/** A field keeps its type as far as what was typed allows; the server says the rest. */
function cellValue(text: string, before: Cell): Cell {
  if (text === '' && typeof before !== 'string') {
    return null;
  }
  if (typeof before !== 'string' && text.trim() !== '' && Number.isFinite(Number(text))) {
    return Number(text);
  }
  if (text === 'true' || text === 'false') {
    return typeof before === 'string' ? text : text === 'true';
  }
  return text;
}

/** JSON indented where it is JSON, anything else as it came. */
export function pretty(body: string): string {
  const data = parse(body);
  if (data === undefined) {
    return body;
  }
  const flat = JSON.stringify(data);
  return flat.length < 80 ? flat : JSON.stringify(data, null, 2);
}

const quote = (text: string): string => `'${text.replace(/'/g, `'\\''`)}'`;

/** The command that sends the same request; the shell reads the token from its file, so that no clipboard holds it. */
export function curlCommand(card: EndpointCard, contentType: string, body: string): string {
  return [
    `curl ${quote(card.Url ?? '')}`,
    ...(card.TokenFile ? [`-H "Authorization: Bearer $(cat ${quote(card.TokenFile)})"`] : []),
    `-H ${quote(`Content-Type: ${contentType}`)}`,
    `-d ${quote(body)}`
  ].join(' \\\n  ');
}
