/** What the admin port shows: metrics, and whether the node lives and takes UEs. All of it is for reading. */
import { expositionType } from './exposition.ts';
import { type MetricSources, metricsPage } from './metrics.ts';

/** One answer of the admin port. */
export interface AdminPage {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What the pages stand on. */
export interface AdminSources extends MetricSources {
  /** The node ends: it takes no more UEs. */
  draining(): boolean;
}

/** A page of this status with one line of text. */
export const plain = (status: number, text: string): AdminPage => ({
  status,
  contentType: 'text/plain; charset=utf-8',
  body: `${text}\n`,
});

/** A page that carries a JSON value. */
export const json = (status: number, value: unknown): AdminPage => ({
  status,
  contentType: 'application/json',
  body: `${JSON.stringify(value)}\n`,
});

/** Why the node would turn a new UE away now, in words; undefined when it takes one. */
async function obstacle(sources: AdminSources): Promise<string | undefined> {
  if (sources.draining()) return 'the node is ending';
  if (!sources.gateway.amfs.anyAvailable) return 'no AMF takes UEs';
  if (sources.keyCounts === undefined) return undefined;
  const readable = await sources.keyCounts().then(
    () => true,
    () => false,
  );
  return readable ? undefined : 'the key store cannot be read';
}

/**
 * Each page by its path. `/healthz` says that the process answers, for what restarts it; `/readyz` that a UE would be
 * taken, for what sends UEs here: an AMF that is away is no reason to restart the node.
 */
export const adminPages: ReadonlyMap<string, (sources: AdminSources) => Promise<AdminPage>> = new Map([
  [
    '/metrics',
    async (sources: AdminSources) => ({
      status: 200,
      contentType: expositionType,
      body: await metricsPage(sources),
    }),
  ],
  ['/healthz', async () => plain(200, 'ok')],
  [
    '/readyz',
    async (sources: AdminSources) => {
      const reason = await obstacle(sources);
      return reason === undefined ? plain(200, 'ready') : plain(503, `not ready: ${reason}`);
    },
  ],
]);
