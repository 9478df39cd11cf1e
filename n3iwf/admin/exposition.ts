/** The text format in which Prometheus takes metrics, version 0.0.4. */

/** What a sample has beside its value: names are fixed by the table, values may be any text. */
export type Labels = Readonly<Record<string, string>>;

/** One value of a metric. */
export interface Sample {
  readonly labels?: Labels;
  readonly value: number;
  /** What stands behind the name, for the parts of a histogram. */
  readonly suffix?: '_bucket' | '_sum' | '_count';
}

/** What stands in front of the samples of one name. */
export interface MetricHead {
  readonly name: string;
  /**
   * A counter only grows while the process lives; a gauge may do anything; a histogram has buckets, sum and count; a
   * summary has percentiles under the label `quantile`, which no other type may use.
   */
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary';
  readonly help: string;
}

/** Content type of {@link expose}'s text. */
export const expositionType = 'text/plain; version=0.0.4; charset=utf-8';

const helpEscapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n' };
const valueEscapes: Readonly<Record<string, string>> = { ...helpEscapes, '"': '\\"' };

const escaped = (text: string, pattern: RegExp, by: Readonly<Record<string, string>>): string =>
  text.replace(pattern, (character) => by[character] ?? character);

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name}="${escaped(value, /[\\\n"]/g, valueEscapes)}"`,
  );
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

/** A number as the format has it: it knows infinities and no exponent without digits. */
function valueText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return String(value);
}

/** The text of one metric: its head, then a line a sample; a metric without samples has only its head. */
export function expose({ name, type, help }: MetricHead, samples: Iterable<Sample>): string {
  const lines = [`# HELP ${name} ${escaped(help, /[\\\n]/g, helpEscapes)}`, `# TYPE ${name} ${type}`];
  for (const { labels = {}, value, suffix = '' } of samples)
    lines.push(`${name}${suffix}${labelText(labels)} ${valueText(value)}`);
  return `${lines.join('\n')}\n`;
}

/** The samples of one histogram: how many lie below each bound, the sum, and how many there are. */
export function histogramSamples(
  labels: Labels,
  bounds: readonly number[],
  { counts, sum }: { readonly counts: readonly number[]; readonly sum: number },
): Sample[] {
  let below = 0;
  const buckets = counts.map((count, at): Sample => {
    below += count;
    const le = bounds[at] === undefined ? '+Inf' : String(bounds[at]);
    return { suffix: '_bucket', labels: { ...labels, le }, value: below };
  });
  return [...buckets, { suffix: '_sum', labels, value: sum }, { suffix: '_count', labels, value: below }];
}
